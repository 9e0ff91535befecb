package certs

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	// maxTrustedList bounds a list in bytes; the largest national ones have 10 MB.
	maxTrustedList = 32 << 20
	// maxTrustedListDepth bounds how deep its elements nest; real ones reach 20.
	maxTrustedListDepth = 64
	// maxTrustedListTokens bounds how many elements and texts it has.
	maxTrustedListTokens = 4 << 20

	trustedListSpace = "http://uri.etsi.org/02231/v2#"
)

// ErrTrustedList says that the file is no trusted list of ETSI TS 119 612 that we read.
var ErrTrustedList = errors.New("certs: not a readable trusted list")

// A ServiceType is what a trust service does.
type ServiceType string

// The services of interest; the others of a list are left out.
const (
	CAQC ServiceType = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"    // issues qualified certificates
	QTST ServiceType = "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST" // issues qualified time-stamps
)

// A ServiceStatus is what the supervisor said of a service from a time on.
type ServiceStatus struct {
	Granted bool
	URI     string
	Since   time.Time
}

// A TrustedService is one service of a list.
type TrustedService struct {
	Type     ServiceType
	Provider string // "Certinomis"
	Name     string
	// Certificates identify the service: its authority, or its time-stamping unit.
	Certificates []*x509.Certificate
	// History is the status in force and those before, the newest first.
	History []ServiceStatus
	// ForSignatures and ForSeals say what the certificates of a CAQC are for; both
	// false when the list does not say.
	ForSignatures, ForSeals bool
}

// At returns the status at a time, or false before the first one.
func (s *TrustedService) At(at time.Time) (ServiceStatus, bool) {
	for _, h := range s.History {
		if !at.Before(h.Since) {
			return h, true
		}
	}
	return ServiceStatus{}, false
}

// A TrustedList is a national list of trust services (ETSI TS 119 612), or the
// part of it that letters are judged by.
//
// [ParseSignedTrustedList] verifies its XML signature; one that [ParseTrustedList]
// read is vouched for by whoever imports the file, and its Signer is nil.
type TrustedList struct {
	Territory  string // "FR"
	Operator   string
	Sequence   int
	Issued     time.Time
	NextUpdate time.Time // zero: closed
	Services   []TrustedService
	// Signer is the certificate with which its signature was verified; nil when it was not.
	Signer *x509.Certificate
}

// ParseTrustedList reads a list. It is bounded in size, depth and number, and
// refuses document type declarations, hence entities. A service whose
// certificate cannot be read is left out. The error is [ErrTrustedList].
func ParseTrustedList(r io.Reader) (*TrustedList, error) {
	limited := &io.LimitedReader{R: r, N: maxTrustedList + 1}
	var in xmlList
	if err := xml.NewTokenDecoder(&plainXML{in: xml.NewDecoder(limited)}).Decode(&in); err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("larger than %d bytes", maxTrustedList)
		}
		return nil, fmt.Errorf("%w: %w", ErrTrustedList, err)
	}
	if in.XMLName.Space != trustedListSpace || in.XMLName.Local != "TrustServiceStatusList" {
		return nil, fmt.Errorf("%w: the root is %q", ErrTrustedList, in.XMLName.Local)
	}
	out := &TrustedList{
		Territory: strings.TrimSpace(in.Scheme.Territory), Operator: in.Scheme.Operator.french(), Sequence: in.Scheme.Sequence,
	}
	var err error
	if out.Issued, err = listTime(in.Scheme.Issued); err != nil {
		return nil, err
	}
	if in.Scheme.Next != "" {
		if out.NextUpdate, err = listTime(in.Scheme.Next); err != nil {
			return nil, err
		}
	}
	for _, p := range in.Providers {
		for _, s := range p.Services {
			if service, ok := s.read(p.Name.french()); ok {
				out.Services = append(out.Services, service)
			}
		}
	}
	return out, nil
}

// plainXML hands on the tokens of a document that has no declarations, and
// stays within bounds.
type plainXML struct {
	in            *xml.Decoder
	depth, tokens int
}

// Token implements xml.TokenReader.
func (p *plainXML) Token() (xml.Token, error) {
	t, err := p.in.RawToken()
	if err != nil {
		return nil, err
	}
	p.tokens++
	switch t.(type) {
	case xml.Directive:
		return nil, errors.New("document type declarations are refused")
	case xml.StartElement:
		p.depth++
	case xml.EndElement:
		p.depth--
	}
	if p.depth > maxTrustedListDepth || p.tokens > maxTrustedListTokens {
		return nil, errors.New("too deep, or too many elements")
	}
	return t, nil
}

