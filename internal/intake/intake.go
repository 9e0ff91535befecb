// Package intake checks an uploaded PDF before it is frozen: is it a PDF, is it whole, can it be read and later signed,
// and if not, what does its author have to do about it, in French.
//
// The check runs pdfcpu in a child process with limits (package child), offline and without a configuration folder. It
// never changes the file; [Inspector.Rewrite] makes another one, repaired, without its protection, with annexes behind it
// and stamps on it, and refuses a signed file.
//
//	upload ─ Sniff ─ Inspect ─┬─ refused: one sentinel, explained by French
//	                          ├─ tidy, free, nothing to add: frozen as it is
//	                          └─ otherwise Rewrite ─ Inspect again ─ frozen
//
// It reports active content (findings.go) and decides nothing about it: which kinds a town refuses is package dossiers'.
// It says nothing about the rest of the contents: what a page shows is package render's, what a signature is worth is
// package signing's.
//
// # Failure handling
//
// Each refusal is one of the sentinels below, with an explanation in [French]; a child that crashes or exhausts its
// memory is [ErrDamaged], one that takes too long [ErrTimeout]. Any other error is ours, not the file's, and the upload
// may be tried again.
package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"parapheur/internal/child"
)

// Refusals.
var (
	// ErrNotPDF says that the file does not begin like a PDF.
	ErrNotPDF = errors.New("not a PDF")
	// ErrTruncated says that the end of the file is missing.
	ErrTruncated = errors.New("the PDF is truncated")
	// ErrDamaged says that the structure cannot be read.
	ErrDamaged = errors.New("the PDF is damaged")
	// ErrEncrypted says that the file cannot be read without a password.
	ErrEncrypted = errors.New("the PDF is encrypted")
	// ErrProtectedSigned says that the file is signed and protected against changes: lifting the protection would break
	// the signature, and nothing can be added without lifting it.
	ErrProtectedSigned = errors.New("the PDF is signed and protected")
	// ErrSigned says that a rewriting was asked which would break a signature.
	ErrSigned = errors.New("the PDF is signed")
	// ErrArchival says that a rewriting was asked which would cost the file its archive format (PDF/A).
	ErrArchival = errors.New("the PDF would no longer be PDF/A")
	// ErrJoin says that the pages of an annex cannot follow those of the letter as they are.
	ErrJoin = errors.New("the annex cannot be joined")
	// ErrTooManyPages says that the file has more pages than the limit.
	ErrTooManyPages = errors.New("the PDF has too many pages")
	// ErrTooLarge says that the file has more bytes than the limit.
	ErrTooLarge = errors.New("the PDF is too large")
	// ErrXFA says that the file is a dynamic XFA form: its pages exist only inside Adobe's own reader.
	ErrXFA = errors.New("the PDF is a dynamic XFA form")
	// ErrTimeout says that the check took too long.
	ErrTimeout = errors.New("checking the PDF took too long")
)

// Limits of what is accepted; the zero value of each field means its default.
type Limits struct {
	MaxBytes    int64         // default 100 MiB
	MaxPages    int           // default 2000
	Timeout     time.Duration // for one file; default 20 s
	MemoryMiB   int           // for one check, beside three times the size of the file; default 384
	MaxChildren int           // checks at the same time; default 2
}

// Info is what the check learnt about an accepted file.
type Info struct {
	Bytes   int64  `json:"bytes"`
	Pages   int    `json:"pages"`
	Version string `json:"version"` // "1.7", "2.0": the catalog's when it names one
	Title   string `json:"title"`   // as the producer wrote it, one line, at most 200 characters; often empty or useless
	// Signed says that the file carries a signature: it may only grow by appended revisions from now on.
	Signed bool `json:"signed"`
	// NeedsRepair says that the file is readable but untidy (bytes before the header or after the end, a wrong offset):
	// repair it before freezing. It is never set together with Signed: such a file is refused.
	NeedsRepair bool `json:"needsRepair"`
	// Protected says that an owner password forbids changes while anybody may read: rewriting lifts it. It is never set
	// together with Signed nor NeedsRepair.
	Protected bool `json:"protected"`
	// PDFA is the archive format that the file claims: "1b", "2u", "3a"; empty for none. Rewriting keeps it.
	PDFA string `json:"pdfa"`
	// Sizes are the width and the height of each page as it is shown, in points.
	Sizes [][2]float64 `json:"sizes"`
	// Findings are the active contents, worst first, at most 50.
	Findings []Finding `json:"findings"`
}

// An Edit says what a rewriting adds.
type Edit struct {
	Annexes []*os.File // whose pages follow those of the letter, in this order
	Stamps  []Stamp    // on pages of the result
	// Specimen draws the word across every page of the result.
	Specimen bool
}

// Inspector checks files, a few at a time. It is safe for concurrent use.
type Inspector struct {
	limits Limits
	pool   *child.Pool
}

