// Package maarch speaks the part of Maarch Parapheur's REST interface that
// Maarch Courrier uses: twelve operations under /maarch/rest, so that a town
// sets {url} to https://…/maarch and changes nothing else.
//
// It holds no state and no rule: people are the town's, numbered once and for
// all; a workflow becomes a circuit of the desks of its people, when the type
// of letters set for the connector lets depositors compose; a document's
// number is the dossier's. What was written here is written from the shapes
// that are exchanged, and from nobody's source.
//
// # Failure handling
//
// The client polls many letters in one batch, and an answer that it does not
// understand ends the batch: every answer here is JSON, and on the polled
// routes every refusal carries both "errors", a string, and "error". See
// docs/integration/maarch.md.
package maarch

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// Base is the prefix of every address.
const Base = "/maarch"

type facade struct{ *compat.Gate }

// New returns the handler of everything under Base, by the whole path.
func New(o compat.Options) http.Handler {
	f := facade{compat.NewGate(dossiers.ConnectorMaarch, o)}
	mux := http.NewServeMux()
	for _, r := range f.routes() {
		refuse := compat.Refuser(refuse)
		if r.polled {
			refuse = refusePolled
		}
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
			f.Admit(w, req, refuse, func(c *compat.Caller) {
				c.Operation = r.operation
				if err := r.answer(c); err != nil {
					status, why := f.Explain(req.Context(), r.operation, err)
					refuse(c.W, req, status, why)
				}
			})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refusePolled(w, r, http.StatusNotFound, "Cette adresse n’existe pas.")
	})
	return mux
}

// A route is one operation.
type route struct {
	pattern, operation string
	polled             bool // in a batch, which an odd answer ends
	answer             func(*compat.Caller) error
}

// routes lists the operations.
func (f facade) routes() []route {
	const at = Base + "/rest"
	return []route{
		{"GET " + at + "/users", "listUsers", false, f.users},
		{"GET " + at + "/users/{id}", "getUser", false, f.user},
		{"GET " + at + "/users/{id}/picture", "getPicture", false, f.picture},
		{"POST " + at + "/users", "createUser", false, f.createUser},
		{"PUT " + at + "/users/{id}/externalSignatures", "setSignatures", false, f.signatures},
		{"GET " + at + "/autocomplete/users", "searchUsers", false, f.autocomplete},
		{"GET " + at + "/connectors", "listConnectors", false, f.connectors},
		{"POST " + at + "/documents", "createDocument", false, f.create},
		{"GET " + at + "/documents", "listDocuments", false, f.documents},
		{"GET " + at + "/documents/{id}/workflow", "getWorkflow", true, f.workflow},
		{"GET " + at + "/documents/{id}/content", "getContent", true, f.content},
		{"GET " + at + "/documents/{id}/proof", "getProof", true, f.proof},
	}
}

// refuse answers an error as the client reads it: a plain string. "error"
// would be shown as a failure of the network.
func refuse(w http.ResponseWriter, _ *http.Request, status int, why string) {
	write(w, status, map[string]string{"errors": why})
}

// refusePolled answers an error on a polled route. Without "error" the client
// looks for a workflow that is not there, and its whole batch ends.
func refusePolled(w http.ResponseWriter, _ *http.Request, status int, why string) {
	write(w, status, map[string]string{"errors": why, "error": why})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client left
}

func answer(c *compat.Caller, body any) error {
	write(c.W, http.StatusOK, body)
	return nil
}

// A stream writes a JSON string in base64 as bytes come. Its head is written
// with the first of them, so that what fails before can still be told.
type stream struct {
	c     *compat.Caller
	head  string
	b64   io.WriteCloser
	wrote bool
}

// Write implements io.Writer.
func (s *stream) Write(b []byte) (int, error) {
	if !s.wrote {
		s.wrote = true
		s.c.W.Header().Set("Content-Type", "application/json; charset=utf-8")
		if _, err := io.WriteString(s.c.W, s.head); err != nil {
			return 0, err
		}
		s.b64 = base64.NewEncoder(base64.StdEncoding, s.c.W)
	}
	return s.b64.Write(b)
}

// end finishes the answer, or says whether an error may still be told. Where
// it may not, the connection is cut: half a document is no answer.
func (s *stream) end(err error, tail string) error {
	if err != nil {
		if s.wrote {
			panic(http.ErrAbortHandler)
		}
		return err
	}
	if !s.wrote {
		if _, err := s.Write(nil); err != nil {
			return err
		}
	}
	_ = s.b64.Close()
	_, _ = io.WriteString(s.c.W, tail) // the client left
	return nil
}

// number reads an identifier of the path.
func number(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || n < 1 {
		return -1
	}
	return n
}
