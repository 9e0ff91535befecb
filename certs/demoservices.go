package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"
)

// maxDemoRequest bounds a request to a demonstration service; real ones have a hundred bytes.
const maxDemoRequest = 1 << 16

// DemoTSA is a time-stamping authority (RFC 3161) for demonstrations and tests.
// It serves HTTP and, without a network, [DemoTSA.Timestamp].
type DemoTSA struct {
	unit   *Key
	policy asn1.ObjectIdentifier
	now    Clock
	down   atomic.Bool
}

var _ http.Handler = (*DemoTSA)(nil)

func newDemoTSA(unit *Key, now Clock) *DemoTSA {
	return &DemoTSA{unit: unit, policy: oidDemoTSAPolicy, now: now}
}

// SetAvailable turns the authority off and on, to show and to test what a
// breakdown does: HTTP answers 503 and Timestamp is [ErrTSAUnavailable].
func (t *DemoTSA) SetAvailable(up bool) { t.down.Store(!up) }

// Available reports whether the authority answers.
func (t *DemoTSA) Available() bool { return !t.down.Load() }

// Certificate is that of the time-stamping unit.
func (t *DemoTSA) Certificate() *x509.Certificate { return t.unit.Certificate() }

// Timestamp returns a token (ContentInfo, DER) over digest, in this process.
func (t *DemoTSA) Timestamp(ctx context.Context, h crypto.Hash, digest []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !t.Available() {
		return nil, fmt.Errorf("%w: demonstration authority switched off", ErrTSAUnavailable)
	}
	if err := checkHash(h); err != nil {
		return nil, err
	}
	if len(digest) != h.Size() {
		return nil, fmt.Errorf("certs: digest of %d bytes for %s", len(digest), h)
	}
	reply, err := t.stamp(&timestamp.Request{HashAlgorithm: h, HashedMessage: digest, Certificates: true})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTSAUnavailable, err)
	}
	return tokenOf(reply)
}

// ServeHTTP answers a TimeStampReq sent by POST (RFC 3161, 3.4).
func (t *DemoTSA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !t.Available() {
		http.Error(w, "horodatage indisponible", http.StatusServiceUnavailable)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST seulement", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDemoRequest))
	if err != nil {
		http.Error(w, "requête trop longue", http.StatusRequestEntityTooLarge)
		return
	}
	reply, err := t.respond(body)
	if err != nil {
		http.Error(w, "horodatage impossible", http.StatusInternalServerError)
		return
	}
	writeBinary(w, "application/timestamp-reply", reply)
}

// respond always answers with a TimeStampResp, a refusal being one too.
func (t *DemoTSA) respond(body []byte) ([]byte, error) {
	q, err := timestamp.ParseRequest(body)
	if err != nil {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadDataFormat)
	}
	if checkHash(q.HashAlgorithm) != nil || len(q.HashedMessage) != q.HashAlgorithm.Size() {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadAlgorithm)
	}
	if q.TSAPolicyOID != nil && !q.TSAPolicyOID.Equal(t.policy) {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.UnacceptedPolicy)
	}
	if len(q.Extensions) > 0 {
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.UnacceptedExtension)
	}
	return t.stamp(q)
}

// stamp makes the token: accuracy one second, no ordering promised, a random serial number.
func (t *DemoTSA) stamp(q *timestamp.Request) ([]byte, error) {
	info := timestamp.Timestamp{
		HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Nonce: q.Nonce,
		Time: t.now().UTC().Truncate(time.Second), Accuracy: time.Second,
		Policy: t.policy, AddTSACertificate: q.Certificates,
	}
	if q.Certificates {
		info.Certificates = t.unit.chain[1:]
	}
	return info.CreateResponseWithOpts(t.unit.Certificate(), t.unit.signer, crypto.SHA256)
}

// Handler serves the services named in the certificates, under the path of
// BaseURL or, if a router already removed it, under "/":
//
//	POST /tsa                     RFC 3161
//	POST /ocsp, GET /ocsp/{b64}   RFC 6960, A.1
//	GET  /crl/{root,intermediate}.crl
//	GET  /ca/{root,intermediate}.cer
//
// It does without http.ServeMux, which would redirect the double slashes that
// occur in the Base64 of an OCSP request.
func (d *Demo) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.EscapedPath(), d.path)
		switch {
		case path == "/tsa":
			d.tsa.ServeHTTP(w, r)
		case path == "/ocsp" || strings.HasPrefix(path, "/ocsp/"):
			d.serveOCSP(w, r, strings.TrimPrefix(path, "/ocsp"))
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.NotFound(w, r)
		case path == "/crl/root.crl":
			d.serveCRL(w, d.root)
		case path == "/crl/intermediate.crl":
			d.serveCRL(w, d.issuing)
		case path == "/ca/root.cer":
			writeBinary(w, "application/pkix-cert", d.root.Certificate().Raw)
		case path == "/ca/intermediate.cer":
			writeBinary(w, "application/pkix-cert", d.issuing.Certificate().Raw)
		default:
			http.NotFound(w, r)
		}
	})
}

