package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"parapheur/internal/tooltest"
	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// registry is the evidence of the authorities of a PKI: a list for each certificate of a path, and
// for the signers an OCSP answer instead, when ocsp is true.
type registry struct {
	t     testing.TB
	o     *office
	ocsp  bool
	err   error
	calls int
	times []time.Time
}

func (r *registry) Collect(_ context.Context, paths [][]*x509.Certificate, at time.Time) (signing.Evidence, error) {
	r.calls++
	r.times = append(r.times, at)
	var e signing.Evidence
	for _, path := range paths {
		e.Certs = append(e.Certs, path...)
		for i, cert := range path[:len(path)-1] {
			authority := r.o.pki.Root
			if path[i+1].Equal(r.o.pki.Issuing.Certificate) {
				authority = r.o.pki.Issuing
			}
			if r.ocsp && i == 0 {
				e.OCSPs = append(e.OCSPs, r.o.answer(r.t, cert, authority, nil))
			} else {
				e.CRLs = append(e.CRLs, []byte(r.o.listOf(r.t, authority, nil, time.Time{})))
			}
		}
	}
	return e, r.err
}

// answer is an OCSP answer of the authority itself, good and fresh unless change says otherwise.
func (o *office) answer(t testing.TB, cert *x509.Certificate, authority signtest.Entity, change func(*ocsp.Response)) []byte {
	t.Helper()
	a := ocsp.Response{Status: ocsp.Good, SerialNumber: cert.SerialNumber, ThisUpdate: signtest.Now(), NextUpdate: signtest.Now().Add(time.Hour)}
	if change != nil {
		change(&a)
	}
	return signtest.Answer(t, authority, authority, a)
}

func (o *office) augmenting(t testing.TB, level signing.Level) signing.AugmentOptions {
	return signing.AugmentOptions{Level: level, Evidence: &registry{t: t, o: o}, Timestamper: o.pki, Trust: o.options()}
}

// augment appends one augmentation and checks the prefix property.
func augment(t testing.TB, file []byte, opt signing.AugmentOptions) []byte {
	t.Helper()
	tail, err := signing.Augment(t.Context(), source(file), opt)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(file), tail...)
}

// levels of the signatures of a valid report, time-stamps left out.
func levelsOf(t testing.TB, r *signing.Report) []string {
	t.Helper()
	if r.Verdict != signing.Valid {
		t.Errorf("not valid: %s", show(r))
	}
	out := []string{}
	for _, s := range r.Signatures {
		if s.Kind == signing.KindSignature {
			out = append(out, s.Level)
		}
	}
	return out
}

func repeat(level signing.Level, n int) []string { return slices.Repeat([]string{level.String()}, n) }

// evidenceDigests counts the streams of each list of the /DSS, and fails on one that is there twice.
func evidenceDigests(t testing.TB, file []byte) map[string]int {
	t.Helper()
	doc := openDoc(t, file)
	_, cat, err := doc.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	dss, err := doc.Dict(cat.Get("DSS"))
	if err != nil {
		t.Fatal(err)
	}
	if dss.Get("VRI") != nil {
		t.Error("/VRI, which should not be used")
	}
	out, seen := map[string]int{}, map[[32]byte]bool{}
	for _, k := range []pdf.Name{"Certs", "CRLs", "OCSPs"} {
		list, err := doc.Array(dss.Get(k))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			o, err := doc.Resolve(v)
			if err != nil {
				t.Fatal(err)
			}
			der, err := doc.Decode(o.(*pdf.Stream), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(der); seen[sum] {
				t.Errorf("a stream of /%s is there twice", k)
			} else {
				seen[sum] = true
			}
			out[string(k)]++
		}
	}
	return out
}