// New returns an Inspector.
func New(l Limits) *Inspector {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 100 << 20
	}
	if l.MaxPages <= 0 {
		l.MaxPages = 2000
	}
	if l.Timeout <= 0 {
		l.Timeout = 20 * time.Second
	}
	if l.MemoryMiB <= 0 {
		l.MemoryMiB = 384
	}
	if l.MaxChildren <= 0 {
		l.MaxChildren = 2
	}
	return &Inspector{limits: l, pool: child.NewKeepingPool(l.MaxChildren, child.Keep{
		Tasks: keptFor, Idle: keptWaiting, Memory: l.memory(keptSize), Wall: l.Timeout,
	})}
}

// Children that check ordinary letters are kept, see child.Keep. Larger files and rewritings get one of their own.
const (
	keptFor     = 64 // files
	keptWaiting = 30 * time.Second
	keptSize    = 4 << 20 // bytes
)

// memory is what a check of so many bytes may use.
func (l Limits) memory(size int64) int64 { return int64(l.MemoryMiB)<<20 + 3*size }

// Close ends the children that wait for a file. The Inspector may still be used.
func (i *Inspector) Close() { i.pool.Close() }

// headerWithin is how far from the beginning readers look for the header (ISO 32000-1, annex H.3.4.1).
const headerWithin = 1024

// Sniff looks at the first bytes of an upload, 1024 or all there are: [ErrNotPDF] unless they hold a PDF header. It is
// cheap, and saves nobody from [Inspector.Inspect].
func Sniff(first []byte) error {
	if headerAt(first) < 0 {
		return ErrNotPDF
	}
	return nil
}

// headerAt finds "%PDF-d" in the first bytes; negative when there is none.
func headerAt(first []byte) int {
	first = first[:min(len(first), headerWithin)]
	at := bytes.Index(first, []byte("%PDF-"))
	if at < 0 || at+5 >= len(first) || first[at+5] < '1' || first[at+5] > '9' {
		return -1
	}
	return at
}

// Inspect checks the whole file. The offset of f does not matter and stays where it is.
func (i *Inspector) Inspect(ctx context.Context, f *os.File) (Info, error) {
	size, err := i.size(f)
	if err != nil {
		return Info{}, err
	}
	frames, err := i.run(ctx, child.Task{Input: f}, size, request{MaxPages: i.limits.MaxPages})
	if err != nil {
		return Info{}, err
	}
	info := Info{}
	if len(frames) != 1 || frames[0].Kind != kindInfo {
		return info, fmt.Errorf("check the PDF: %w", child.ErrOutput)
	}
	if err := json.Unmarshal(frames[0].Body, &info); err != nil {
		return info, fmt.Errorf("check the PDF: %w", err)
	}
	info.Bytes = size
	return info, nil
}

// Rewrite writes the file anew into out, an empty file, without what surrounded it and without its protection, with the
// pages of the annexes and the stamps. The result has to be inspected like an upload; the same files give the same
// bytes. Refusals beside those of Inspect: [ErrSigned], [ErrArchival], [ErrJoin].
func (i *Inspector) Rewrite(ctx context.Context, f *os.File, e Edit, out *os.File) error {
	size, err := i.size(f)
	if err != nil {
		return err
	}
	for _, a := range e.Annexes {
		more, err := i.size(a)
		if err != nil {
			return err
		}
		size += more
	}
	_, err = i.run(ctx, child.Task{Input: f, More: append([]*os.File{out}, e.Annexes...)}, size, request{
		MaxPages: i.limits.MaxPages, MaxBytes: i.limits.MaxBytes, Rewrite: true, Annexes: len(e.Annexes), Stamps: e.Stamps, Specimen: e.Specimen,
	})
	return err
}

// size applies the limits that need no parser.
func (i *Inspector) size(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("measure the PDF: %w", err)
	}
	if info.Size() > i.limits.MaxBytes {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size(), i.limits.MaxBytes)
	}
	first := make([]byte, headerWithin)
	n, err := f.ReadAt(first, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read the PDF: %w", err)
	}
	return info.Size(), Sniff(first[:n])
}

func (i *Inspector) run(ctx context.Context, t child.Task, size int64, q request) ([]child.Frame, error) {
	argument, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	t.Job, t.Argument = jobName, argument
	t.Limits = child.Limits{Wall: i.limits.Timeout, Memory: i.limits.memory(size), Output: 1 << 20}
	frames, err := i.pool.Run(ctx, t)
	if err != nil {
		return nil, translate(err)
	}
	return frames, nil
}

// codes are the words the child says for its refusals.
func codes() map[string]error {
	return map[string]error{
		"truncated": ErrTruncated, "damaged": ErrDamaged, "encrypted": ErrEncrypted, "pages": ErrTooManyPages, "xfa": ErrXFA,
		"protected-signed": ErrProtectedSigned, "signed": ErrSigned, "archival": ErrArchival, "join": ErrJoin, "too-large": ErrTooLarge,
	}
}

func translate(err error) error {
	var failure *child.Failure
	switch {
	case errors.As(err, &failure):
		if sentinel, ok := codes()[failure.Code]; ok {
			return fmt.Errorf("%w: %s", sentinel, failure.Detail)
		}
		return fmt.Errorf("check the PDF: %w", failure)
	case errors.Is(err, child.ErrTimeout):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case errors.Is(err, child.ErrCrashed), errors.Is(err, child.ErrOutput):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	default:
		return err
	}
}
