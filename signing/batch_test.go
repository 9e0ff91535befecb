package signing_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"parapheur/internal/tooltest"
	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// card signs any number of documents for one code, and counts how often it was typed.
type card struct {
	person
	asked *atomic.Int32
	short bool // it forgets a value
}

func (c card) SignBatch(ctx context.Context, tbs [][]byte, h crypto.Hash) ([][]byte, error) {
	c.asked.Add(1)
	var out [][]byte
	for _, t := range tbs {
		v, err := c.Sign(ctx, t, h)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if c.short {
		out = out[1:]
	}
	return out, nil
}

// A batch uses the key once, for the documents that can be signed; the others keep their error.
func TestBatchAuthorisesOnce(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	c := card{newPerson(t, pki, "Élise Préfète", signtest.P256(t)), new(atomic.Int32), false}
	jobs := []signing.Job{{Doc: source([]byte("%PDF-1.7\nnothing")), Options: signing.Options{Claims: claims()}}}
	for range 12 {
		jobs = append(jobs, signing.Job{Doc: source(pdftest.Letter(2)), Options: signing.Options{Claims: claims(), Level: signing.BT}})
	}
	got, err := signing.SignBatch(t.Context(), jobs, c, pki)
	if err != nil || len(got) != len(jobs) || c.asked.Load() != 1 {
		t.Fatalf("%d results, %d authorisations, %v", len(got), c.asked.Load(), err)
	}
	wantErr(t, got[0].Err, signing.ErrMalformed)
	for i, s := range got[1:] {
		if s.Err != nil {
			t.Fatalf("%d: %v", i, s.Err)
		}
	}
	checkTools(t, pki, append(pdftest.Letter(2), got[5].Tail...), 1)

	plain, err := signing.SignBatch(t.Context(), jobs[1:3], c.person, pki) // a signer without batches
	if err != nil || plain[0].Err != nil || plain[1].Err != nil {
		t.Errorf("%+v, %v", plain, err)
	}
}

// What fails for all documents fails the batch, and no value goes to the wrong document.
func TestBatchFails(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	c := card{newPerson(t, pki, "Élise Préfète", signtest.P256(t)), new(atomic.Int32), true}
	job := signing.Job{Doc: source(pdftest.Letter(1)), Options: signing.Options{Claims: claims()}}
	_, err := signing.SignBatch(t.Context(), []signing.Job{job, job}, c, nil)
	wantErr(t, err, signing.ErrSignature)
	other := job
	other.Options.Hash = crypto.SHA512
	_, err = signing.SignBatch(t.Context(), []signing.Job{job, other}, c.person, nil)
	wantErr(t, err, signing.ErrOptions)
	down := errors.New("authority down")
	stamped := job
	stamped.Options.Level = signing.BT
	got, err := signing.SignBatch(t.Context(), []signing.Job{stamped, job}, c.person, failing{down})
	if err != nil || got[1].Err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if wantErr(t, got[0].Err, down); got[0].Tail != nil {
		t.Error("a lower level in silence")
	}
	foreign := job
	foreign.Options.Identity = newPerson(t, pki, "Autre", signtest.P256(t)).id
	got, err = signing.SignBatch(t.Context(), []signing.Job{foreign}, c.person, nil)
	if err != nil {
		t.Error(err)
	}
	wantErr(t, got[0].Err, signing.ErrKeyMismatch)
	if got, err := signing.SignBatch(t.Context(), nil, c.person, nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// The certificate of an organisation is known by what it states, and its block never says « Signé ».
func TestSeals(t *testing.T) {
	t.Parallel()
	pki := signtest.New(t)
	statement := func(types ...int) func(*x509.Certificate) {
		var oids []asn1.ObjectIdentifier
		for _, n := range types {
			oids = append(oids, asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, n})
		}
		list, err := asn1.Marshal(oids)
		if err != nil {
			t.Fatal(err)
		}
		value, err := asn1.Marshal([]struct {
			ID   asn1.ObjectIdentifier
			Info asn1.RawValue
		}{{asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}, asn1.RawValue{FullBytes: list}}})
		if err != nil {
			t.Fatal(err)
		}
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}, Value: value})
		}
	}
	subject := func(oids ...asn1.ObjectIdentifier) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for _, oid := range oids {
				c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: oid, Value: "NTRFR-21450001"})
			}
		}
	}
	organisation, surname := asn1.ObjectIdentifier{2, 5, 4, 97}, asn1.ObjectIdentifier{2, 5, 4, 4}
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		want   bool
	}{
		"plain":                  {nil, false},
		"seal":                   {statement(2), true},
		"person":                 {statement(1), false},
		"both":                   {statement(1, 2), false},
		"web site":               {statement(3), false},
		"organisation":           {subject(organisation), true},
		"person of organisation": {subject(organisation, surname), false},
	} {
		e := pki.Signer(t, "Saint-Aubin", signtest.P256(t), c.change)
		if got := signing.IsSeal(e.Certificate); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if !c.want {
			continue
		}
		id := signing.Identity{Certificate: e.Certificate, Chain: pki.Chain()}
		s, err := signing.NewSigner(e.Key, id)
		if err != nil {
			t.Fatal(err)
		}
		text := tooltest.On(t, signed(t, pdftest.Letter(1), signing.Options{Claims: signing.Claims{
			Name: "Ville de Saint-Aubin", Quality: "Maire", Mention: "Pour le maire", Time: signtest.Now(),
		}, Griffe: picture(t, true)}, s, nil), "pdftotext", "FILE", "-")
		for word, want := range map[string]bool{"Cachet électronique": true, "Cachet de la Ville de Saint-Aubin": true, "Signé": false, "Maire": false, "Pour le maire": false} {
			if got := contains(text, word); got != want {
				t.Errorf("%s: « %s » in the block: %v", name, word, got)
			}
		}
	}
	if signing.IsSeal(nil) {
		t.Error("nobody")
	}
}

func contains(text, phrase string) bool {
	return strings.Contains(strings.Join(strings.Fields(text), " "), phrase)
}
