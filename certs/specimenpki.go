package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"parapheur/internal/specimen"
)

// How long the certificates of a sandbox last, in years of its clock, which
// runs ahead: authorities outlast what they issued.
const (
	specimenRootYears      = 60
	specimenAuthorityYears = 55
	specimenTSAYears       = 50
	specimenLeafYears      = 3
)

//nolint:gochecknoglobals // a constant; Go has no constant slices
var oidSpecimenTSAPolicy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2717, 11}

// SpecimenPKI is the fake PKI of one sandbox town: a root, an authority, a
// time-stamping unit, the certificates of test persons and of the town's seal,
// and lists of revoked certificates, which are always empty. Every certificate,
// the root included, says « SPÉCIMEN — SANS VALEUR » and carries a critical
// extension that no program knows: none can be verified outside the sandbox,
// whatever is trusted (see package specimen).
//
// It has no folder and serves nothing: its authorities are sealed into bytes
// that the town keeps. It is safe for concurrent use.
type SpecimenPKI struct {
	root, issuing *Key
	tsa           *DemoTSA
	now           Clock
}

// sealedSpecimen is the PKI at rest.
type sealedSpecimen struct {
	Root    SealedKey `json:"root"`
	Issuing SealedKey `json:"issuing"`
	TSA     SealedKey `json:"tsa"`
}

// NewSpecimenPKI draws the authorities of a sandbox.
func NewSpecimenPKI(now Clock) (*SpecimenPKI, error) {
	if now == nil {
		return nil, errors.New("certs: a specimen PKI needs a clock")
	}
	p := &SpecimenPKI{now: now}
	var err error
	if p.root, err = p.issue(nil, p.authority("Parapheur - Racine du bac à sable", specimenRootYears)); err != nil {
		return nil, err
	}
	t := p.authority("Parapheur - Autorité du bac à sable", specimenAuthorityYears)
	t.MaxPathLenZero = true
	if p.issuing, err = p.issue(p.root, t); err != nil {
		return nil, err
	}
	unit, err := p.issue(p.issuing, p.unit())
	if err != nil {
		return nil, err
	}
	p.stamper(unit)
	return p, nil
}

func (p *SpecimenPKI) stamper(unit *Key) {
	p.tsa = newDemoTSA(unit, p.now)
	p.tsa.policy = oidSpecimenTSAPolicy
}

// Seal wraps the PKI for rest, for one binding.
func (p *SpecimenPKI) Seal(v *Vault, b Binding) ([]byte, error) {
	var out sealedSpecimen
	for _, x := range []struct {
		name string
		key  *Key
		to   *SealedKey
	}{{"root", p.root, &out.Root}, {"issuing", p.issuing, &out.Issuing}, {"tsa", p.tsa.unit, &out.TSA}} {
		var err error
		if *x.to, err = SealKey(v, partOf(b, x.name), x.key); err != nil {
			return nil, fmt.Errorf("certs: specimen PKI, %s: %w", x.name, err)
		}
	}
	return json.Marshal(out)
}

// OpenSpecimenPKI opens what Seal made for the same binding, under the clock of
// its town. Refusals: [ErrSealed], [ErrSpecimen] for keys that are none.
func OpenSpecimenPKI(v *Vault, b Binding, sealed []byte, now Clock) (*SpecimenPKI, error) {
	var in sealedSpecimen
	if err := json.Unmarshal(sealed, &in); err != nil {
		return nil, fmt.Errorf("%w: specimen PKI: %w", ErrMalformed, err)
	}
	p := &SpecimenPKI{now: now}
	var unit *Key
	for _, x := range []struct {
		name string
		key  **Key
		from SealedKey
	}{{"root", &p.root, in.Root}, {"issuing", &p.issuing, in.Issuing}, {"tsa", &unit, in.TSA}} {
		key, err := x.from.Open(v, partOf(b, x.name))
		if err == nil {
			err = Guard{Sandbox: true}.Check(key.chain...)
		}
		if err != nil {
			return nil, fmt.Errorf("certs: specimen PKI, %s: %w", x.name, err)
		}
		*x.key = key
	}
	p.stamper(unit)
	return p, nil
}

// partOf names one key of what is bound.
func partOf(b Binding, name string) Binding {
	b.ID += "/" + name
	return b
}

// Root is the one anchor of the sandbox, for its own checks alone: trusted by
// anybody else it verifies nothing.
func (p *SpecimenPKI) Root() *x509.Certificate { return p.root.Certificate() }

