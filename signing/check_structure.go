package signing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/revisions"
)

// checkChain verifies that the revisions follow each other in the file: each one ends before the
// next one begins, and its cross-reference data lies in it. Word ends a file with an empty section
// whose /XRefStm leads back into the section before: that is accepted until the first signature.
func (c *checker) checkChain() {
	revs := c.doc.Revisions()
	c.broken = len(revs)
	var end int64
	for i, r := range revs {
		c.revisions = append(c.revisions, RevisionReport{Index: i, End: r.End})
		hidden, isHybrid := r.Trailer.Int("XRefStm")
		good := r.EOF > r.XRef && r.XRef >= end && r.End >= r.EOF &&
			(!isHybrid || hidden < r.EOF && (hidden >= end || !c.signedBefore(i)))
		if !good && c.broken == len(revs) {
			c.broken = i
		}
		end = max(end, r.End)
	}
	if last := revs[len(revs)-1]; last.End > 0 && last.End < c.size {
		c.reasons = append(c.reasons, Reason{Code: TrailingBytes, Detail: fmt.Sprint(c.size - last.End)})
	}
}

// signedBefore reports whether a field has a value in a revision before i.
func (c *checker) signedBefore(i int) bool {
	return slices.ContainsFunc(c.found, func(s *candidate) bool { return s.first < i })
}

// locate checks the dictionary of a signature and finds the revision that its bytes are.
func (c *checker) locate(s *candidate) error {
	s.rep.Revision, s.rep.Field, s.rep.Kind = -1, s.sig.Field.Name, KindSignature
	if s.sig.Dict == nil {
		s.add(SignatureUnreadable, "")
		return nil
	}
	c.describe(s)
	for _, k := range []pdf.Name{"Type", "Filter", "SubFilter", "M", "Contents", "ByteRange", "Cert", "Reference"} {
		if len(s.sig.Dict.All(k)) > 1 {
			s.add(DuplicateEntry, "/"+string(k))
		}
	}
	if !s.readEntries() {
		return nil
	}
	return c.locateRevision(s)
}

// describe copies what the dictionary claims.
func (c *checker) describe(s *candidate) {
	d := s.sig.Dict
	sub, _ := d.Get("SubFilter").(pdf.Name)
	s.rep.SubFilter = sub.Decoded()
	if t, _ := d.Get("Type").(pdf.Name); t.Is("DocTimeStamp") || sub.Is("ETSI.RFC3161") {
		s.rep.Kind = KindDocumentTimestamp
	}
	text := func(k pdf.Name) string {
		raw, _ := d.Get(k).(pdf.Raw)
		return raw.Text()
	}
	s.rep.ClaimedName, s.rep.Reason, s.rep.Location = text("Name"), text("Reason"), text("Location")
	if raw, ok := d.Get("M").(pdf.Raw); ok {
		if t, ok := raw.Time(); ok {
			s.rep.ClaimedTime = &t
		}
	}
}

// readEntries reads /Contents and /ByteRange; it reports false when they cannot be used.
func (s *candidate) readEntries() bool {
	contents, hasContents := entryToken(s.sig.Contents)
	if hasContents = hasContents && len(bytes.Trim(contents.Bytes(), "\x00")) > 0; !hasContents {
		s.add(ContentsMissing, "")
	}
	ranges, _ := entryValue(s.sig.ByteRange).(pdf.Array)
	if len(ranges) == 0 {
		s.add(ByteRangeMissing, "")
	}
	if !hasContents || len(ranges) == 0 {
		return false
	}
	if s.sig.Contents[0].Start == 0 || s.sig.ByteRange[0].Start == 0 {
		s.add(InObjectStream, "")
		return false
	}
	var n []int64
	for _, v := range ranges {
		raw, _ := v.(pdf.Raw)
		i, ok := raw.Int()
		if !ok || len(n) == 4 {
			s.add(ByteRangeMalformed, "")
			return false
		}
		n = append(n, i)
	}
	s.rep.ByteRange = n
	return s.readRange(n, contents)
}

func (s *candidate) readRange(n []int64, contents pdf.Raw) bool {
	if len(n) != 4 || n[0] != 0 || n[1] <= 0 || n[2] <= n[1] || n[3] <= 0 || n[3] > 1<<62-n[2] {
		s.add(ByteRangeMalformed, "")
		return false
	}
	s.a, s.b, s.end = n[1], n[2], n[2]+n[3]
	if e := s.sig.Contents[0]; e.Start != s.a || e.End != s.b || contents[0] != '<' {
		s.add(ByteRangeGap, "")
		return false
	}
	for _, c := range contents[1 : len(contents)-1] {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			s.add(ByteRangeGap, "")
			return false
		}
	}
	s.cms = contents.Bytes()
	return true
}

func entryValue(e []pdf.Entry) pdf.Object {
	if len(e) == 0 {
		return nil
	}
	return e[0].Value
}

func entryToken(e []pdf.Entry) (pdf.Raw, bool) {
	raw, ok := entryValue(e).(pdf.Raw)
	return raw, ok && raw.IsString()
}

