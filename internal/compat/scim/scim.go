// Package scim speaks SCIM 2.0 (RFC 7643, RFC 7644) under /scim/v2, so that a
// directory keeps the people and the desks of a town: Users are people, Groups
// are desks, whose members hold them.
//
// It holds no state and no rule. It never enrols a passkey and never makes an
// administrator: somebody whom a directory makes known can decide nothing
// before an administrator invites them. Who is deleted is deactivated: their
// sessions end, and what they decided stays; the directory does not see them
// any more, and gets them back by creating them again.
//
// # Failure handling
//
// Every error is a SCIM error (RFC 7644, 3.12), application/scim+json, its
// detail in French. What is ours is logged by the gate and told to nobody.
package scim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// Base is the prefix of every address.
const Base = "/scim/v2"

const (
	media      = "application/scim+json"
	maxBody    = 1 << 20
	maxResults = 200 // of one page (RFC 7644, 3.4.2.4)
)

// The schemas that are spoken (RFC 7643, 8.7; RFC 7644, 8.2).
const (
	userSchema     = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema    = "urn:ietf:params:scim:schemas:core:2.0:Group"
	listSchema     = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	patchSchema    = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorSchema    = "urn:ietf:params:scim:api:messages:2.0:Error"
	providerSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeSchema     = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchema   = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

type facade struct{ *compat.Gate }

// New returns the handler of everything under Base, by the whole path.
func New(o compat.Options) http.Handler {
	o.MaxBody = maxBody
	f := facade{compat.NewGate(dossiers.ConnectorSCIM, o)}
	mux := http.NewServeMux()
	for pattern, r := range f.routes() {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Base+path, func(w http.ResponseWriter, req *http.Request) {
			f.Admit(w, req, refuse, func(c *compat.Caller) {
				c.Operation = r.operation
				if err := r.answer(c); err != nil {
					f.fail(c, r.operation, err)
				}
			})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, http.StatusNotFound, "Cette adresse n’existe pas.")
	})
	return mux
}

// A route is one operation.
type route struct {
	operation string
	answer    func(*compat.Caller) error
}

// routes lists the operations.
func (f facade) routes() map[string]route {
	return map[string]route{
		"GET /Users": {"listUsers", f.users}, "POST /Users": {"createUser", f.createUser}, "GET /Users/{id}": {"getUser", f.user},
		"PUT /Users/{id}": {"replaceUser", f.replaceUser}, "PATCH /Users/{id}": {"changeUser", f.patchUser}, "DELETE /Users/{id}": {"deleteUser", f.deleteUser},
		"GET /Groups": {"listGroups", f.groups}, "POST /Groups": {"createGroup", f.createGroup}, "GET /Groups/{id}": {"getGroup", f.group},
		"PUT /Groups/{id}": {"replaceGroup", f.replaceGroup}, "PATCH /Groups/{id}": {"changeGroup", f.patchGroup}, "DELETE /Groups/{id}": {"deleteGroup", f.deleteGroup},
		"GET /ServiceProviderConfig": {"getServiceProviderConfig", provider}, "GET /ResourceTypes": {"listResourceTypes", resourceTypes},
		"GET /ResourceTypes/{id}": {"getResourceType", resourceType}, "GET /Schemas": {"listSchemas", schemas}, "GET /Schemas/{id}": {"getSchema", schema},
	}
}

// A fault is an error of the protocol (RFC 7644, 3.12).
type fault struct {
	status       int
	kind, detail string
}

// Error implements error.
func (e *fault) Error() string { return e.kind + ": " + e.detail }

func badFilter() error {
	return &fault{http.StatusBadRequest, "invalidFilter", "Seules les comparaisons « attribut eq \"valeur\" » sont comprises, sur userName, externalId, id, emails, displayName et active."}
}

func invalid(detail string) error { return &fault{http.StatusBadRequest, "invalidValue", detail} }

func taken(detail string) error { return &fault{http.StatusConflict, "uniqueness", detail} }

