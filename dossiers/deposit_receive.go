package dossiers

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parapheur/circuits"
	"parapheur/signing"
)

// ErrTooLarge says that a document exceeds the town's limit.
var ErrTooLarge = errors.New("document too large")

// ErrLocked says that the letter came with a signature after which nothing may
// be signed any more (DocMDP or field lock, ISO 32000-2, 12.8.2.2, 12.8.2.4).
var ErrLocked = errors.New("the signatures of the letter allow no other")

// ErrUnreadable says that a document can be shown and could not be signed: its
// structure is not one that an incremental update can follow.
var ErrUnreadable = errors.New("the document could not be signed later")

// A Received is a PDF that was checked, and is of no dossier yet. It is stored
// unless it was only checked beforehand.
type Received struct {
	Name      string
	Bytes     int64
	SHA256    circuits.Digest
	Pages     int
	Signed    bool   // it came with signatures of its own
	Locked    bool   // and they allow no other
	Unsound   string // or do not hold: why, as a sentence in French
	Archival  string // the PDF/A that it claims: "2b"; empty for none
	HashState []byte
	Notices   []Notice // what its depositor should know, worst first

	sizes [][2]float64 // width and height of each page as shown, in points
}

// Receive takes one PDF in: it is spooled while it is hashed, checked in
// bounded memory, held against the rules of the town, written anew once if it
// is untidy or protected, and stored under its digest. A refused one leaves
// nothing behind. A signed one is stored as it came.
func (o *Office) Receive(ctx context.Context, t Tenant, name string, r io.Reader) (Received, error) {
	return o.receive(ctx, t, name, r, o.store)
}

// Precheck checks a PDF like Receive, and keeps nothing of it.
func (o *Office) Precheck(ctx context.Context, v Viewer, name string, r io.Reader) (Received, error) {
	if v.Person != nil && !v.Person.Drafter {
		return Received{}, fmt.Errorf("check beforehand: %w", ErrForbidden)
	}
	return o.receive(ctx, v.Tenant, name, r, func(context.Context, *os.File, Received) error { return nil })
}

func (o *Office) receive(ctx context.Context, t Tenant, name string, r io.Reader, keep keeper) (Received, error) {
	got := Received{Name: fileName(name)}
	rules, err := o.rules(ctx, t)
	if err != nil {
		return got, fmt.Errorf("receive %s: %w", got.Name, err)
	}
	upload := func(f *os.File) (hash.Hash, int64, error) {
		h := sha256.New()
		m := &meter{w: io.MultiWriter(f, h), left: o.MaxBytes}
		_, err := io.Copy(m, r)
		return h, o.MaxBytes - m.left, err
	}
	admit := func(found Intake) error {
		if t.Sandbox() && found.Signed {
			return &InvalidError{"document", "Ce PDF est déjà signé : dans un bac à sable, tout document porte la marque SPÉCIMEN, qui casserait sa signature. Déposez un PDF sans signature."}
		}
		return rules.admit(found.Contents)
	}
	if err := o.freeze(ctx, &got, upload, freezing{admit: admit, keep: keep, mend: true, specimen: t.Sandbox()}); err != nil {
		return got, fmt.Errorf("receive %s: %w", got.Name, err)
	}
	return got, nil
}

// A keeper does something with a file that is accepted.
type keeper func(ctx context.Context, f *os.File, got Received) error

// A filler writes a file and answers its hash and size.
type filler func(f *os.File) (hash.Hash, int64, error)

// freezing says how a file is frozen.
type freezing struct {
	admit func(Intake) error // may refuse what was found; nil admits all
	keep  keeper
	mend  bool // an untidy, protected or unreadable file is written anew, once
	// specimen has every file written anew, with the word across its pages.
	specimen bool
}

// freeze spools what fill writes, inspects and keeps it.
func (o *Office) freeze(ctx context.Context, got *Received, fill filler, how freezing) error {
	f, err := os.CreateTemp(o.Spool, "depot-*.pdf")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already once stored by rename
	defer f.Close()           //nolint:errcheck // read only from here on
	h, size, err := fill(f)
	if err != nil {
		return err
	}
	got.Bytes, got.SHA256 = size, circuits.Digest(h.Sum(nil))
	if got.HashState, err = h.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return fmt.Errorf("hash state: %w", err)
	}
	// The disk works while the check does. Should it fail here, it fails again,
	// and is told, when the bytes are stored.
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = f.Sync()
	}()
	found, err := o.Inspect(ctx, f)
	<-written
	if err != nil {
		return err
	}
	if how.admit != nil {
		if err := how.admit(found); err != nil {
			return err
		}
	}
	why, err := o.accept(f, got, found)
	if how.specimen && err == nil && why == "" {
		why = NoticeSpecimen
	}
	switch {
	case err == nil && why == "":
		return how.keep(ctx, f, *got)
	case how.mend && !found.Signed:
		return o.mend(ctx, f, got, found, why, how)
	case err != nil:
		return err
	}
	return errors.New("the rewritten PDF is still untidy")
}

