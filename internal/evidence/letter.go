package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/signing"
)

// letterName is the subject of findings about the letter.
const letterName = "letter"

// readLetter hashes the letter in one pass, and each of its first bytes that the dossier names.
func (v *verification) readLetter(ctx context.Context) error {
	cuts := []int64{v.size}
	if v.fold != nil {
		for _, s := range v.states() {
			cuts = append(cuts, s.Bytes)
		}
		for _, a := range v.fold.acts {
			cuts = append(cuts, a.bytes)
		}
	}
	slices.Sort(cuts)
	v.prefixes = make(map[int64]circuits.Digest, len(cuts))
	h, at := sha256.New(), int64(0)
	buf := make([]byte, 256<<10)
	for _, cut := range slices.Compact(cuts) {
		if cut > v.size || cut < at {
			continue
		}
		part := &interruptible{ctx, io.NewSectionReader(v.letter, at, cut-at)}
		if n, err := io.CopyBuffer(h, part, buf); err != nil || n < cut-at {
			return fmt.Errorf("reading the letter: %w", orShort(err))
		}
		at = cut
		v.prefixes[cut] = circuits.Digest(h.Sum(nil))
	}
	v.rep.Letter = &LetterReport{Bytes: v.size, SHA256: v.prefixes[v.size]}
	return nil
}

