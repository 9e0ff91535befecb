package signing

import (
	"crypto/x509"
	"fmt"
	"io"
	"time"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// Info is what a document says of itself. Nothing of it was verified: see [Check]. Its JSON form is
// stable.
type Info struct {
	Size      int64 `json:"size"`
	Pages     int   `json:"pages"`
	Encrypted bool  `json:"encrypted"`
	Revisions int   `json:"revisions"`
	// Certified is the permission of the certification signature (DocMDP): 1 allows nothing more, 2
	// filling forms and signing, 3 annotations too; 0 without certification.
	Certified int `json:"certified,omitempty"`
	// EmptyFields are the signature fields that wait for a signature.
	EmptyFields []string        `json:"empty_fields"`
	Signatures  []SignatureInfo `json:"signatures"` // in field order
	Evidence    *EvidenceInfo   `json:"evidence,omitempty"`
}

// SignatureInfo is what one signature or document time-stamp claims.
type SignatureInfo struct {
	Kind        Kind       `json:"kind"`
	Field       string     `json:"field"`
	SubFilter   string     `json:"sub_filter,omitempty"`
	ByteRange   []int64    `json:"byte_range,omitempty"`
	Name        string     `json:"name,omitempty"`       // common name of the certificate
	Issuer      string     `json:"issuer,omitempty"`     // of the certificate
	Seal        bool       `json:"seal,omitempty"`       // the certificate is an organisation's
	NotAfter    *time.Time `json:"not_after,omitempty"`  // of the certificate
	Digest      string     `json:"digest,omitempty"`     // "SHA-256"
	Timestamps  []string   `json:"timestamps,omitempty"` // times of the tokens, RFC 3339
	ClaimedTime *time.Time `json:"claimed_time,omitempty"`
	ClaimedName string     `json:"claimed_name,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	Location    string     `json:"location,omitempty"`
}

// EvidenceInfo counts the validation data of the document.
type EvidenceInfo struct {
	Certificates int `json:"certificates"`
	Lists        int `json:"crls"`
	Answers      int `json:"ocsps"`
}

// Inspect reads what a document says of itself, within the same bounds as [Check]. The error says
// that it cannot be read: [ErrMalformed], [ErrLimit], or the error of r.
func Inspect(r io.ReaderAt, size int64) (*Info, error) {
	d, err := pdf.Open(r, size)
	if err != nil {
		return nil, fmt.Errorf("inspecting a document: %w", err)
	}
	i := &Info{Size: size, Encrypted: d.Encrypted(), Revisions: len(d.Revisions()), EmptyFields: []string{}, Signatures: []SignatureInfo{}}
	if err := i.read(d); err != nil {
		return nil, fmt.Errorf("inspecting a document: %w", err)
	}
	return i, nil
}

func (i *Info) read(d *pdf.Doc) error {
	var err error
	if i.Pages, err = d.PageCount(); err != nil {
		return err
	}
	p, err := (&layout{doc: d}).certification()
	if err != nil {
		return err
	}
	i.Certified = int(p)
	fields, err := d.Fields()
	if err != nil {
		return err
	}
	for _, f := range fields {
		if v, err := d.Resolve(f.Value); err == nil && v == nil && f.Type.Is("Sig") && f.Terminal {
			i.EmptyFields = append(i.EmptyFields, f.Name)
		}
	}
	list, err := d.Signatures()
	if err != nil {
		return err
	}
	if len(list) > maxSignatures {
		return fmt.Errorf("%w: more than %d signatures", ErrLimit, maxSignatures)
	}
	for _, s := range list {
		i.Signatures = append(i.Signatures, describeSignature(d, s))
	}
	return i.countEvidence(d)
}

// describeSignature copies the claims of a dictionary and of its CMS.
func describeSignature(d *pdf.Doc, s pdf.Signature) SignatureInfo {
	c := &candidate{sig: s, rep: SignatureReport{Kind: KindSignature}}
	if s.Dict != nil {
		(&checker{doc: d}).describe(c)
		c.readEntries()
	}
	out := SignatureInfo{
		Kind: c.rep.Kind, Field: s.Field.Name, SubFilter: c.rep.SubFilter, ByteRange: c.rep.ByteRange,
		ClaimedTime: c.rep.ClaimedTime, ClaimedName: c.rep.ClaimedName, Reason: c.rep.Reason, Location: c.rep.Location,
	}
	var tokens [][]byte
	if c.rep.Kind == KindDocumentTimestamp {
		tokens = [][]byte{c.cms}
	}
	if sd, err := cms.Parse(c.cms); err == nil {
		out.Digest = sd.Hash.String()
		if cert, err := sd.Signer(); err == nil {
			out.certificate(cert)
		}
		tokens = append(tokens, sd.Tokens()...)
	}
	for _, der := range tokens {
		if t, err := cms.ParseToken(der); err == nil {
			out.Timestamps = append(out.Timestamps, t.Time.UTC().Format(time.RFC3339))
		}
	}
	return out
}

func (s *SignatureInfo) certificate(cert *x509.Certificate) {
	end := cert.NotAfter.UTC()
	s.Name, s.Issuer, s.NotAfter, s.Seal = nameOf(cert), cert.Issuer.String(), &end, IsSeal(cert)
}

func (i *Info) countEvidence(d *pdf.Doc) error {
	p, found, err := (&checker{doc: d}).evidenceOf(d)
	if err != nil || !found {
		return err
	}
	i.Evidence = &EvidenceInfo{Certificates: len(p.certs), Lists: len(p.lists), Answers: len(p.responses)}
	return nil
}
