package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
)

// A File is a PDF to send. Open is called at each attempt.
type File struct {
	Name string // as people see it: "Réponse.pdf"
	Open func() (io.ReadCloser, error)
}

// FileAt is a file on this machine.
func FileAt(path string) File {
	return File{filepath.Base(path), func() (io.ReadCloser, error) { return os.Open(path) }}
}

// Bytes is a file in memory.
func Bytes(name string, content []byte) File {
	return File{name, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

// A Letter is what is to be signed.
type Letter struct {
	Title, Recipient string
	Type             string // code; see Types
	Reference        string // yours, unique for your application; may be empty
	Note             string // to those who decide
	Drafter          string // address of whom refusals return to; empty: the application's
	Draft            bool   // leave it as a draft: it leaves with Start
	Document         File
	Annexes          []File
}

// meta is the JSON part.
func (l Letter) meta() ([]byte, error) {
	start := !l.Draft
	return json.Marshal(struct {
		Title     string `json:"title"`
		Recipient string `json:"recipient"`
		Type      string `json:"type"`
		Reference string `json:"external_reference,omitempty"`
		Note      string `json:"note,omitempty"`
		Drafter   string `json:"drafter,omitempty"`
		Start     *bool  `json:"start,omitempty"`
	}{l.Title, l.Recipient, l.Type, l.Reference, l.Note, l.Drafter, &start})
}

// Deposit sends a letter into its circuit. The same key with the same letter
// answers the dossier that the first one made, whatever was cut in between.
// "reference-used" when another letter has its reference: the Problem's
// Location says which.
func (c *Client) Deposit(ctx context.Context, key string, l Letter) (Dossier, error) {
	meta, err := l.meta()
	if err != nil {
		return Dossier{}, fmt.Errorf("write a deposit: %w", err)
	}
	// One boundary for every attempt: the header names it before the body is made.
	boundary := multipart.NewWriter(io.Discard).Boundary()
	var d Dossier
	header, err := c.ask(ctx, request{
		method: http.MethodPost, path: base + "/dossiers",
		header: map[string]string{"Idempotency-Key": key, "Content-Type": "multipart/form-data; boundary=" + boundary},
		body:   func() (io.ReadCloser, error) { return l.open(boundary, meta) },
	}, &d)
	d.ETag = header.Get("ETag")
	return d, err
}

// open streams the parts, in the order that the parapheur wants: nothing of a
// letter is held in memory.
func (l Letter) open(boundary string, meta []byte) (io.ReadCloser, error) {
	files := append([]File{l.Document}, l.Annexes...)
	var parts []part
	fail := func(err error) (io.ReadCloser, error) {
		for _, p := range parts {
			_ = p.from.Close() // read only
		}
		return nil, err
	}
	for i, f := range files {
		if f.Open == nil {
			return fail(fmt.Errorf("file %d of the letter: %w", i, os.ErrNotExist))
		}
		from, err := f.Open()
		if err != nil {
			return fail(err)
		}
		name := "annex"
		if i == 0 {
			name = "document"
		}
		parts = append(parts, part{name, f.Name, from})
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w, boundary, meta, parts)) }()
	return r, nil
}

type part struct {
	name, file string
	from       io.ReadCloser
}

func write(to io.Writer, boundary string, meta []byte, parts []part) error {
	for _, p := range parts {
		defer p.from.Close() //nolint:errcheck // read only
	}
	form := multipart.NewWriter(to)
	if err := form.SetBoundary(boundary); err != nil {
		return err
	}
	w, err := form.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/json"}, "Content-Disposition": {`form-data; name="dossier"`}})
	if err != nil {
		return err
	}
	if _, err := w.Write(meta); err != nil {
		return err
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")
	for _, p := range parts {
		w, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Type":        {"application/pdf"},
			"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="%s"`, p.name, quote.Replace(p.file))},
		})
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, p.from); err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
	}
	return form.Close()
}
