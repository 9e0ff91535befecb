package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"parapheur/dossiers"
	"parapheur/internal/peer"
	"parapheur/internal/rates"
)

// Limits of verifications, which anybody may ask.
const (
	verifyRate    = rate.Limit(0.2) // a second, of one address
	verifyBurst   = 20
	verifyHeld    = 8               // files being received at the same time by this node
	verifyAtOnce  = 2               // checks at work
	verifyReceive = 2 * time.Minute // to receive the files, on a slow uplink
)

// errBusy says that too many verifications are under way.
var errBusy = errors.New("too many verifications under way")

// verifyPage is /verifier.
type verifyPage struct {
	frame
	MaxBytes int64
	MaxSize  string
	File     field
	Evidence field
	Verdict  *verdict // nil before a file was sent
}

// A verifier counts the verifications of strangers.
type verifier struct {
	addresses *rates.Table
	held      chan struct{}
	working   chan struct{}
}

func newVerifier() *verifier {
	return &verifier{
		addresses: rates.New(verifyRate, verifyBurst), held: make(chan struct{}, verifyHeld), working: make(chan struct{}, verifyAtOnce),
	}
}

// enter reserves the reception of files for who asks from an address, until leave is called.
func (f *verifier) enter(from netip.Addr, now time.Time) (leave func(), err error) {
	if !f.addresses.Allow(peer.Network(from), now) {
		return nil, errTooMany
	}
	select {
	case f.held <- struct{}{}:
		return func() { <-f.held }, nil
	default:
		return nil, errBusy
	}
}

// work waits for its turn to check.
func (f *verifier) work(ctx context.Context) (done func(), err error) {
	select {
	case f.working <- struct{}{}:
		return func() { <-f.working }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// verifyForm is an empty /verifier, for anybody.
func (s *server) verifyForm(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.showVerify(v, w, r, http.StatusOK, &verifyPage{})
}

func (s *server) showVerify(v *visit, w http.ResponseWriter, r *http.Request, status int, p *verifyPage) error {
	title := "Vérifier une lettre"
	if p.Verdict != nil {
		title = p.Verdict.Heading
	}
	p.frame = s.frame(v, title, "verifier")
	p.Scripts = []string{"js/verify.js"}
	p.MaxBytes, p.MaxSize = s.Office.MaxBytes, size(s.Office.MaxBytes)
	return s.show(w, r, status, p)
}

// stranger answers whoever sends files to be verified. No token is asked for: most visitors have no session, none is opened
// for them, and nothing is changed by the request; that a page of ours sent it is enough.
func (s *server) stranger(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := s.arrive(r)
		if err == nil && !fromHere(r, v.tenant.Origin) {
			err = errForged
		}
		if err == nil {
			err = s.receiveStranger(h, v, w, r)
		}
		if err != nil {
			s.fail(v, w, r, err)
		}
	}
}

func (s *server) receiveStranger(h handler, v *visit, w http.ResponseWriter, r *http.Request) error {
	leave, err := s.verifications.enter(s.ClientAddress(r), s.now(v))
	if err != nil {
		return err
	}
	defer leave()
	r.Body = http.MaxBytesReader(w, r.Body, 2*s.Office.MaxBytes+formLimit)
	// A server without deadlines has nothing to extend.
	_ = http.NewResponseController(w).SetReadDeadline(s.Office.Now().Add(verifyReceive))
	return h(v, w, r)
}

// verify shows the verdict on what was sent, which is kept no longer than this.
func (s *server) verify(v *visit, w http.ResponseWriter, r *http.Request) error {
	in, err := s.hold(r)
	defer in.close()
	if err != nil {
		return err
	}
	if in.document == nil && in.page.File.Error == "" {
		in.page.File.Error = "Choisissez le PDF à vérifier."
	}
	if in.page.File.Error != "" || in.page.Evidence.Error != "" {
		return s.showVerify(v, w, r, http.StatusUnprocessableEntity, &in.page)
	}
	found, err := s.examine(r.Context(), in)
	var invalid *dossiers.InvalidError
	if errors.As(err, &invalid) {
		in.page.File.Error = typeset(invalid.Reason)
		return s.showVerify(v, w, r, http.StatusUnprocessableEntity, &in.page)
	}
	if err != nil {
		return err
	}
	in.page.Verdict = newVerdict(found, in.name, s.calendar(v))
	return s.showVerify(v, w, r, http.StatusOK, &in.page)
}

// examine checks when its turn comes.
func (s *server) examine(ctx context.Context, in *sent) (*dossiers.Verification, error) {
	done, err := s.verifications.work(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.Office.Examine(ctx, in.document, in.evidence)
}

// sent is what a visitor sent.
type sent struct {
	page               verifyPage // the troubles of the form
	name               string     // of the letter's file
	document, evidence *dossiers.Held
}

func (in *sent) close() {
	for _, h := range []*dossiers.Held{in.document, in.evidence} {
		if h != nil {
			h.Close() //nolint:errcheck // nothing is kept of it
		}
	}
}

// hold reads the form. What it returns is to be closed, even beside an error, which is for what is no fault of the files.
func (s *server) hold(r *http.Request) (*sent, error) {
	in := &sent{}
	parts, err := r.MultipartReader()
	if err != nil {
		return in, &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return in, nil
		}
		if err != nil {
			return in, fmt.Errorf("read files to verify: %w", err)
		}
		if part.FileName() == "" {
			continue // a field, or a file that was not chosen
		}
		if err := s.holdPart(in, part); err != nil {
			return in, err
		}
	}
}

func (s *server) holdPart(in *sent, part *multipart.Part) error {
	into, trouble := &in.document, &in.page.File.Error
	switch part.FormName() {
	case "document":
		in.name = plain(part.FileName())
	case "evidence":
		into, trouble = &in.evidence, &in.page.Evidence.Error
	default:
		return nil
	}
	if *into != nil {
		return &dossiers.InvalidError{Field: "form", Reason: "Un seul fichier de chaque sorte peut être vérifié à la fois."}
	}
	h, err := s.Office.Hold(part)
	if errors.Is(err, dossiers.ErrTooLarge) {
		*trouble = "Ce fichier dépasse la limite de " + size(s.Office.MaxBytes) + "."
		return nil
	}
	*into = h
	return err
}