// locateRevision checks that the signed bytes end where the revision that wrote the signature ends,
// and that the dictionary that was read is inside them: a signature that was moved is elsewhere.
func (c *checker) locateRevision(s *candidate) error {
	if s.end > c.size {
		s.add(ByteRangeEnd, "")
		return nil
	}
	revs := c.doc.Revisions()
	i := s.first // the revision that wrote it
	if revs[i].EOF <= 0 || revs[i].EOF > s.end {
		s.add(ByteRangeEnd, "")
		return nil
	}
	if i >= c.broken {
		s.add(RevisionOrder, "")
		return nil
	}
	good, err := c.endsWith(s.end, revs[i])
	if err != nil {
		return err
	}
	if !good {
		s.add(ByteRangeEnd, "")
		return nil
	}
	holder := s.sig.Ref.Number
	if holder == 0 {
		holder = s.sig.Field.Ref.Number
	}
	from, to, err := c.doc.At(i).Extent(holder)
	if errors.Is(err, ErrLimit) {
		return err
	}
	if err != nil || from >= s.a || to <= s.b || to > s.end {
		s.add(DictionaryOutside, "")
		return nil
	}
	s.rep.Revision, s.rep.CoversWholeFile = i, s.end == c.size
	return nil
}

// tailWindow is how far from the end readers look for startxref.
const tailWindow = 1024

// endsWith checks that the file cut at end is the revision rev: nothing but white space follows
// its marker, and its startxref leads to its own cross-reference section.
func (c *checker) endsWith(end int64, rev pdf.Revision) (bool, error) {
	n := min(end, tailWindow)
	b := make([]byte, n)
	if m, err := c.r.ReadAt(b, end-n); int64(m) < n {
		return false, fmt.Errorf("reading the end of a revision: %w", noEOF(err))
	}
	if end-rev.EOF >= n || len(bytes.Trim(b[n-(end-rev.EOF):], "\x00\t\n\f\r ")) > 0 {
		return false, nil
	}
	i := bytes.LastIndex(b, []byte("startxref"))
	if i < 0 {
		return false, nil
	}
	f := bytes.Fields(b[i+len("startxref"):])
	if len(f) == 0 {
		return false, nil
	}
	at, err := strconv.ParseInt(string(bytes.TrimSuffix(f[0], []byte("%%EOF"))), 10, 64)
	return err == nil && at == rev.XRef, nil
}

func noEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxReported bounds the changes listed for one signature.
const maxReported = 32

// compare reports to each signature what the revisions after its own did.
func (c *checker) compare() error {
	from := len(c.revisions)
	for _, s := range c.found {
		if s.rep.Revision >= 0 {
			from = min(from, s.rep.Revision)
		}
	}
	if from == len(c.revisions) {
		return nil
	}
	if c.broken < len(c.revisions) {
		c.later(c.broken, Reason{Code: RevisionOrder, Revision: c.broken})
	}
	diffs, err := revisions.Compare(c.doc, from)
	if errors.Is(err, ErrMalformed) {
		c.later(len(c.revisions)-1, Reason{Code: RevisionUnreadable, Revision: len(c.revisions) - 1})
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range diffs {
		rev := &c.revisions[d.Revision]
		rev.Evidence = d.Evidence
		for _, ch := range d.Changes {
			r := Reason{Code: Code(ch.Kind), Revision: d.Revision, Object: ch.Object, Role: ch.Role, Detail: ch.Detail}
			rev.Changes = append(rev.Changes, r)
			c.later(d.Revision, r)
		}
		for _, f := range d.Filled {
			c.filled(d.Revision, f)
		}
		if len(d.Signatures) > 0 {
			c.certified(d.Revision)
		}
	}
	return nil
}

// later gives a reason to the signatures made before revision r.
func (c *checker) later(r int, reason Reason) {
	for _, s := range c.before(r) {
		s.report(reason)
	}
}

// report adds a reason within the bound, which never hides the first one that makes it Invalid.
func (s *candidate) report(reason Reason) {
	if len(s.rep.Reasons) < maxReported || reason.Verdict() == Invalid && !s.failed() {
		s.rep.Reasons = append(s.rep.Reasons, reason)
	}
}

// certified applies a certification that allows no change (DocMDP with P=1, ISO 32000-2,
// 12.8.2.2) to a revision that adds a signature; time-stamps and evidence stay allowed.
func (c *checker) certified(r int) {
	for _, s := range c.before(r) {
		if c.permission(s) == 1 {
			s.rep.Reasons = append(s.rep.Reasons, Reason{Code: CertifiedAgainst, Revision: r})
		}
	}
}

// permission returns the /P of the DocMDP transform of a signature, 0 without one.
func (c *checker) permission(s *candidate) int64 {
	refs, err := c.doc.Array(s.sig.Dict.Get("Reference"))
	if err != nil {
		return 1 // what cannot be read forbids
	}
	for _, v := range refs {
		d, err := c.doc.Dict(v)
		if m, _ := d.Get("TransformMethod").(pdf.Name); err != nil || !m.Is("DocMDP") {
			continue
		}
		params, err := c.doc.Dict(d.Get("TransformParams"))
		if err != nil {
			return 1
		}
		if n, err := c.doc.Int(params.Get("P")); err == nil {
			return n
		}
		return 2
	}
	return 0
}
