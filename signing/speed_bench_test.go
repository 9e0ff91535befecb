package signing_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/digitorus/pdfsign"

	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// BenchmarkPdfsign signs with digitorus/pdfsign, at the format that it knows, against the same floor as
// BenchmarkSign; x/ours compares with our B-B of the same document in the same run.
func BenchmarkPdfsign(b *testing.B) {
	pki := signtest.New(b)
	p := newPerson(b, pki, "Maire", signtest.P256(b))
	// It fetches revocation lists unless the certificate names none.
	quiet := pki.Signer(b, "Maire", p.Key, func(c *x509.Certificate) { c.CRLDistributionPoints, c.IssuingCertificateURL = nil, nil })
	for _, size := range []int{100 << 10, 10 << 20, 100 << 20} {
		doc := pdftest.Big(size)
		out := make([]byte, len(doc)+64<<10)
		floor := floorOf(b, p, doc, out)
		theirs := func(b *testing.B) {
			d, err := pdfsign.Open(bytes.NewReader(doc), int64(len(doc)))
			if err != nil {
				b.Fatal(err)
			}
			d.Sign(quiet.Key, quiet.Certificate).Reason("Bon pour accord").SignerName("Maire")
			if _, err := d.Write(&fixedWriter{b: out}); err != nil {
				b.Fatal(err)
			}
		}
		ours := func(b *testing.B) {
			w := &fixedWriter{b: out}
			tail, err := signing.Sign(b.Context(), source(doc), signing.Options{Claims: claims(), Field: signing.Field{Invisible: true}, CopyTo: w}, p, nil)
			if err != nil {
				b.Fatal(err)
			}
			w.Write(tail)
		}
		b.Run(fmt.Sprintf("size=%dKB", size>>10), func(b *testing.B) {
			ratio(b, floor, theirs)
			b.ReportMetric(compare(b, theirs, ours), "x/ours")
		})
	}
}

// compare is the ratio of the medians of two pieces of work, taken in alternation.
func compare(b *testing.B, one, other func(*testing.B)) float64 {
	b.StopTimer()
	defer b.StartTimer()
	var x, y []time.Duration
	for range 5 {
		t := time.Now()
		one(b)
		x = append(x, time.Since(t))
		t = time.Now()
		other(b)
		y = append(y, time.Since(t))
	}
	return float64(median(x)) / float64(median(y))
}

// BenchmarkTail signs 100 MB from a saved hash state, which touches the tail alone, and compares with
// signing 100 KB from beginning to end: the bar is 2.
func BenchmarkTail(b *testing.B) {
	pki := signtest.New(b)
	p := newPerson(b, pki, "Maire", signtest.P256(b))
	small, big := pdftest.Big(100<<10), pdftest.Big(100<<20)
	state, err := signing.NewHashState(b.Context(), source(big), crypto.SHA256)
	if err != nil {
		b.Fatal(err)
	}
	sign := func(doc []byte, opt signing.Options) func(b *testing.B) {
		return func(b *testing.B) {
			if _, err := signing.Sign(b.Context(), source(doc), opt, p, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, visible := range []bool{false, true} {
		opt := signing.Options{Claims: claims(), Field: signing.Field{Invisible: !visible}}
		saved := opt
		saved.HashState = state
		b.Run(fmt.Sprintf("visible=%v", visible), func(b *testing.B) {
			work := sign(big, saved)
			for range b.N {
				work(b)
			}
			b.ReportMetric(compare(b, work, sign(small, opt)), "x/100KB")
		})
	}
}

// BenchmarkBatch signs 200 letters of 100 KB at B-T with a block, in this process, with a local
// authority. The floor of a letter is its copy, its SHA-256, and two uses of a key: the signer's and
// the authority's.
func BenchmarkBatch(b *testing.B) {
	const letters = 200
	pki := signtest.New(b)
	p := newPerson(b, pki, "Maire", signtest.P256(b))
	doc := pdftest.Big(100 << 10)
	out := make([]byte, len(doc)+64<<10)
	floor := func(b *testing.B) {
		for range letters {
			copy(out, doc)
			sum := sha256.Sum256(doc)
			for _, k := range []crypto.Signer{p.Key, pki.Unit.Key} {
				if _, err := k.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	ratio(b, floor, func(b *testing.B) {
		for range letters {
			w := &fixedWriter{b: out}
			tail, err := signing.Sign(b.Context(), source(doc), signing.Options{Claims: claims(), Level: signing.BT, CopyTo: w}, p, pki)
			if err != nil {
				b.Fatal(err)
			}
			w.Write(tail)
		}
	})
	b.ReportMetric(letters*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}

// BenchmarkVerify checks a document of three signatures brought to B-LTA. The floor is one SHA-256 of the
// document and one verification for each signature, token and certificate under them.
func BenchmarkVerify(b *testing.B) {
	o := newOffice(b)
	for _, size := range []int{100 << 10, 10 << 20, 100 << 20} {
		file := pdftest.Big(size)
		for _, who := range []signing.Signer{o.drafter, o.mayor, o.drafter} {
			file = o.sign(b, file, who, signing.BT)
		}
		file = augment(b, file, o.augmenting(b, signing.BLTA))
		const values = 3 + 4 // signatures and tokens
		floor := func(b *testing.B) {
			sha256.Sum256(file)
			for range values + 3 { // and the certificates of the two signers, of their authority
				if err := o.pki.Issuing.Certificate.CheckSignatureFrom(o.pki.Root.Certificate); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("size=%dKB", size>>10), func(b *testing.B) {
			ratio(b, floor, func(b *testing.B) {
				r, err := signing.Check(bytes.NewReader(file), int64(len(file)), o.options())
				if err != nil || r.Verdict != signing.Valid || r.Signatures[0].Level != "PAdES-BASELINE-LTA" {
					b.Fatal(err, show(r))
				}
			})
		})
	}
}