func orShort(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// interruptible is a reader that stops when its context ends.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// states are the successive states of the current version of the letter: as frozen, after each signature that still stands,
// then after each renewal of its archive time-stamp.
func (v *verification) states() []Version {
	s := v.fold.state
	out := []Version{{s.Version, s.Document, s.Bytes}}
	for _, x := range v.standing() {
		out = append(out, Version{s.Version, x.SHA256, x.Bytes})
	}
	return append(out, v.fold.renewals...)
}

// standing are the signatures of the letter as it is now: those of earlier versions and rounds went with them.
func (v *verification) standing() []Signature {
	var out []Signature
	for _, i := range v.fold.standing() {
		out = append(out, v.fold.signatures[i])
	}
	return out
}

// standing are the indexes of the signatures whose decision still counts.
func (r *replay) standing() []int {
	var out []int
	for i, x := range r.signatures {
		if k := r.sealed[i]; k >= 0 && x.Version == r.state.Version {
			if s := r.state.Decisions[k].Standing; s == circuits.Holds || s == circuits.Maintained {
				out = append(out, i)
			}
		}
	}
	return out
}

// decidedBy is the index of the act for which a signature was made, or -1.
func (r *replay) decidedBy(signature int) int {
	k := r.sealed[signature]
	if k < 0 {
		return -1
	}
	at := r.state.Decisions[k].Event
	return slices.IndexFunc(r.acts, func(a act) bool { return a.before.Events == at })
}

// placeLetter says which state of which version the letter is.
func (v *verification) placeLetter() {
	v.version = v.fold.state.Version
	if v.letter == nil {
		return
	}
	states := v.states()
	last := states[len(states)-1]
	// A copy from before a renewal says and proves the same, for less long.
	for _, s := range slices.Backward(states[len(states)-1-len(v.fold.renewals):]) {
		d, ok := v.prefixes[s.Bytes]
		if !ok || d != s.SHA256 {
			continue
		}
		if v.size > s.Bytes {
			v.rep.add(remark(LetterExtended, letterName, "%d bytes more", v.size-s.Bytes))
		}
		return
	}
	for _, s := range append(states, v.fold.versions...) {
		if s.Bytes == v.size && s.SHA256 == v.rep.Letter.SHA256 {
			v.version = s.Version
			v.rep.add(unverifiable(LetterSuperseded, letterName, "version %d, %d bytes", s.Version, s.Bytes))
			return
		}
	}
	v.rep.add(invalid(LetterUnknown, letterName, "%d bytes, dossier: %d bytes, %s", v.size, last.Bytes, last.SHA256))
}

// signatures verifies those of the PDF.
func (v *verification) signatures() error {
	rep, err := signing.Check(v.letter, v.size, v.opt.check())
	if errors.Is(err, signing.ErrMalformed) || errors.Is(err, signing.ErrLimit) {
		v.rep.add(unverifiable(LetterUnreadable, letterName, "%v", err))
		return nil
	}
	if err != nil {
		return err
	}
	v.rep.Letter.Check = rep
	for i, s := range rep.Signatures {
		switch s.Verdict {
		case signing.Valid:
		case signing.Invalid:
			v.rep.add(invalid(SignatureInvalid, signatureName(i), "%s", codes(s.Reasons)))
		case signing.Unknown:
			v.rep.add(unverifiable(SignatureUnknown, signatureName(i), "%s", codes(s.Reasons)))
		}
	}
	for _, r := range rep.Reasons {
		switch {
		case r.Code == signing.NoSignature: // said otherwise, when one was expected
		case r.Verdict() == signing.Invalid:
			v.rep.add(invalid(SignatureInvalid, letterName, "%s", codes([]signing.Reason{r})))
		case r.Verdict() == signing.Unknown:
			v.rep.add(unverifiable(SignatureUnknown, letterName, "%s", codes([]signing.Reason{r})))
		}
	}
	return nil
}

func signatureName(i int) string { return fmt.Sprintf("%s#%d", letterName, i+1) }

// matchSignatures finds in the letter each signature that the journal recorded, and the decision for which it was made.
func (v *verification) matchSignatures() {
	check := v.rep.Letter.Check
	if check == nil {
		return
	}
	expected := v.fold.standing()
	if len(expected) == 0 {
		v.rep.add(remark(NothingSigned, letterName, ""))
	}
	known, before := map[int]bool{}, v.fold.state.Bytes
	for _, n := range expected {
		want := v.fold.signatures[n]
		// What follows the bytes that it covers, up to those of the fact, is the evidence and the archive time-stamp of its
		// level: the check of the letter accepts nothing else there.
		i := slices.IndexFunc(check.Signatures, func(s signing.SignatureReport) bool {
			return s.Kind == signing.KindSignature && coveredTo(s) > before && coveredTo(s) <= want.Bytes
		})
		before = want.Bytes
		if i < 0 {
			if want.Bytes <= v.size { // otherwise the letter is an earlier state, which was said
				v.rep.add(invalid(SignatureMissing, letterName, "step %d, at %d bytes", want.Step, want.Bytes))
			}
			continue
		}
		known[i] = true
		v.matchSignature(i, check.Signatures[i], want, v.fold.decidedBy(n))
	}
	for i, s := range check.Signatures {
		if !known[i] && s.Kind == signing.KindSignature && coveredTo(s) > v.fold.state.Bytes {
			v.rep.add(unverifiable(SignatureExtra, signatureName(i), "%s", s.Name))
		}
	}
}

// coveredTo is the length of the file that a signature covers.
func coveredTo(s signing.SignatureReport) int64 {
	if len(s.ByteRange) != 4 {
		return -1
	}
	return s.ByteRange[2] + s.ByteRange[3]
}

// clockSkew is how far the clocks of the server and of a time-stamping authority may differ.
const clockSkew = 5 * time.Minute

// matchSignature compares a signature with the fact and with the decision, by its index, for which the key was used.
func (v *verification) matchSignature(i int, s signing.SignatureReport, want Signature, k int) {
	if k < 0 {
		v.rep.add(invalid(SignatureMissing, letterName, "step %d without decision", want.Step))
		return
	}
	d := &v.rep.Decisions[k]
	d.Signature = &i
	name := signatureName(i)
	if s.Certificate == nil || s.Certificate.SHA256 != want.Certificate.String() {
		v.rep.add(invalid(SignatureForeign, name, "journal: %s", want.Certificate))
	} else if d.Verdict == proof.Seal {
		v.rep.add(v.ownSeal(name, s.Certificate.DER))
	} else if !samePerson(d.Name, s.Name) {
		v.rep.add(unverifiable(SignatureName, name, "certificate of %q, decision of %q", s.Name, d.Name))
	}
	if s.Verdict == signing.Valid && levelRank(s.Level) < levelRank(want.Level) {
		v.rep.add(invalid(SignatureLevel, name, "%s, journal: %s", s.Level, want.Level))
	}
	if s.Timestamp != nil && s.Timestamp.Time.Before(d.At.Add(-clockSkew)) {
		v.rep.add(invalid(SignatureTime, name, "stamped %s, decided %s", s.Timestamp.Time.UTC().Format(time.RFC3339), d.At.Format(time.RFC3339)))
	}
	if s.ClaimedTime != nil && !s.ClaimedTime.Truncate(time.Second).Equal(d.At.Truncate(time.Second)) {
		v.rep.add(unverifiable(SignatureClaim, name, "claims %s, decided %s", s.ClaimedTime.UTC().Format(time.RFC3339), d.At.Format(time.RFC3339)))
	}
}

// levelRank orders the names of levels.
func levelRank(name string) int {
	for l := signing.BB; l <= signing.BLTA; l++ {
		if l.String() == name {
			return int(l)
		}
	}
	return -1
}

// samePerson says whether every word of a name is in that of the certificate, whatever their order, accents and capitals:
// certificates say « GARNIER Hélène » or « Hélène GARNIER (Maire) ».
func samePerson(name, certificate string) bool {
	in := words(certificate)
	for _, w := range words(name) {
		if !slices.Contains(in, w) {
			return false
		}
	}
	return name != ""
}

func words(s string) []string {
	plain := strings.NewReplacer("à", "a", "â", "a", "ä", "a", "á", "a", "ã", "a", "ç", "c", "é", "e", "è", "e", "ê", "e", "ë", "e",
		"î", "i", "ï", "i", "í", "i", "ñ", "n", "ô", "o", "ö", "o", "ó", "o", "ù", "u", "û", "u", "ü", "u", "ú", "u", "ÿ", "y",
		"œ", "oe", "æ", "ae").Replace(strings.ToLower(s))
	return strings.FieldsFunc(plain, func(r rune) bool { return (r < 'a' || r > 'z') && r < 128 || r == '’' })
}