// What is read of the schema (TS 119 612, 5).
type xmlList struct {
	XMLName xml.Name
	Scheme  struct {
		Sequence  int      `xml:"TSLSequenceNumber"`
		Operator  xmlNames `xml:"SchemeOperatorName"`
		Territory string   `xml:"SchemeTerritory"`
		Issued    string   `xml:"ListIssueDateTime"`
		Next      string   `xml:"NextUpdate>dateTime"`
	} `xml:"SchemeInformation"`
	Providers []struct {
		Name     xmlNames     `xml:"TSPInformation>TSPName"`
		Services []xmlService `xml:"TSPServices>TSPService"`
	} `xml:"TrustServiceProviderList>TrustServiceProvider"`
}

type xmlNames struct {
	Names []struct {
		Lang string `xml:"lang,attr"`
		Text string `xml:",chardata"`
	} `xml:"Name"`
}

// french is the name in French, else in English, else the first.
func (n xmlNames) french() string {
	for _, want := range []string{"fr", "en", ""} {
		for _, x := range n.Names {
			if want == "" || strings.EqualFold(x.Lang, want) {
				return strings.Join(strings.Fields(x.Text), " ")
			}
		}
	}
	return ""
}

type xmlService struct {
	Info    xmlServiceInfo   `xml:"ServiceInformation"`
	History []xmlServiceInfo `xml:"ServiceHistory>ServiceHistoryInstance"`
}

type xmlServiceInfo struct {
	Type         string   `xml:"ServiceTypeIdentifier"`
	Name         xmlNames `xml:"ServiceName"`
	Certificates []string `xml:"ServiceDigitalIdentity>DigitalId>X509Certificate"`
	Status       string   `xml:"ServiceStatus"`
	Since        string   `xml:"StatusStartingTime"`
	Uses         []string `xml:"ServiceInformationExtensions>Extension>AdditionalServiceInformation>URI"`
}

// read takes a service over; false for one of no interest, or unreadable.
func (s xmlService) read(provider string) (TrustedService, bool) {
	out := TrustedService{Type: ServiceType(strings.TrimSpace(s.Info.Type)), Provider: provider, Name: s.Info.Name.french()}
	if out.Type != CAQC && out.Type != QTST {
		return out, false
	}
	for _, text := range s.Info.Certificates {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return out, false
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return out, false
		}
		out.Certificates = append(out.Certificates, c)
	}
	for _, i := range append([]xmlServiceInfo{s.Info}, s.History...) {
		since, err := listTime(i.Since)
		if err != nil {
			return out, false
		}
		uri := strings.TrimSpace(i.Status)
		// What the service was then: an earlier life of another type grants nothing.
		granted := grantedStatus(uri) && strings.TrimSpace(i.Type) == string(out.Type)
		out.History = append(out.History, ServiceStatus{Granted: granted, URI: uri, Since: since})
	}
	slices.SortStableFunc(out.History, func(a, b ServiceStatus) int { return b.Since.Compare(a.Since) })
	for _, u := range s.Info.Uses {
		out.ForSignatures = out.ForSignatures || strings.HasSuffix(strings.TrimSpace(u), "/ForeSignatures")
		out.ForSeals = out.ForSeals || strings.HasSuffix(strings.TrimSpace(u), "/ForeSeals")
	}
	return out, len(out.Certificates) > 0
}

// grantedStatus knows the word of Regulation 910/2014 and those before it
// (TS 119 612, 5.5.4 and annex D).
func grantedStatus(uri string) bool {
	last := uri[strings.LastIndex(uri, "/")+1:]
	return slices.Contains([]string{"granted", "undersupervision", "supervisionincessation", "accredited"}, last)
}

func listTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	if err != nil {
		return t, fmt.Errorf("%w: time %.40q", ErrTrustedList, s)
	}
	return t.UTC(), nil
}

// Anchors are the certificates of the services of a type that were granted at
// some time: a signature made while they were is judged by them still.
func (l *TrustedList) Anchors(kind ServiceType) []*x509.Certificate {
	var out []*x509.Certificate
	for _, s := range l.Services {
		if s.Type != kind || !slices.ContainsFunc(s.History, func(h ServiceStatus) bool { return h.Granted }) {
			continue
		}
		for _, c := range s.Certificates {
			if !slices.ContainsFunc(out, c.Equal) {
				out = append(out, c)
			}
		}
	}
	return out
}

