package iparapheur

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"

	"parapheur/internal/compat"
)

const (
	maxDepth    = 32   // of elements
	maxElements = 5000 // of one request
	maxParts    = 40   // of a request in MTOM
	bodyDepth   = 2    // of the element of a request: envelope, body
)

// A fault is why something is no request, in French.
type fault struct{ why string }

// Error implements error.
func (f *fault) Error() string { return "fault: " + f.why }

// explain returns the status and the words of a fault.
func explain(f facade, c *compat.Caller, err error) (int, string) {
	var said *fault
	if errors.As(err, &said) {
		return http.StatusInternalServerError, said.why // SOAP 1.1, 6.2
	}
	return f.Explain(c.R.Context(), c.Operation, err)
}

// A request is one call. Close it.
type request struct {
	operation string
	body      []byte // the element of the request, alone
	sifted    *compat.Sifted
	parts     map[string]*os.File // of MTOM, by Content-ID
}

// Close removes the files.
func (r request) Close() error {
	err := r.sifted.Close()
	for _, f := range r.parts {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return err
}

// decode reads the element of the request.
func (r request) decode(into any) error {
	if err := xml.Unmarshal(r.body, into); err != nil {
		return &fault{"La demande ne se lit pas : " + compat.Line(err.Error())}
	}
	return nil
}

// parse reads a request: XML, or XML with its documents beside it (MTOM).
func (f facade) parse(r *http.Request) (req request, err error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return req, &fault{"Le type de la demande ne se lit pas."}
	}
	defer func() {
		if err != nil && req.sifted != nil {
			err = errors.Join(err, req.Close())
		}
	}()
	if kind == "multipart/related" {
		err = f.packaged(&req, multipart.NewReader(r.Body, params["boundary"]), params["start"])
	} else {
		req.sifted, err = compat.Sift(r.Body, f.Spool)
	}
	if err != nil {
		return req, err
	}
	req.operation, req.body, err = enter(req.sifted.Text)
	return req, err
}

// packaged reads a request whose documents come as parts (XOP). The XML comes
// first, or is the part that start names.
func (f facade) packaged(req *request, parts *multipart.Reader, start string) error {
	req.sifted, req.parts = &compat.Sifted{}, map[string]*os.File{}
	var root *compat.Sifted
	for n := 0; ; n++ {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return err
			}
			return &fault{"Les parties de la demande ne se lisent pas."}
		}
		if n >= maxParts {
			return fmt.Errorf("%d parts: %w", n, compat.ErrTooLarge)
		}
		id := p.Header.Get("Content-ID")
		if root == nil && (start == "" || id == start) {
			if root, err = compat.Sift(p, f.Spool); err != nil {
				return err
			}
			req.sifted = root
			continue
		}
		if err := f.spool(req, strings.Trim(id, "<>"), p); err != nil {
			return err
		}
	}
	if root == nil {
		return &fault{"La demande en plusieurs parties n’a pas de partie principale."}
	}
	return nil
}

func (f facade) spool(req *request, id string, p *multipart.Part) error {
	if e := strings.ToLower(p.Header.Get("Content-Transfer-Encoding")); e != "" && e != "binary" && e != "8bit" {
		return &fault{"Une pièce jointe est encodée en « " + compat.Line(e) + " » : seul binary est pris en charge."}
	}
	if id == "" || req.parts[id] != nil {
		return &fault{"Une pièce jointe n’a pas de Content-ID, ou celui d’une autre."}
	}
	file, err := os.CreateTemp(f.Spool, "connecteur-*")
	if err != nil {
		return fmt.Errorf("spool a part: %w", err)
	}
	req.parts[id] = file
	if _, err := io.Copy(file, p); err != nil {
		return fmt.Errorf("spool a part: %w", err)
	}
	return nil
}

// enter finds the element of the request in an envelope. What could expand,
// or goes too deep, is refused before anything is made of it.
func enter(text []byte) (operation string, body []byte, err error) {
	dec := xml.NewDecoder(bytes.NewReader(text))
	dec.Strict = true
	var path []xml.Name
	var from int64
	elements := 0
	for {
		before := dec.InputOffset()
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", nil, &fault{"La demande n’est pas du XML : " + compat.Line(err.Error())}
		}
		switch x := t.(type) {
		case xml.Directive:
			return "", nil, &fault{"Une déclaration de type de document (DTD) est refusée."}
		case xml.StartElement:
			if elements++; elements > maxElements || len(path) >= maxDepth {
				return "", nil, &fault{"La demande a trop d’éléments, ou trop profonds."}
			}
			if len(path) == bodyDepth && path[0] == (xml.Name{Space: soapNS, Local: "Envelope"}) && path[1] == (xml.Name{Space: soapNS, Local: "Body"}) && operation == "" {
				operation, from = x.Name.Local, before
			}
			path = append(path, x.Name)
		case xml.EndElement:
			path = path[:len(path)-1]
			if len(path) == bodyDepth && operation != "" && body == nil {
				body = text[from:dec.InputOffset()]
			}
		}
	}
	name, ok := strings.CutSuffix(operation, "Request")
	if !ok || body == nil {
		return "", nil, &fault{"L’enveloppe SOAP 1.1 ne contient pas de demande."}
	}
	return name, body, nil
}

// A binary is a document of a request: in base64, or a part beside it.
type binary struct {
	Type    string `xml:"contentType,attr"`
	Base64  string `xml:",chardata"`
	Include *struct {
		Href string `xml:"href,attr"`
	} `xml:"Include"`
}

func (b binary) empty() bool { return b.Include == nil && strings.TrimSpace(b.Base64) == "" }

// open returns the bytes of a document.
func (r request) open(b binary) (compat.Part, error) {
	if b.Include == nil {
		return r.sifted.Open(b.Base64)
	}
	id, ok := strings.CutPrefix(b.Include.Href, "cid:")
	f := r.parts[unescaped(id)]
	if !ok || f == nil {
		return compat.Part{}, compat.ErrBase64
	}
	info, err := f.Stat()
	if err != nil {
		return compat.Part{}, fmt.Errorf("measure a part: %w", err)
	}
	return compat.Part{ReaderAt: f, Size: info.Size()}, nil
}

// unescaped undoes the escapes of an address (RFC 2392).
func unescaped(id string) string {
	if plain, err := url.PathUnescape(id); err == nil {
		return plain
	}
	return id
}
