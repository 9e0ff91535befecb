// Package iparapheur speaks the part of i-Parapheur's SOAP interface that mail
// management systems use: nine operations at /ws-iparapheur, described by a
// WSDL and a schema of our own, served beside.
//
// It holds no state and no rule. A type of the protocol is a type of letters,
// a sub-type is the code of a circuit, or the login of somebody that an
// administrator mapped to one; a dossier is known by the name the client gave
// it, byte for byte. What was written here is written from the shapes that are
// exchanged, and from nobody's source.
//
// # Failure handling
//
// What is wrong with a request is an answer with the code KO, in HTTP 200,
// which is how clients read it; a SOAP fault, in HTTP 500, is for what is no
// request at all. A state that clients take for an end is told once the
// dossier is at its end, and not before. See docs/integration/i-parapheur.md.
package iparapheur

import (
	"bytes"
	"embed"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// Paths are the addresses of the facade. The schema lies below each.
const (
	Path   = "/ws-iparapheur"
	NoMTOM = "/ws-iparapheur-no-mtom"
	schema = "/xmlmime.xsd"
)

// Names of the protocol.
const (
	ns      = "http://www.adullact.org/spring-ws/iparapheur/1.0"
	soapNS  = "http://schemas.xmlsoap.org/soap/envelope/"
	xmimeNS = "http://www.w3.org/2005/05/xmlmime"
	xsiNS   = "http://www.w3.org/2001/XMLSchema-instance"
)

//go:embed parapheur.wsdl xmlmime.xsd
var files embed.FS

type facade struct{ *compat.Gate }

// New returns the handler of both addresses, by the whole path.
func New(o compat.Options) http.Handler {
	f := facade{compat.NewGate(dossiers.ConnectorIParapheur, o)}
	mux := http.NewServeMux()
	for _, path := range []string{Path, NoMTOM} {
		mux.HandleFunc("GET "+path, f.wsdl)
		mux.HandleFunc("GET "+path+schema, f.xsd)
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			f.Admit(w, r, refuse, f.call)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, http.StatusNotFound, "Cette adresse n’existe pas.")
	})
	return mux
}

// wsdl answers the description of the service, at the town's own address.
func (f facade) wsdl(w http.ResponseWriter, r *http.Request) {
	town, ok := f.Town(w, r, refuse)
	if !ok {
		return
	}
	raw, err := files.ReadFile("parapheur.wsdl")
	if err != nil {
		panic(err) // it is embedded
	}
	at := escape(strings.TrimSuffix(town.Origin, "/") + r.URL.Path)
	raw = bytes.ReplaceAll(raw, []byte("@ADDRESS@"), []byte(at))
	// Relative: who reached the description reaches the schema.
	raw = bytes.ReplaceAll(raw, []byte("@SCHEMA@"), []byte(strings.TrimPrefix(r.URL.Path, "/")+schema))
	xmlHead(w, http.StatusOK)
	_, _ = w.Write(raw)
}

// xsd answers the schema that the description imports. Were it not here,
// clients would fetch it from the other end of the world.
func (f facade) xsd(w http.ResponseWriter, r *http.Request) {
	if _, ok := f.Town(w, r, refuse); !ok {
		return
	}
	raw, err := files.ReadFile("xmlmime.xsd")
	if err != nil {
		panic(err) // it is embedded
	}
	xmlHead(w, http.StatusOK)
	_, _ = w.Write(raw)
}

func xmlHead(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
}

// refuse answers a fault. Statuses of HTTP that say more are kept.
func refuse(w http.ResponseWriter, _ *http.Request, status int, why string) {
	who := "Client"
	if status >= http.StatusInternalServerError {
		who = "Server"
	}
	xmlHead(w, status)
	_, _ = fmt.Fprintf(w, `%s<S:Envelope xmlns:S="%s"><S:Body><S:Fault><faultcode>S:%s</faultcode><faultstring>%s</faultstring></S:Fault></S:Body></S:Envelope>`,
		xml.Header, soapNS, who, escape(why))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}

// operations are those that are answered; any other is a fault.
func (f facade) operations() map[string]func(*compat.Caller, request) (answer, error) {
	return map[string]func(*compat.Caller, request) (answer, error){
		"echo":                      f.echo,
		"GetListeTypes":             f.types,
		"GetListeSousTypes":         f.subTypes,
		"CreerDossier":              f.create,
		"GetHistoDossier":           f.history,
		"GetDossier":                f.dossier,
		"ArchiverDossier":           f.archive,
		"EffacerDossierRejete":      f.eraseRefused,
		"ExercerDroitRemordDossier": f.retract,
	}
}

// An answer is what stands in the element of a response. stream, if any, comes
// before text: documents do not fit in memory.
type answer struct {
	stream func(io.Writer) error
	text   string
}

// call answers one request.
func (f facade) call(c *compat.Caller) {
	c.Operation = "request"
	err := f.Receive(c, func(r *http.Request) error {
		req, err := f.parse(r)
		if err != nil {
			return err
		}
		defer req.Close() //nolint:errcheck // temporary files
		run, ok := f.operations()[req.operation]
		if !ok {
			return &fault{"L’opération « " + compat.Line(req.operation) + " » n’est pas prise en charge."}
		}
		c.Operation = req.operation
		out, err := run(c, req)
		var odd *fault
		if errors.As(err, &odd) {
			return err
		}
		if err != nil {
			status, why := f.Explain(r.Context(), req.operation, err)
			if status >= http.StatusInternalServerError {
				refuse(c.W, r, http.StatusInternalServerError, why)
				return nil
			}
			out = answer{text: outcome(why)}
		}
		f.respond(c, req.operation, out)
		return nil
	})
	if err != nil {
		status, why := explain(f, c, err)
		refuse(c.W, c.R, status, why)
	}
}

// respond writes a response. The declaration is part of it: a client looks for
// "<?xml". What fails once it has begun cuts the connection.
func (f facade) respond(c *compat.Caller, operation string, out answer) {
	xmlHead(c.W, http.StatusOK)
	_, _ = fmt.Fprintf(c.W, `%s<S:Envelope xmlns:S="%s"><S:Body><%sResponse xmlns="%s" xmlns:xmime="%s" xmlns:xsi="%s">`, xml.Header, soapNS, operation, ns, xmimeNS, xsiNS)
	if out.stream != nil {
		if err := out.stream(c.W); err != nil {
			f.Explain(c.R.Context(), operation, err)
			panic(http.ErrAbortHandler)
		}
	}
	_, _ = fmt.Fprintf(c.W, `%s</%sResponse></S:Body></S:Envelope>`, out.text, operation)
}

// element writes an element with a text.
func element(name, text string) string { return "<" + name + ">" + escape(text) + "</" + name + ">" }

// outcome is the end of a response: refused for a reason, or done for none.
func outcome(why string) string {
	code, severity := "OK", "INFO"
	if why != "" {
		code, severity = "KO", "ERROR"
	}
	return done(code, why, severity)
}

func done(code, message, severity string) string {
	return "<MessageRetour>" + element("codeRetour", code) + element("message", message) + element("severite", severity) + "</MessageRetour>"
}