// accept notes what was found, and answers why the file has to be written anew
// first, if it has. The error says that it could not be signed as it is.
func (o *Office) accept(f *os.File, got *Received, found Intake) (why NoticeCode, err error) {
	got.Pages, got.Signed, got.Archival, got.sizes = found.Pages, found.Signed, found.Archival, found.Sizes
	got.Notices = append(got.Notices, found.Contents...)
	switch {
	case found.Protected:
		return NoticeUnprotected, nil
	case found.Untidy:
		return NoticeRepaired, nil
	}
	// Whatever else reads the file, it is our own reader that will sign it.
	err = signing.Admits(f, got.Bytes)
	got.Locked = errors.Is(err, signing.ErrCertified) || errors.Is(err, signing.ErrLocked)
	if err != nil && !got.Locked {
		return NoticeRepaired, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if found.Signed {
		got.Notices = append(got.Notices, Notice{Code: NoticeSigned})
		if got.Unsound, err = unsound(f, got.Bytes, o.now()); err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
	}
	return "", nil
}

// unsound says, as a sentence, why the signatures of a file do not hold; empty
// when none is known to be false. Whom they are of is not asked.
func unsound(f *os.File, size int64, at time.Time) (string, error) {
	rep, err := signing.Check(f, size, signing.CheckOptions{At: at})
	if err != nil || rep.Verdict != signing.Invalid {
		return "", err
	}
	found := slices.Clone(rep.Reasons)
	for _, s := range rep.Signatures {
		found = append(found, s.Reasons...)
	}
	for _, r := range found {
		if r.Verdict() == signing.Invalid {
			return r.French(), nil
		}
	}
	return "Elle n’est pas valide.", nil
}

// sound refuses a letter to sign that came with a signature which is false.
func (r Received) sound() error {
	if r.Locked {
		return ErrLocked
	}
	if r.Unsound != "" {
		return &InvalidError{"document", "Ce PDF porte une signature qui n’est pas valide, et une autre posée dessus n’y changerait rien. " + r.Unsound + " Demandez à son auteur un exemplaire intact."}
	}
	return nil
}

// mend keeps the file written anew instead; once is enough.
func (o *Office) mend(ctx context.Context, f *os.File, got *Received, found Intake, why NoticeCode, how freezing) error {
	*got = Received{Name: got.Name, Notices: []Notice{{Code: why}}}
	if how.specimen && why != NoticeSpecimen {
		got.Notices = append(got.Notices, Notice{Code: NoticeSpecimen})
	}
	err := o.freeze(ctx, got, o.rewriting(ctx, f, Edit{Specimen: how.specimen}), freezing{keep: how.keep})
	if err != nil {
		return err
	}
	if got.Archival != found.Archival {
		return fmt.Errorf("the repaired PDF claims PDF/A %q instead of %q", got.Archival, found.Archival)
	}
	return nil
}

// rewriting fills a file with pdf written anew. What it writes is inspected
// again, and must need nothing more.
func (o *Office) rewriting(ctx context.Context, pdf *os.File, e Edit) filler {
	return func(f *os.File) (hash.Hash, int64, error) {
		if err := o.Rewrite(ctx, pdf, e, f); err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, 0, fmt.Errorf("measure the rewritten PDF: %w", err)
		}
		h := sha256.New()
		n, err := io.Copy(h, io.NewSectionReader(f, 0, info.Size()))
		return h, n, err
	}
}

// A meter refuses with ErrTooLarge to write more than is left.
type meter struct {
	w    io.Writer
	left int64
}

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, ErrTooLarge
	}
	return m.w.Write(p)
}

// An adopter is a Blobs that can take a file over instead of copying it.
type adopter interface {
	Adopt(ctx context.Context, f *os.File, digest [32]byte) error
}

func (o *Office) store(ctx context.Context, f *os.File, got Received) error {
	if a, ok := o.Blobs.(adopter); ok {
		if err := a.Adopt(ctx, f, got.SHA256); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	digest, _, err := o.Blobs.Put(ctx, f)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if digest != got.SHA256 {
		return errors.New("store: the spooled bytes changed")
	}
	return nil
}

// fileName keeps the last element of what a client calls its file.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unseen(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	if strings.Trim(name, ". ") == "" {
		return "document.pdf"
	}
	if runes := []rune(name); len(runes) > 120 {
		name = string(runes[:116]) + ".pdf"
	}
	return name
}