// One signature and three chained ones reach each level, with lists and with OCSP; the level holds
// when a signature follows, and renewal keeps it.
func TestAugmentReachesTheLevels(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one := o.sign(t, base(letterObjects()), o.mayor, signing.BT)
	three := o.sign(t, o.sign(t, o.sign(t, base(letterObjects()), o.drafter, signing.BT), o.mayor, signing.BT), o.drafter, signing.BT)
	for name, c := range map[string]struct {
		file  []byte
		count int
		ocsp  bool
	}{"one": {one, 1, false}, "one, OCSP": {one, 1, true}, "three": {three, 3, false}, "three, OCSP": {three, 3, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opt := o.augmenting(t, signing.BLT)
			opt.Evidence = &registry{t: t, o: o, ocsp: c.ocsp}
			lt := augment(t, c.file, opt)
			r := o.check(t, lt)
			if got, want := levelsOf(t, r), repeat(signing.BLT, c.count); !slices.Equal(got, want) {
				t.Errorf("LT: %s", show(r))
			}
			if len(r.Revisions) != c.count+2 || !r.Revisions[c.count+1].Evidence {
				t.Errorf("revisions %+v", r.Revisions)
			}
			evidenceDigests(t, lt)
			again, err := signing.Augment(t.Context(), source(lt), opt)
			if err != nil || len(again) != 0 {
				t.Errorf("LT again: %d bytes, %v", len(again), err)
			}
			opt.Level = signing.BLTA
			direct, later := augment(t, c.file, opt), augment(t, lt, opt)
			for what, file := range map[string][]byte{"LTA": direct, "LT then LTA": later, "renewed": augment(t, direct, opt)} {
				r := o.check(t, file)
				if got, want := levelsOf(t, r), repeat(signing.BLTA, c.count); !slices.Equal(got, want) {
					t.Errorf("%s: %s", what, show(r))
				}
				if last := r.Signatures[len(r.Signatures)-1]; last.Kind != signing.KindDocumentTimestamp || !last.CoversWholeFile {
					t.Errorf("%s: the archive time-stamp is %+v", what, last)
				}
				evidenceDigests(t, file)
				if out := tooltest.On(t, file, "qpdf", "--check", "FILE"); bytes.Contains([]byte(out), []byte("WARNING")) {
					t.Errorf("%s: %s", what, out)
				}
			}
			if r := o.check(t, direct); len(r.Revisions) != c.count+2 {
				t.Errorf("evidence and time-stamp should share one increment: %+v", r.Revisions)
			}
			// The paths of the next signature are those of the others, which the document proves already.
			signed := o.sign(t, direct, o.mayor, signing.BT)
			if got, want := levelsOf(t, o.check(t, signed)), append(repeat(signing.BLTA, c.count), signing.BLT.String()); !slices.Equal(got, want) {
				t.Errorf("signed after the archive: %v", got)
			}
		})
	}
}

// Every kind of file reaches LTA and is renewed, and nothing that was there changes.
func TestAugmentEveryKindOfFile(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	files := pdftest.Sound()
	maps.Copy(files, rewritten(t))
	for name, doc := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := o.sign(t, doc, o.mayor, signing.BT)
			for range 2 {
				next := augment(t, file, o.augmenting(t, signing.BLTA))
				checkKept(t, file, next)
				file = next
			}
			if got := levelsOf(t, o.check(t, file)); !slices.Equal(got, repeat(signing.BLTA, 1)) {
				t.Error(got)
			}
			if out := tooltest.On(t, file, "qpdf", "--check", "FILE"); bytes.Contains([]byte(out), []byte("WARNING")) {
				t.Error(out)
			}
		})
	}
}

// A signature without time-stamp gets a document time-stamp first, and is then raised like the others.
func TestAugmentStampsWhatHasNoTimestamp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, file := o.twice(t) // B-B, then B-T
	for _, level := range []signing.Level{signing.BLT, signing.BLTA} {
		opt := o.augmenting(t, level)
		state, err := signing.NewHashState(t.Context(), source(file), crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		plain := augment(t, file, opt)
		if r := o.check(t, plain); !slices.Equal(levelsOf(t, r), repeat(level, 2)) {
			t.Errorf("%v: %s", level, show(r))
		}
		opt.HashState = state
		if r := o.check(t, augment(t, file, opt)); !slices.Equal(levelsOf(t, r), repeat(level, 2)) {
			t.Errorf("%v from a hash state: %s", level, show(r))
		}
	}
	opt := o.augmenting(t, signing.BLT)
	opt.Timestamper = nil
	_, err := signing.Augment(t.Context(), source(file), opt)
	wantErr(t, err, signing.ErrOptions)
}