func (d *Demo) serveOCSP(w http.ResponseWriter, r *http.Request, rest string) {
	body, err := ocspRequestBytes(w, r, rest)
	if err != nil {
		writeBinary(w, "application/ocsp-response", ocsp.MalformedRequestErrorResponse)
		return
	}
	answer, err := d.ocspAnswer(body)
	if err != nil {
		writeBinary(w, "application/ocsp-response", ocsp.InternalErrorErrorResponse)
		return
	}
	writeBinary(w, "application/ocsp-response", answer)
}

func ocspRequestBytes(w http.ResponseWriter, r *http.Request, rest string) ([]byte, error) {
	switch r.Method {
	case http.MethodPost:
		return io.ReadAll(http.MaxBytesReader(w, r.Body, maxDemoRequest))
	case http.MethodGet:
		text, err := url.PathUnescape(strings.TrimPrefix(rest, "/"))
		if err != nil {
			return nil, err
		}
		return base64.StdEncoding.DecodeString(text)
	}
	return nil, errors.New("certs: OCSP is GET or POST")
}

// ocspAnswer speaks for the intermediate authority only: good for what it
// issued, revoked for what it took back, unknown for the rest.
func (d *Demo) ocspAnswer(body []byte) ([]byte, error) {
	q, err := ocsp.ParseRequest(body)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, nil
	}
	if !namesIssuer(q, d.issuing.Certificate()) {
		return ocsp.UnauthorizedErrorResponse, nil
	}
	now := d.opt.Now().UTC().Truncate(time.Second)
	answer := ocsp.Response{
		Status: ocsp.Unknown, SerialNumber: q.SerialNumber, IssuerHash: q.HashAlgorithm,
		ThisUpdate: now, NextUpdate: now.Add(24 * time.Hour), Certificate: d.ocsp.Certificate(),
	}
	id := q.SerialNumber.String()
	d.mu.Lock()
	rev, revoked := d.revoked[id]
	issued := d.issued[id]
	d.mu.Unlock()
	switch {
	case revoked:
		answer.Status, answer.RevokedAt, answer.RevocationReason = ocsp.Revoked, rev.At, rev.Reason
	case issued:
		answer.Status = ocsp.Good
	}
	return ocsp.CreateResponse(d.issuing.Certificate(), d.ocsp.Certificate(), answer, d.ocsp.signer)
}

// namesIssuer compares both hashes of a CertID with an authority (RFC 6960, 4.1.1).
func namesIssuer(q *ocsp.Request, ca *x509.Certificate) bool {
	if !q.HashAlgorithm.Available() {
		return false
	}
	var spki struct {
		Algorithm asn1.RawValue
		PublicKey asn1.BitString
	}
	if err := unmarshalAll(ca.RawSubjectPublicKeyInfo, &spki); err != nil {
		return false
	}
	sum := func(b []byte) []byte {
		h := q.HashAlgorithm.New()
		h.Write(b)
		return h.Sum(nil)
	}
	return bytes.Equal(q.IssuerNameHash, sum(ca.RawSubject)) && bytes.Equal(q.IssuerKeyHash, sum(spki.PublicKey.RightAlign()))
}

func (d *Demo) serveCRL(w http.ResponseWriter, ca *Key) {
	list, err := d.CRL(ca.Certificate())
	if err != nil {
		http.Error(w, "liste de révocation indisponible", http.StatusInternalServerError)
		return
	}
	writeBinary(w, "application/pkix-crl", list)
}

// CRL returns the revocation list of the root or of the intermediate authority,
// in DER, made now and good for seven days.
func (d *Demo) CRL(authority *x509.Certificate) ([]byte, error) {
	ca := d.issuing
	if authority.Equal(d.Root()) {
		ca = d.root
	} else if !authority.Equal(d.issuing.Certificate()) {
		return nil, fmt.Errorf("certs: %s is no authority of the demonstration", authority.Subject)
	}
	now := d.opt.Now().UTC().Truncate(time.Second)
	list := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7)}
	d.mu.Lock()
	for id, rev := range d.revoked {
		serial, ok := new(big.Int).SetString(id, 10)
		if !ok {
			continue // written by Revoke, always decimal
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: serial, RevocationTime: rev.At, ReasonCode: rev.Reason,
		})
	}
	d.mu.Unlock()
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Certificate(), ca.signer)
	if err != nil {
		return nil, fmt.Errorf("certs: making the revocation list of %s: %w", ca.Certificate().Subject, err)
	}
	return der, nil
}

func writeBinary(w http.ResponseWriter, typ string, data []byte) {
	w.Header().Set("Content-Type", typ)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(data) // the client went away: nothing left to do
}
