package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/internal/problem"
)

const problems = "/api/problems/"

// A Problem is an error as it is written (RFC 9457).
type Problem struct {
	Type     string  `json:"type" format:"uri-reference" doc:"Nom stable du problème ; le suivre mène à son explication" example:"/api/problems/document-encrypted"`
	Title    string  `json:"title" doc:"Le même pour toutes les occurrences"`
	Status   int     `json:"status" minimum:"400" maximum:"599"`
	Detail   string  `json:"detail" doc:"Ce qui s’est passé et ce qu’il faut faire"`
	Instance string  `json:"instance,omitempty" format:"uri-reference" doc:"Chemin de la demande"`
	TraceID  string  `json:"trace_id,omitempty" doc:"À citer à l’administrateur"`
	Errors   []Fault `json:"errors,omitempty" doc:"Les informations incorrectes, une à une ; les valeurs envoyées ne sont jamais répétées"`
}

// A Fault is one input that is wrong.
type Fault struct {
	Location string `json:"location" example:"dossier.title"`
	Message  string `json:"message"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Title }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func wire(p problem.Problem) *Problem {
	out := &Problem{Type: problems + p.Type, Title: p.Title, Status: p.Status, Detail: p.Detail}
	for _, f := range p.Fields {
		out.Errors = append(out.Errors, Fault{Location: f.Location, Message: f.Message})
	}
	return out
}

// A refusal is an error made of a problem, for what this package refuses
// itself.
type refusal struct {
	problem.Problem
	header http.Header
}

// Error implements error.
func (r *refusal) Error() string { return r.Type }

// refused returns the error of a bare status with another detail.
func refused(status int, detail string) error {
	p := problem.Of(status)
	if detail != "" {
		p.Detail = detail
	}
	return &refusal{Problem: p}
}

// wrong returns the error of one input that is wrong.
func wrong(location, message string) error {
	p := problem.Invalid()
	p.Fields = []problem.Field{{Location: location, Message: message}}
	return &refusal{Problem: p}
}

// refuse makes what is written of an error of an operation, and logs it if it
// is ours.
func (s *server) refuse(ctx context.Context, method, path string, err error) error {
	op := s.operation(method, path)
	header := http.Header{}
	var p problem.Problem
	if r := (*refusal)(nil); errors.As(err, &r) {
		p = r.Problem
		for k, v := range r.header {
			header[k] = v
		}
	} else {
		p = problem.For(err)
	}
	if p.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "api", slog.String("operation", op.OperationID), slog.String("trace_id", traceOf(ctx)), slog.Any("error", err))
	}
	retryAfter(header, p)
	out := wire(p)
	for i := range out.Errors {
		out.Errors[i].Location = s.located(op, out.Errors[i].Location)
	}
	return huma.ErrorWithHeaders(out, header)
}

// operation is what the document says of one, or nothing of one it has not.
func (s *server) operation(method, path string) *huma.Operation {
	if item := s.api.OpenAPI().Paths[path]; item != nil {
		for _, op := range operations(item) {
			if op.Method == method {
				return op
			}
		}
	}
	return &huma.Operation{}
}

// located says where in a request the field is that the domain names, as what
// is refused by its form is located: "body.note", "query.from", "path.n". What
// is no part of the request keeps its name.
func (s *server) located(op *huma.Operation, field string) string {
	name := field
	if end := strings.IndexAny(field, ".["); end > 0 {
		name = field[:end]
	}
	for _, p := range op.Parameters {
		if p.Name == name && p.In != "header" {
			return p.In + "." + field
		}
	}
	if op.RequestBody == nil || op.RequestBody.Content[jsonMedia] == nil {
		return field
	}
	schema := op.RequestBody.Content[jsonMedia].Schema
	if schema.Ref != "" {
		schema = s.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	if _, ok := schema.Properties[name]; ok {
		return "body." + field
	}
	return field
}

// notJSON is the error of a part that is no JSON text.
func notJSON(part string, err error) error {
	return &refusal{Problem: unreadableJSON(part, err)}
}

func unreadableJSON(part string, err error) problem.Problem {
	p := problem.Of(http.StatusBadRequest)
	field := problem.Field{Location: part, Message: "Ce texte n’a pas la forme attendue."}
	if f := (*jsonFault)(nil); errors.As(err, &f) {
		field.Message = f.why
		if f.path != "" {
			field.Location += "." + f.path
		}
	}
	p.Detail, p.Fields = "Le JSON envoyé ne se lit pas : voyez ce qui est signalé.", []problem.Field{field}
	return p
}

func retryAfter(h http.Header, p problem.Problem) {
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
}

// write answers p outside of huma.
func write(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	out := wire(p)
	out.Instance, out.TraceID = r.URL.EscapedPath(), traceOf(r.Context())
	retryAfter(w.Header(), p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(out) // nobody is left to tell
	}
}

// identify names the request in a problem about to be written.
func identify(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*Problem); ok {
		q := *p
		u := ctx.URL()
		q.Instance, q.TraceID = u.EscapedPath(), traceOf(ctx.Context())
		return &q, nil
	}
	return v, nil
}

// newError makes the errors that huma itself finds: its English is replaced,
// and values are left out.
func newError(status int, _ string, errs ...error) huma.StatusError {
	p := problem.Of(status)
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			detail := d.ErrorDetail()
			if f, ok := jsonFaultOf(detail.Message); ok {
				return wire(unreadableJSON(detail.Location, f))
			}
			p.Fields = append(p.Fields, problem.Field{Location: detail.Location, Message: french(detail.Message)})
		}
	}
	return wire(p)
}

// french translates what huma's validation says. What follows the words kept
// here is a limit or a list of ours, never what was sent.
func french(message string) string {
	for _, m := range messages() {
		if rest, ok := strings.CutPrefix(message, m.english); ok {
			if m.limit {
				return m.french + " " + strings.TrimSuffix(strings.TrimSpace(rest), " to be present") + "."
			}
			return m.french + "."
		}
	}
	return "Cette valeur n’est pas acceptée."
}

type message struct {
	english, french string
	limit           bool
}

func messages() []message {
	const (
		instant = "Une date avec l’heure et le décalage est attendue, comme 2026-05-15T09:00:00+02:00"
		day     = "Une date est attendue, comme 2026-05-15"
	)
	return []message{ // the longer before those that begin it
		{"unexpected property", "Cette information n’est pas prévue", false},
		{"unknown query parameter", "Ce paramètre n’existe pas", false},
		{"unknown content type", "Ce format n’est pas accepté", false},
		{"required ", "Cette information est nécessaire", false},
		{"expected required property ", "Il manque une information nécessaire :", true},
		{"expected length >= ", "La longueur minimale est de", true},
		{"expected length <= ", "La longueur maximale est de", true},
		{"expected number >= ", "La valeur minimale est de", true},
		{"expected number <= ", "La valeur maximale est de", true},
		{"expected array length >= ", "Le nombre minimal d’éléments est de", true},
		{"expected array length <= ", "Le nombre maximal d’éléments est de", true},
		{"expected array items to be unique", "Chaque élément ne se donne qu’une fois", false},
		{"expected value to be one of ", "Les valeurs possibles sont", true},
		{"expected string to match pattern ", "La forme attendue est", true},
		{"expected string to be RFC 3339 date-time", instant, false},
		{"invalid date/time for format 2006-01-02T", instant, false},
		{"expected string to be RFC 3339 date", day, false},
		{"invalid date/time", day, false},
		{"expected string to be RFC 4122 uuid", "Un identifiant (UUID) est attendu", false},
		{"expected string to be RFC 3986 uri", "Une adresse (URI) est attendue", false},
		{"expected string to be RFC 5322 email", "Une adresse électronique est attendue", false},
		{"expected string to be base64 encoded", "Du base64 est attendu", false},
		{"expected string to be ", "Cette forme n’est pas celle qui est attendue", false},
		{"expected string", "Un texte est attendu", false},
		{"expected boolean", "Un booléen est attendu : true ou false", false},
		{"expected integer", "Un nombre entier est attendu", false},
		{"expected number", "Un nombre est attendu", false},
		{"expected array", "Une liste est attendue", false},
		{"expected object", "Un objet JSON est attendu", false},
		{"invalid integer", "Un nombre entier est attendu", false},
		{"invalid boolean", "Un booléen est attendu : true ou false", false},
		{"invalid float", "Un nombre est attendu", false},
	}
}