// Qualification is what a list says of a signature or of a time-stamp.
type Qualification struct {
	// Qualified says that the certificate is a qualified one (for a time-stamp:
	// that the time-stamp is), according to a service granted at the time.
	Qualified bool `json:"qualified"`
	// Device says that the key is in a qualified device: with Qualified, a
	// qualified electronic signature or seal.
	Device bool `json:"device"`
	// Seal says that the certificate is for electronic seals.
	Seal bool `json:"seal,omitempty"`
	// Provider and Service are those of the list; empty when none is known.
	Provider string `json:"provider,omitempty"`
	Service  string `json:"service,omitempty"`
	// Why is set when it is not qualified.
	Why NotQualified `json:"why,omitempty"`
}

// NotQualified is why a certificate is not a qualified one.
type NotQualified string

// The reasons.
const (
	NotListed     NotQualified = "not-listed"     // no service of the list issued it
	NotGranted    NotQualified = "not-granted"    // its service was not granted then
	NoStatement   NotQualified = "no-statement"   // it does not claim to be qualified
	OtherPurpose  NotQualified = "other-purpose"  // it is for web sites
	NotInValidity NotQualified = "not-in-history" // the list does not go back to that time
)

// Signature judges the certificate of a signature made at a time, with the
// certificates that lead to its issuer (Regulation 910/2014, articles 28 and
// 38; ETSI EN 319 412-5).
func (l *TrustedList) Signature(cert *x509.Certificate, others []*x509.Certificate, at time.Time) Qualification {
	s := l.issuing(CAQC, cert, others)
	if s == nil {
		return Qualification{Why: NotListed}
	}
	out := Qualification{Provider: s.Provider, Service: s.Name}
	q, err := qcStatements(cert)
	out.Seal = slices.ContainsFunc(q.types, asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}.Equal)
	switch {
	case err != nil || !q.compliant:
		out.Why = NoStatement
	case len(q.types) > 0 && !out.Seal && !slices.ContainsFunc(q.types, asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 1}.Equal):
		out.Why = OtherPurpose
	default:
		// Both when it was issued and when it was used (TS 119 615, 4.4).
		out.Why = cmp.Or(s.granted(cert.NotBefore), s.granted(at))
	}
	out.Qualified = out.Why == ""
	out.Device = out.Qualified && q.device
	return out
}

// Timestamp judges the certificate of a time-stamping unit.
func (l *TrustedList) Timestamp(unit *x509.Certificate, others []*x509.Certificate, at time.Time) Qualification {
	s := l.issuing(QTST, unit, others)
	if s == nil {
		return Qualification{Why: NotListed}
	}
	out := Qualification{Provider: s.Provider, Service: s.Name, Why: s.granted(at)}
	out.Qualified = out.Why == ""
	return out
}

func (s *TrustedService) granted(at time.Time) NotQualified {
	switch h, known := s.At(at); {
	case !known:
		return NotInValidity
	case !h.Granted:
		return NotGranted
	}
	return ""
}

// issuing finds the service that issued a certificate, or is it, directly or by
// the certificates at hand.
func (l *TrustedList) issuing(kind ServiceType, cert *x509.Certificate, others []*x509.Certificate) *TrustedService {
	for _, c := range orderChain(cert, others) {
		for i := range l.Services {
			s := &l.Services[i]
			if s.Type != kind {
				continue
			}
			for _, anchor := range s.Certificates {
				if anchor.Equal(c) || bytes.Equal(anchor.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(anchor) == nil {
					return s
				}
			}
		}
	}
	return nil
}

// qc is what the statements of a certificate say (EN 319 412-5, 4).
type qc struct {
	compliant, device bool
	types             []asn1.ObjectIdentifier
}

func qcStatements(cert *x509.Certificate) (out qc, err error) {
	for _, e := range cert.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}) {
			continue
		}
		var list []struct {
			ID   asn1.ObjectIdentifier
			Info asn1.RawValue `asn1:"optional"`
		}
		if err := unmarshalAll(e.Value, &list); err != nil {
			return qc{}, err
		}
		for _, s := range list {
			switch {
			case s.ID.Equal(asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}):
				out.compliant = true
			case s.ID.Equal(asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 4}):
				out.device = true
			case s.ID.Equal(asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}):
				if err := unmarshalAll(s.Info.FullBytes, &out.types); err != nil {
					return qc{}, err
				}
			}
		}
	}
	return out, nil
}
