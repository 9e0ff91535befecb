package certs

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

const (
	statusOf = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"
	day      = 24 * time.Hour
)

// A listed is a service as a test writes it down.
type listed struct {
	kind    ServiceType
	cert    *x509.Certificate
	status  string
	since   time.Time
	history string
	uses    string
}

func (s listed) xml() string {
	return fmt.Sprintf(`<TSPService><ServiceInformation>
<ServiceTypeIdentifier>%s</ServiceTypeIdentifier><ServiceName><Name xml:lang="en">Essai CA</Name><Name xml:lang="fr"> AC
 d’essai </Name></ServiceName>
<ServiceDigitalIdentity><DigitalId><X509Certificate>%s</X509Certificate></DigitalId><DigitalId><X509SubjectName>CN=x</X509SubjectName></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>%s</ServiceStatus><StatusStartingTime>%s</StatusStartingTime>
<ServiceInformationExtensions>%s</ServiceInformationExtensions></ServiceInformation>%s</TSPService>`,
		s.kind, base64.StdEncoding.EncodeToString(s.cert.Raw), statusOf+s.status, s.since.UTC().Format(time.RFC3339), s.uses, s.history)
}

func was(kind ServiceType, status string, since time.Time) string {
	return fmt.Sprintf(`<ServiceHistory><ServiceHistoryInstance><ServiceTypeIdentifier>%s</ServiceTypeIdentifier><ServiceStatus>%s</ServiceStatus>
<StatusStartingTime>%s</StatusStartingTime></ServiceHistoryInstance></ServiceHistory>`, kind, statusOf+status, since.UTC().Format(time.RFC3339))
}

