package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"time"
)

// DemoOptions configures [OpenDemo].
type DemoOptions struct {
	// Dir keeps certificates, sealed keys and revocations; made with mode 0700.
	Dir string
	// Vault seals the private keys at rest.
	Vault *Vault
	// Guard must allow the demonstration; otherwise nothing is opened or made.
	Guard Guard
	// BaseURL is where [Demo.Handler] is reachable, such as
	// "http://127.0.0.1:8080/pki". It is written into the certificates (AIA, CRL);
	// when it changes, certificates are issued anew for the same keys.
	BaseURL string
	// Now is the clock.
	Now Clock
}

// Demo is the demonstration PKI: a root, an intermediate authority, people,
// town seals, a time-stamping unit, an OCSP responder and the lists of revoked
// certificates. It is made at the first run and kept. Each of its certificates
// says [DemoMarker] and is refused by every [Guard] of production.
//
// It is safe for concurrent use; two processes on one folder agree on the keys.
type Demo struct {
	opt     DemoOptions
	path    string // path part of BaseURL
	root    *Key
	issuing *Key
	ocsp    *Key
	tsa     *DemoTSA

	mu      sync.Mutex
	issued  map[string]bool       // serial numbers in decimal, of every certificate ever issued
	revoked map[string]revocation // by serial number
}

// Object identifiers that crypto/x509 has no name for.
//
//nolint:gochecknoglobals // constants; Go has no constant slices
var (
	oidTitle           = asn1.ObjectIdentifier{2, 5, 4, 12}
	oidOrganizationID  = asn1.ObjectIdentifier{2, 5, 4, 97}
	oidExtKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimeStamping    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36} // RFC 9336
	oidOCSPNoCheck     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
)

// OpenDemo opens the demonstration PKI of a folder and makes what is missing.
// [ErrDemoPKI] outside the demonstration, [ErrSealed] if the folder belongs to
// another master key.
func OpenDemo(opt DemoOptions) (*Demo, error) {
	if !opt.Guard.AllowDemo {
		return nil, ErrDemoPKI
	}
	if opt.Vault == nil || opt.Now == nil || opt.Dir == "" {
		return nil, errors.New("certs: the demonstration PKI needs a folder, a vault and a clock")
	}
	base, err := url.Parse(opt.BaseURL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("certs: %q is not a base address for the demonstration PKI", opt.BaseURL)
	}
	opt.BaseURL = strings.TrimSuffix(opt.BaseURL, "/")
	d := &Demo{opt: opt, path: strings.TrimSuffix(base.Path, "/")}
	if err := d.load(); err != nil {
		return nil, err
	}
	if err := d.makeAuthorities(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Demo) makeAuthorities() (err error) {
	if d.root, err = d.ensure("root", nil, d.rootTemplate()); err != nil {
		return err
	}
	if d.issuing, err = d.ensure("intermediate", d.root, d.intermediateTemplate()); err != nil {
		return err
	}
	if d.ocsp, err = d.ensure("ocsp", d.issuing, d.ocspTemplate()); err != nil {
		return err
	}
	unit, err := d.ensure("tsa", d.issuing, d.tsaTemplate())
	if err != nil {
		return err
	}
	d.tsa = newDemoTSA(unit, d.opt.Now)
	return nil
}

// Root is the certificate to trust during the demonstration.
func (d *Demo) Root() *x509.Certificate { return d.root.Certificate() }

// Trust is a store holding the demonstration root alone.
func (d *Demo) Trust() *Trust {
	t, err := NewTrust(d.opt.Guard, d.Root())
	if err != nil { // OpenDemo checked the guard
		panic(err)
	}
	return t
}

// TSA is the time-stamping authority of the demonstration.
func (d *Demo) TSA() *DemoTSA { return d.tsa }

// URL is the public address of one of the services: "/tsa", "/ocsp", "/crl/root.crl"…
func (d *Demo) URL(path string) string { return d.opt.BaseURL + path }

// DemoPerson is whom a demonstration certificate names.
type DemoPerson struct {
	// Name is first name and name, at most 55 characters: "Claire Martin".
	Name string
	// Quality is the function: "Maire". At most 55 characters.
	Quality string
	// Town is the organisation they act for: "Commune de Saint-Aubin". At most 55 characters.
	Town string
}

// Person returns the key of a person, made at the first call and the same ever after.
func (d *Demo) Person(p DemoPerson) (*Key, error) {
	if err := checkNames(p.Name, p.Quality, p.Town); err != nil {
		return nil, err
	}
	t := d.leaf(pkix.Name{CommonName: p.Name, OrganizationalUnit: []string{p.Town}})
	t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidTitle, Value: p.Quality}}
	signs(t)
	return d.ensure(recordName("person", p.Name, p.Quality, p.Town), d.issuing, t)
}