// TSA is the time-stamping authority of the sandbox, on its clock.
func (p *SpecimenPKI) TSA() *DemoTSA { return p.tsa }

// Person issues a key for a test person.
func (p *SpecimenPKI) Person(who DemoPerson) (*Key, error) {
	if err := checkNames(who.Name, who.Quality, who.Town); err != nil {
		return nil, err
	}
	t := p.base(pkix.Name{CommonName: who.Name, OrganizationalUnit: []string{who.Town}}, specimenLeafYears)
	t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidTitle, Value: who.Quality}}
	signs(t)
	return p.issue(p.issuing, t)
}

// TownSeal issues the key of the seal of the sandbox town, whose SIRET has 14
// digits.
func (p *SpecimenPKI) TownSeal(town, siret string) (*Key, error) {
	if err := checkNames(town); err != nil {
		return nil, err
	}
	if len(siret) != 14 || !specimen.Town(siret) {
		return nil, fmt.Errorf("%w: %q is no SIRET of a sandbox", ErrSpecimen, siret)
	}
	t := p.base(pkix.Name{CommonName: "Cachet - " + town, OrganizationalUnit: []string{town}}, specimenLeafYears)
	t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidOrganizationID, Value: "NTRFR-" + siret[:9]}}
	signs(t)
	return p.issue(p.issuing, t)
}

// Lists returns the lists of revoked certificates of the authorities of a path,
// leaf first and root last: empty, signed now, good for seven days. The refusal
// of a path that is not of this PKI is [ErrUntrusted].
func (p *SpecimenPKI) Lists(ctx context.Context, path []*x509.Certificate) (lists [][]byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, c := range path[:max(len(path)-1, 0)] {
		issuer := p.issuing
		if c.Equal(p.issuing.Certificate()) {
			issuer = p.root
		}
		if c.CheckSignatureFrom(issuer.Certificate()) != nil {
			return nil, fmt.Errorf("%w: %s is not of this sandbox", ErrUntrusted, c.Subject)
		}
		now := p.now().UTC().Truncate(time.Second)
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7),
		}, issuer.Certificate(), issuer.signer)
		if err != nil {
			return nil, fmt.Errorf("certs: list of %s: %w", issuer.Certificate().Subject, err)
		}
		lists = append(lists, der)
	}
	return lists, nil
}

// base is what all certificates have in common: the marks.
func (p *SpecimenPKI) base(subject pkix.Name, years int) *x509.Certificate {
	subject.Country, subject.Organization = []string{"FR"}, []string{specimen.Organisation}
	now := p.now().UTC().Truncate(time.Second)
	said, err := asn1.MarshalWithParams(specimen.Organisation, "utf8")
	if err != nil { // a constant string
		panic(err)
	}
	return &x509.Certificate{
		Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(years, 0, 0), BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: specimen.Extension(), Critical: true, Value: said}},
	}
}

func (p *SpecimenPKI) authority(name string, years int) *x509.Certificate {
	t := p.base(pkix.Name{CommonName: name}, years)
	t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	return t
}

// unit: RFC 3161, 2.3 wants the usage alone and critical.
func (p *SpecimenPKI) unit() *x509.Certificate {
	t := p.base(pkix.Name{CommonName: "Parapheur - Horodatage du bac à sable"}, specimenTSAYears)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidTimeStamping})
	if err != nil { // a constant
		panic(err)
	}
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: usage})
	return t
}

// issue draws a key and certifies it; nobody as a parent means itself.
func (p *SpecimenPKI) issue(parent *Key, t *x509.Certificate) (*Key, error) {
	signer, err := newDemoKey(t.IsCA)
	if err != nil {
		return nil, fmt.Errorf("certs: drawing a specimen key: %w", err)
	}
	if t.SerialNumber, err = newSerial(); err != nil {
		return nil, err
	}
	issuer, by, above := t, signer, []*x509.Certificate(nil)
	if parent != nil {
		held, ok := parent.signer.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%w: authority of %T", ErrMalformed, parent.signer)
		}
		issuer, by, above = parent.Certificate(), held, parent.chain
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, signer.Public(), by)
	if err != nil {
		return nil, fmt.Errorf("certs: issuing a specimen: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certs: reading a specimen back: %w", err)
	}
	return NewKey(signer, append([]*x509.Certificate{c}, above...))
}