// Evidence is asked for the time of the stamp, and once: what the document proves is not asked again,
// because the authority forgets certificates that have expired.
func TestAugmentAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	reg := &registry{t: t, o: o}
	opt := o.augmenting(t, signing.BLTA)
	opt.Evidence = reg
	file := augment(t, o.sign(t, base(letterObjects()), o.mayor, signing.BT), opt)
	if reg.calls != 2 || slices.ContainsFunc(reg.times, func(at time.Time) bool { return !at.Equal(signtest.Now()) }) {
		t.Errorf("%d calls for %v", reg.calls, reg.times)
	}
	reg.err = errors.New("the authority no longer answers")
	opt.Trust.At = signtest.Now().AddDate(3, 0, 0)
	if got := levelsOf(t, o.check(t, augment(t, file, opt))); !slices.Equal(got, repeat(signing.BLTA, 1)) || reg.calls != 2 {
		t.Errorf("renewal: %v after %d calls", got, reg.calls)
	}
}

// Sign reaches the higher levels in one go, whatever the key, and copies the document on its way.
func TestSignAtHigherLevels(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, level := range []signing.Level{signing.BLT, signing.BLTA} {
		for name, key := range map[string]crypto.Signer{"P-256": signtest.P256(t), "P-384": signtest.P384(t)} {
			p := newPerson(t, o.pki, "Maire", key)
			doc := pdftest.Letter(2)
			var copied bytes.Buffer
			opt := signing.Options{Claims: claims(), Level: level, CopyTo: &copied, Augment: o.augmenting(t, 0)}
			file := signed(t, doc, opt, p, o.pki)
			if r := o.check(t, file); !slices.Equal(levelsOf(t, r), repeat(level, 1)) {
				t.Errorf("%s: %s", name, show(r))
			}
			if !bytes.Equal(copied.Bytes(), doc) {
				t.Errorf("%s: %d bytes copied of %d", name, copied.Len(), len(doc))
			}
			opt.Augment.Evidence = &registry{t: t, o: o, err: errors.New("down")}
			_, err := signing.Sign(t.Context(), source(doc), opt, p, o.pki)
			wantErr(t, err, signing.ErrEvidence)
			opt.Augment = signing.AugmentOptions{}
			_, err = signing.Sign(t.Context(), source(doc), opt, p, o.pki)
			wantErr(t, err, signing.ErrOptions)
		}
	}
}