// TownSeal returns the key of the seal (cachet) of a town, which is a legal person,
// made at the first call. siret has 14 digits; its first nine, the SIREN, go
// into the certificate (EN 319 412-1, 5.1.4).
func (d *Demo) TownSeal(town, siret string) (*Key, error) {
	if err := checkNames(town); err != nil {
		return nil, err
	}
	if len(siret) != 14 || strings.Trim(siret, "0123456789") != "" {
		return nil, fmt.Errorf("certs: %q is not a SIRET", siret)
	}
	t := d.leaf(pkix.Name{CommonName: "Cachet - " + town, OrganizationalUnit: []string{town}})
	t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidOrganizationID, Value: "NTRFR-" + siret[:9]}}
	signs(t)
	return d.ensure(recordName("seal", town, siret), d.issuing, t)
}

func checkNames(names ...string) error {
	for _, n := range names {
		if n == "" || len([]rune(n)) > 64-len("Cachet - ") {
			return fmt.Errorf("certs: %q: a name in a certificate has 1 to 55 characters", n)
		}
	}
	return nil
}

// recordName is stable for the same fields and safe as a file name.
func recordName(kind string, fields ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:8])
}

// base is what all certificates have in common: the marks of the demonstration.
func (d *Demo) base(subject pkix.Name, years int) *x509.Certificate {
	subject.Country = []string{"FR"}
	subject.Organization = []string{DemoMarker}
	now := d.opt.Now().UTC().Truncate(time.Second)
	marker, err := asn1.Marshal(DemoMarker)
	if err != nil { // a constant string
		panic(err)
	}
	return &x509.Certificate{
		Subject:               subject,
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(years, 0, 0),
		BasicConstraintsValid: true,
		Policies:              []x509.OID{mustOID(oidDemoPolicy)},
		ExtraExtensions:       []pkix.Extension{{Id: oidDemoExtension, Value: marker}},
	}
}

func (d *Demo) rootTemplate() *x509.Certificate {
	t := d.base(pkix.Name{CommonName: "Parapheur - Racine de démonstration"}, 15)
	t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	return t
}

func (d *Demo) intermediateTemplate() *x509.Certificate {
	t := d.base(pkix.Name{CommonName: "Parapheur - Autorité de démonstration"}, 12)
	t.IsCA, t.MaxPathLenZero, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	t.CRLDistributionPoints = []string{d.URL("/crl/root.crl")}
	t.IssuingCertificateURL = []string{d.URL("/ca/root.cer")}
	return t
}

// leaf is a certificate issued by the intermediate authority.
func (d *Demo) leaf(subject pkix.Name) *x509.Certificate {
	t := d.base(subject, 3)
	t.OCSPServer = []string{d.URL("/ocsp")}
	t.CRLDistributionPoints = []string{d.URL("/crl/intermediate.crl")}
	t.IssuingCertificateURL = []string{d.URL("/ca/intermediate.cer")}
	return t
}

// signs gives a leaf the usages of a document signatory.
func signs(t *x509.Certificate) {
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oidDocumentSigning}
}

// tsaTemplate: RFC 3161, 2.3 wants the usage alone and critical, which
// crypto/x509 does not write by itself.
func (d *Demo) tsaTemplate() *x509.Certificate {
	t := d.leaf(pkix.Name{CommonName: "Parapheur - Horodatage de démonstration"})
	t.NotAfter = t.NotAfter.AddDate(5, 0, 0)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidTimeStamping})
	if err != nil { // a constant
		panic(err)
	}
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: usage})
	return t
}

// ocspTemplate carries id-pkix-ocsp-nocheck: nobody needs evidence about the
// responder itself (RFC 6960, 4.2.2.2.1).
func (d *Demo) ocspTemplate() *x509.Certificate {
	t := d.base(pkix.Name{CommonName: "Parapheur - Répondeur OCSP de démonstration"}, 3)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: oidOCSPNoCheck, Value: asn1.NullBytes})
	return t
}

func mustOID(id asn1.ObjectIdentifier) x509.OID {
	ints := make([]uint64, len(id))
	for i, n := range id {
		ints[i] = uint64(n) //nolint:gosec // arcs are never negative
	}
	oid, err := x509.OIDFromInts(ints)
	if err != nil { // a constant
		panic(err)
	}
	return oid
}

// newDemoKey draws P-384 for authorities, P-256 for the others.
func newDemoKey(ca bool) (*ecdsa.PrivateKey, error) {
	if ca {
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// newSerial draws 127 bits: positive, never zero in practice, at most 16 octets.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certs: drawing a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}