// fail answers an error in the form of the protocol.
func (f facade) fail(c *compat.Caller, operation string, err error) {
	var own *fault
	var wrong *dossiers.InvalidError
	switch {
	case errors.As(err, &own):
		tell(c.W, own.status, own.kind, own.detail)
	case errors.As(err, &wrong):
		tell(c.W, http.StatusBadRequest, "invalidValue", wrong.Reason)
	default:
		status, why := f.Explain(c.R.Context(), operation, err)
		tell(c.W, status, "", why)
	}
}

func refuse(w http.ResponseWriter, _ *http.Request, status int, why string) { tell(w, status, "", why) }

func tell(w http.ResponseWriter, status int, kind, detail string) {
	write(w, status, struct {
		Schemas []string `json:"schemas"`
		Status  string   `json:"status"`
		Type    string   `json:"scimType,omitempty"`
		Detail  string   `json:"detail"`
	}{[]string{errorSchema}, strconv.Itoa(status), kind, detail})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client left
}

// read decodes a body. Attributes that are not kept here are not refused (RFC
// 7644, 3.3).
func (f facade) read(c *compat.Caller, into any) error {
	return f.Receive(c, func(r *http.Request) error {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if !utf8.Valid(raw) { // what is no UTF-8 would be kept as other characters
			return &fault{http.StatusBadRequest, "invalidSyntax", "Le corps de la demande n’est pas en UTF-8 : il est sans doute écrit en ISO-8859-1 ou en Windows-1252."}
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return &fault{http.StatusBadRequest, "invalidSyntax", "Le corps de la demande ne se lit pas : du JSON est attendu, avec ses types."}
		}
		return nil
	})
}

// A page is a list, or a part of it (RFC 7644, 3.4.2).
type page struct {
	Schemas      []string `json:"schemas"`
	TotalResults int      `json:"totalResults"`
	StartIndex   int      `json:"startIndex"`
	ItemsPerPage int      `json:"itemsPerPage"`
	Resources    []any    `json:"Resources"`
}

// list answers the part of all that is asked for.
func list(c *compat.Caller, all []any) error {
	number := func(name string, otherwise int) int {
		n, err := strconv.Atoi(c.R.URL.Query().Get(name))
		if err != nil {
			return otherwise
		}
		return n
	}
	start := max(number("startIndex", 1), 1)
	count := min(max(number("count", maxResults), 0), maxResults)
	from := min(start-1, len(all))
	part := all[from:min(from+count, len(all))]
	write(c.W, http.StatusOK, page{[]string{listSchema}, len(all), start, len(part), append([]any{}, part...)})
	return nil
}

// A filter is one comparison; the zero filter takes everything.
type filter struct{ attribute, value string }

// filtered reads the filter of a request (RFC 7644, 3.4.2.2).
func filtered(c *compat.Caller) (filter, error) {
	text := strings.TrimSpace(c.R.URL.Query().Get("filter"))
	if text == "" {
		return filter{}, nil
	}
	parts := strings.SplitN(text, " ", 3)
	if len(parts) != 3 || !strings.EqualFold(parts[1], "eq") {
		return filter{}, badFilter()
	}
	value := strings.TrimSpace(parts[2])
	if value != "true" && value != "false" {
		var quoted string
		if json.Unmarshal([]byte(value), &quoted) != nil {
			return filter{}, badFilter()
		}
		value = quoted
	}
	return filter{strings.ToLower(parts[0]), value}, nil
}

// takes reports whether the attributes of a resource pass the filter.
func (x filter) takes(attributes map[string]string) (bool, error) {
	if x == (filter{}) {
		return true, nil
	}
	value, known := attributes[x.attribute]
	if !known {
		return false, badFilter()
	}
	if x.attribute == "externalid" || x.attribute == "id" { // case matters (RFC 7643, 3.1)
		return value == x.value, nil
	}
	return strings.EqualFold(value, x.value), nil
}

// meta is what is said of every resource.
type meta struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

func place(c *compat.Caller, kind, id string) meta {
	return meta{kind, c.Tenant.Origin + Base + "/" + kind + "s/" + id}
}