func TestAugmentRefuses(t *testing.T) {
	t.Parallel()
	o, stranger := newOffice(t), newOffice(t)
	file := o.sign(t, base(letterObjects()), o.mayor, signing.BT)
	page := letterObjects()[3]
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	down := errors.New("down")
	mixed := stranger.sign(t, o.sign(t, base(letterObjects()), o.mayor, signing.BT), stranger.mayor, signing.BT)
	for name, c := range map[string]struct {
		ctx    context.Context
		file   []byte
		change func(*signing.AugmentOptions)
		want   error
	}{
		"level B-T":              {file: file, change: func(a *signing.AugmentOptions) { a.Level = signing.BT }, want: signing.ErrOptions},
		"no evidence":            {file: file, change: func(a *signing.AugmentOptions) { a.Evidence = nil }, want: signing.ErrOptions},
		"no roots":               {file: file, change: func(a *signing.AugmentOptions) { a.Trust.Roots = nil }, want: signing.ErrOptions},
		"no time":                {file: file, change: func(a *signing.AugmentOptions) { a.Trust.At = time.Time{} }, want: signing.ErrOptions},
		"no authority":           {file: file, change: func(a *signing.AugmentOptions) { a.Timestamper = nil }, want: signing.ErrOptions},
		"SHA-1":                  {file: file, change: func(a *signing.AugmentOptions) { a.Hash = crypto.SHA1 }, want: signing.ErrAlgorithm},
		"endless reserve":        {file: file, change: func(a *signing.AugmentOptions) { a.TokenReserve = 1 << 30 }, want: signing.ErrOptions},
		"small reserve":          {file: file, change: func(a *signing.AugmentOptions) { a.TokenReserve = 100 }, want: signing.ErrReserve},
		"no signature":           {file: base(letterObjects()), want: signing.ErrUnsound},
		"not a PDF":              {file: []byte("hello"), want: signing.ErrMalformed},
		"modified afterwards":    {file: revise(file, map[int]string{3: page[:len(page)-2] + "/Rotate 90>>"}, ""), want: signing.ErrUnsound},
		"trailing bytes":         {file: append(bytes.Clone(file), "hello"...), want: signing.ErrUnsound},
		"unknown authority":      {file: stranger.sign(t, base(letterObjects()), stranger.mayor, signing.BT), want: signing.ErrUnsound},
		"one unknown authority":  {file: mixed, want: signing.ErrUnsound},
		"only unknown, allowed":  {file: stranger.sign(t, base(letterObjects()), stranger.mayor, signing.BT), change: func(a *signing.AugmentOptions) { a.AllowUnknown = true }, want: signing.ErrUnsound},
		"evidence cannot be had": {file: file, change: func(a *signing.AugmentOptions) { a.Evidence = &registry{t: t, o: o, err: down} }, want: down},
		"authority down":         {file: file, change: func(a *signing.AugmentOptions) { a.Timestamper = failing{down} }, want: down},
		"token of a stranger":    {file: file, change: func(a *signing.AugmentOptions) { a.Timestamper = stranger.pki }, want: signing.ErrTimestamp},
		"evidence of a stranger": {file: file, change: func(a *signing.AugmentOptions) { a.Evidence = &registry{t: t, o: stranger} }, want: signing.ErrEvidence},
		"cancelled":              {ctx: ended, file: file, want: context.Canceled},
		"state of other bytes":   {file: file, change: func(a *signing.AugmentOptions) { a.HashState = signing.HashState("sha\x03") }, want: signing.ErrHashState},
	} {
		opt := o.augmenting(t, signing.BLTA)
		if c.change != nil {
			c.change(&opt)
		}
		if c.ctx == nil {
			c.ctx = t.Context()
		}
		if tail, err := signing.Augment(c.ctx, source(c.file), opt); !errors.Is(err, c.want) || tail != nil {
			t.Errorf("%s: %d bytes, %v", name, len(tail), err)
		}
	}
	opt := o.augmenting(t, signing.BLTA)
	opt.AllowUnknown = true
	r := o.check(t, augment(t, mixed, opt))
	if r.Signatures[0].Level != signing.BLTA.String() || r.Signatures[1].Level == signing.BLTA.String() || r.Verdict != signing.Unknown {
		t.Errorf("unknown allowed: %s", show(r))
	}
}

// A document certified against any change may still be archived (ISO 32000-2, 12.8.2.2).
func TestAugmentCertified(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	file := o.sign(t, base(letterObjects()), o.mayor, signing.BT)
	certifying := forgery{certify: 1, name: "(certif)", value: func(d []byte) []byte { return o.stampedCMS(t, d) }}
	if got := levelsOf(t, o.check(t, augment(t, certifying.apply(t, file), o.augmenting(t, signing.BLTA)))); !slices.Equal(got, repeat(signing.BLTA, 2)) {
		t.Error(got)
	}
}

// BenchmarkArchive brings a document from nothing to B-LTA with a local authority and local evidence,
// against the same floor as BenchmarkSign.
func BenchmarkArchive(b *testing.B) {
	o := newOffice(b)
	p := newPerson(b, o.pki, "Maire", signtest.P256(b))
	for _, size := range []int{100 << 10, 10 << 20, 100 << 20} {
		doc := pdftest.Big(size)
		out := make([]byte, len(doc)+1<<20)
		opt := signing.Options{Claims: claims(), Level: signing.BLTA, Augment: o.augmenting(b, 0)}
		b.Run(fmt.Sprintf("size=%dKB", size>>10), func(b *testing.B) {
			ratio(b, floorOf(b, p, doc, out), func(b *testing.B) {
				w := &fixedWriter{b: out}
				o := opt
				o.CopyTo = w
				tail, err := signing.Sign(b.Context(), source(doc), o, p, o.Augment.Timestamper)
				if err != nil {
					b.Fatal(err)
				}
				w.Write(tail)
			})
		})
	}
}