// trustedList writes a list as supervisors publish them.
func trustedList(services ...listed) string {
	var b strings.Builder
	for _, s := range services {
		b.WriteString(s.xml())
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!-- a synthetic list --><TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" xmlns:ns2="http://www.w3.org/2000/09/xmldsig#" TSLTag="x">
<SchemeInformation><TSLVersionIdentifier>5</TSLVersionIdentifier><TSLSequenceNumber>17</TSLSequenceNumber>
<SchemeOperatorName><Name xml:lang="en">Test supervisor</Name><Name xml:lang="fr">Superviseur d’essai</Name></SchemeOperatorName>
<SchemeTerritory>FR</SchemeTerritory><ListIssueDateTime>2026-01-02T03:04:05Z</ListIssueDateTime>
<NextUpdate><dateTime>2026-07-02T03:04:05Z</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="fr">Prestataire d’essai</Name></TSPName></TSPInformation>
<TSPServices>` + b.String() + `</TSPServices></TrustServiceProvider></TrustServiceProviderList>
<ns2:Signature/></TrustServiceStatusList>`
}

// qualified issues a certificate with these statements.
func qualified(t *testing.T, ca *Key, notBefore time.Time, statements ...any) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "Hélène Garnier"}, NotBefore: notBefore, NotAfter: notBefore.AddDate(3, 0, 0),
		KeyUsage: x509.KeyUsageContentCommitment,
	}
	if len(statements) > 0 {
		der, err := asn1.Marshal(statements)
		if err != nil {
			t.Fatal(err)
		}
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}, Value: der}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate(), ecKey(t, elliptic.P256()).Public(), ca.signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

type plainStatement struct{ ID asn1.ObjectIdentifier }

type typeStatement struct {
	ID    asn1.ObjectIdentifier
	Types []asn1.ObjectIdentifier
}

func statement(n ...int) plainStatement {
	return plainStatement{append(asn1.ObjectIdentifier{0, 4, 0, 1862, 1}, n...)}
}

func purpose(n int) typeStatement {
	return typeStatement{asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}, []asn1.ObjectIdentifier{{0, 4, 0, 1862, 1, 6, n}}}
}

func authorityOf(t *testing.T) *Key {
	t.Helper()
	key := ecKey(t, elliptic.P384())
	ca, err := NewKey(key, []*x509.Certificate{selfSigned(t, key, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func parsedList(t *testing.T, services ...listed) *TrustedList {
	t.Helper()
	l, err := ParseTrustedList(strings.NewReader(trustedList(services...)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What a list says is read, in French where it is in French.
func TestTrustedListIsRead(t *testing.T) {
	t.Parallel()
	ca, since := authorityOf(t), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	uses := `<Extension Critical="true"><AdditionalServiceInformation><URI xml:lang="en">http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSignatures</URI></AdditionalServiceInformation></Extension>`
	l := parsedList(t, listed{CAQC, ca.Certificate(), "withdrawn", since, was(CAQC, "undersupervision", since.AddDate(-4, 0, 0)), uses},
		listed{kind: "http://uri.etsi.org/TrstSvc/Svctype/EDS/Q", cert: ca.Certificate(), status: "granted", since: since})
	if l.Territory != "FR" || l.Operator != "Superviseur d’essai" || l.Sequence != 17 || l.NextUpdate.Month() != time.July || len(l.Services) != 1 {
		t.Fatalf("%+v", l)
	}
	s := l.Services[0]
	if s.Name != "AC d’essai" || s.Provider != "Prestataire d’essai" || !s.ForSignatures || s.ForSeals || len(s.History) != 2 || !s.Certificates[0].Equal(ca.Certificate()) {
		t.Errorf("%+v", s)
	}
	for at, want := range map[time.Time]bool{since.Add(day): false, since.Add(-day): true} {
		if h, ok := s.At(at); !ok || h.Granted != want {
			t.Errorf("at %s: %+v", at, h)
		}
	}
	if _, ok := s.At(since.AddDate(-5, 0, 0)); ok {
		t.Error("a status before the first one")
	}
	if a := l.Anchors(CAQC); len(a) != 1 || len(l.Anchors(QTST)) != 0 {
		t.Errorf("anchors: %d", len(a))
	}
	if a := parsedList(t, listed{kind: CAQC, cert: ca.Certificate(), status: "withdrawn", since: since}).Anchors(CAQC); len(a) != 0 {
		t.Error("a service that was never granted is an anchor")
	}
}

// A signature is qualified by its certificate, its purpose, and the status of
// its service both when the certificate was issued and when it was used.
func TestQualification(t *testing.T) {
	t.Parallel()
	ca, start := authorityOf(t), time.Now().AddDate(-2, 0, 0)
	compliant, device := statement(1), statement(4)
	granted := listed{kind: CAQC, cert: ca.Certificate(), status: "granted", since: start.AddDate(-1, 0, 0)}
	ended := listed{kind: CAQC, cert: ca.Certificate(), status: "withdrawn", since: time.Now().Add(-30 * day), history: was(CAQC, "granted", start.AddDate(-1, 0, 0))}
	late := listed{kind: CAQC, cert: ca.Certificate(), status: "granted", since: start.Add(day)}
	other := listed{kind: CAQC, cert: authorityOf(t).Certificate(), status: "granted", since: start.AddDate(-1, 0, 0)}
	stamps := listed{kind: QTST, cert: ca.Certificate(), status: "granted", since: start.AddDate(-1, 0, 0)}
	for name, c := range map[string]struct {
		service    listed
		statements []any
		at         time.Time
		want       Qualification
	}{
		"signature in a device":       {granted, []any{compliant, device, purpose(1)}, time.Now(), Qualification{Qualified: true, Device: true}},
		"signature without a device":  {granted, []any{compliant, purpose(1)}, time.Now(), Qualification{Qualified: true}},
		"signature of no said type":   {granted, []any{compliant, device}, time.Now(), Qualification{Qualified: true, Device: true}},
		"seal":                        {granted, []any{compliant, device, purpose(2)}, time.Now(), Qualification{Qualified: true, Device: true, Seal: true}},
		"web site":                    {granted, []any{compliant, purpose(3)}, time.Now(), Qualification{Why: OtherPurpose}},
		"no statement":                {granted, nil, time.Now(), Qualification{Why: NoStatement}},
		"device without compliance":   {granted, []any{device}, time.Now(), Qualification{Why: NoStatement}},
		"malformed statements":        {granted, []any{"x"}, time.Now(), Qualification{Why: NoStatement}},
		"withdrawn since":             {ended, []any{compliant, device}, time.Now(), Qualification{Why: NotGranted}},
		"used before the withdrawal":  {ended, []any{compliant, device}, time.Now().Add(-60 * day), Qualification{Qualified: true, Device: true}},
		"issued before it was listed": {late, []any{compliant, device}, time.Now(), Qualification{Why: NotInValidity}},
		"another authority":           {other, []any{compliant, device}, time.Now(), Qualification{Why: NotListed}},
		"a service of time-stamps":    {stamps, []any{compliant, device}, time.Now(), Qualification{Why: NotListed}},
	} {
		got := parsedList(t, c.service).Signature(qualified(t, ca, start, c.statements...), []*x509.Certificate{ca.Certificate()}, c.at)
		if c.want.Why != NotListed {
			c.want.Provider, c.want.Service = "Prestataire d’essai", "AC d’essai"
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	unit := qualified(t, ca, start)
	if q := parsedList(t, stamps).Timestamp(unit, nil, time.Now()); !q.Qualified {
		t.Errorf("a time-stamping unit of a listed service: %+v", q)
	}
	if q := parsedList(t, listed{kind: QTST, cert: unit, status: "granted", since: start}).Timestamp(unit, nil, time.Now()); !q.Qualified {
		t.Errorf("a listed time-stamping unit: %+v", q)
	}
	if q := parsedList(t, granted).Timestamp(unit, nil, time.Now()); q.Why != NotListed {
		t.Errorf("a unit of a service of certificates: %+v", q)
	}
}

// What is no list, or would cost more than a list does, is refused.
func TestTrustedListRefused(t *testing.T) {
	t.Parallel()
	good := trustedList(listed{kind: CAQC, cert: authorityOf(t).Certificate(), status: "granted", since: time.Now()})
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for name, text := range map[string]string{
		"empty":               "",
		"not XML":             "%PDF-1.7",
		"truncated":           good[:len(good)/2],
		"another root":        strings.NewReplacer("TrustServiceStatusList", "Other").Replace(good),
		"another namespace":   strings.Replace(good, "02231/v2#", "02231/v9#", 1),
		"document type":       strings.Replace(good, "<!-- a synthetic list -->", `<!DOCTYPE a [<!ENTITY b "c">]>`, 1),
		"external entity":     strings.Replace(good, "<!-- a synthetic list -->", `<!DOCTYPE a SYSTEM "file:///etc/passwd">`, 1),
		"undefined entity":    strings.Replace(good, "FR</SchemeTerritory>", "&b;</SchemeTerritory>", 1),
		"too deep":            strings.Replace(good, "<TSLVersionIdentifier>", deep+"<TSLVersionIdentifier>", 1),
		"no date":             strings.Replace(good, "2026-01-02T03:04:05Z", "hier", 1),
		"elements that cross": strings.Replace(good, "</SchemeInformation>", "</TSPName>", 1),
	} {
		if _, err := ParseTrustedList(strings.NewReader(text)); !errors.Is(err, ErrTrustedList) {
			t.Errorf("%s: %v", name, err)
		}
	}
	large := bytes.Repeat([]byte(" "), maxTrustedList+2)
	if _, err := ParseTrustedList(bytes.NewReader(append([]byte("<a>"), large...))); !errors.Is(err, ErrTrustedList) || !strings.Contains(err.Error(), "larger") {
		t.Errorf("too large: %v", err)
	}
	// A service that cannot be read says nothing, and does not hide the others.
	broken := strings.Replace(good, "<X509Certificate>", "<X509Certificate>AAAA", 1)
	if l, err := ParseTrustedList(strings.NewReader(broken)); err != nil || len(l.Services) != 0 {
		t.Errorf("a service with a broken certificate: %v", err)
	}
}

func FuzzParseTrustedList(f *testing.F) {
	f.Add([]byte(trustedList()))
	f.Add([]byte(`<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"><SchemeInformation><ListIssueDateTime>2026-01-02T03:04:05Z</ListIssueDateTime></SchemeInformation></TrustServiceStatusList>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := ParseTrustedList(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, ErrTrustedList) || l != nil {
				t.Errorf("%v, %v", l, err)
			}
			return
		}
		for _, s := range l.Services {
			if len(s.Certificates) == 0 || len(s.History) == 0 {
				t.Errorf("a service without certificate or status: %+v", s)
			}
		}
		l.Anchors(CAQC)
	})
}
