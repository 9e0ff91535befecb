package api

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"parapheur/internal/problem"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS []byte

// A page is the documentation as people read it, made from the OpenAPI
// document: no script, and nothing from another host.
type page struct {
	Title, Version, Base string
	Intro                []string
	Groups               []group
	Schemas              []shape
	Problems             []problem.Problem
}

type group struct {
	Name, Description string
	Operations        []deed
}

type deed struct {
	ID, Method, Path, Summary, Scope string
	Text                             []string
	Inputs                           []field
	Body                             string // of which schema
	Request                          string // as it is typed in a shell, where URL and CLE are set
	Parts                            []field
	Answers                          []reply
}

type field struct {
	Name, Where, Type, Schema, Doc string
	Required                       bool
}

type reply struct{ Status, Text, Schema string }

type shape struct {
	Name   string
	Fields []field
}

// documentation serves the page, its style, and the addresses of problems.
func (s *server) documentation(r chi.Router) {
	var html bytes.Buffer
	t := template.Must(template.New("page").Parse(pageHTML))
	if err := t.Execute(&html, s.spec.page()); err != nil {
		panic(fmt.Sprintf("api documentation: %v", err)) // made of our own document
	}
	send := func(media string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", media)
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-cache")
			_, _ = w.Write(body) // the client may have left
		}
	}
	r.Get("/api", http.RedirectHandler("/api/docs", http.StatusSeeOther).ServeHTTP)
	r.Get("/api/docs", send("text/html; charset=utf-8", html.Bytes()))
	r.Get("/api/docs/page.css", send("text/css; charset=utf-8", pageCSS))
	known := problem.All()
	r.Get(problems+"{type}", func(w http.ResponseWriter, r *http.Request) {
		name := chi.URLParam(r, "type")
		if !slices.ContainsFunc(known, func(p problem.Problem) bool { return p.Type == name }) {
			write(w, r, problem.Of(http.StatusNotFound))
			return
		}
		http.Redirect(w, r, "/api/docs#probleme-"+name, http.StatusSeeOther)
	})
}

func (d document) page() page {
	o := d.openapi
	p := page{Title: o.Info.Title, Version: o.Info.Version, Base: base, Intro: paragraphs(o.Info.Description), Problems: problem.All()}
	for _, tag := range o.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, path := range sortedKeys(o.Paths) {
			item := o.Paths[path]
			for _, op := range operations(item) {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					g.Operations = append(g.Operations, deedOf(op))
				}
			}
		}
		p.Groups = append(p.Groups, g)
	}
	all := o.Components.Schemas.Map()
	for _, name := range sortedKeys(all) {
		p.Schemas = append(p.Schemas, shape{Name: name, Fields: fields(all[name])})
	}
	return p
}

func deedOf(op *huma.Operation) deed {
	x := deed{ID: op.OperationID, Method: op.Method, Path: base + op.Path, Summary: op.Summary, Text: paragraphs(op.Description)}
	for _, needs := range op.Security {
		if scopes, ok := needs[oauth]; ok {
			x.Scope = strings.Join(scopes, " ")
		}
	}
	for _, in := range op.Parameters {
		f := fieldOf(in.Name, in.Schema)
		f.Where, f.Required = in.In, in.Required
		if in.Description != "" {
			f.Doc = in.Description
		}
		x.Inputs = append(x.Inputs, f)
	}
	if op.RequestBody != nil {
		for _, media := range sortedKeys(op.RequestBody.Content) {
			schema := op.RequestBody.Content[media].Schema
			x.Body = media
			if schema.Ref != "" {
				x.Parts = []field{fieldOf("", schema)}
				continue
			}
			x.Parts = parts(schema)
		}
	}
	x.Request = typed(op)
	for _, status := range sortedKeys(op.Responses) {
		r := op.Responses[status]
		a := reply{Status: status, Text: r.Description}
		for _, media := range r.Content {
			if media.Schema != nil && media.Schema.Ref != "" {
				a.Schema = refName(media.Schema.Ref)
			}
		}
		x.Answers = append(x.Answers, a)
	}
	return x
}

// typed is the request of an operation for curl, with its example.
func typed(op *huma.Operation) string {
	lines := []string{`curl -H "Authorization: Bearer $CLE"`}
	if op.Method != http.MethodGet && (op.Method != http.MethodPost || op.RequestBody == nil) {
		lines[0] = "curl -X " + op.Method + strings.TrimPrefix(lines[0], "curl")
	}
	for _, p := range op.Parameters {
		if value, shown := map[string]string{"Idempotency-Key": "9f1c0a52-envoi-123", "If-Match": `"7"`}[p.Name]; shown {
			lines = append(lines, "-H "+quoted(p.Name+": "+value))
		}
	}
	if op.RequestBody != nil {
		for _, media := range sortedKeys(op.RequestBody.Content) {
			lines = append(lines, typedBody(media, op.RequestBody.Content[media])...)
		}
	}
	address := strings.NewReplacer("{", "$", "}", "").Replace(base + inCapitals(op.Path))
	for _, p := range op.Parameters {
		if p.In == "query" && p.Required {
			address += string("?&"[min(1, strings.Count(address, "?"))]) + p.Name + "=" + fmt.Sprint(cmp.Or(p.Example, any("…")))
		}
	}
	return strings.Join(append(lines, `"$URL`+address+`"`), " \\\n  ")
}

// inCapitals writes the names in the braces of a path as a shell writes its
// variables.
func inCapitals(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = strings.ToUpper(part)
		}
	}
	return strings.Join(parts, "/")
}

func typedBody(media string, m *huma.MediaType) (lines []string) {
	switch media {
	case "multipart/form-data":
		parts, _ := m.Example.(map[string]any)
		names := sortedKeys(parts)
		slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(m.Encoding[a].ContentType, m.Encoding[b].ContentType) }) // JSON first
		for _, name := range names {
			kind := m.Encoding[name].ContentType
			value := "@" + name + strings.Replace(kind, "application/", ".", 1)
			if kind == jsonMedia {
				value = oneLine(parts[name])
			}
			lines = append(lines, "-F "+quoted(name+"="+value+";type="+kind))
		}
		return lines
	case jsonMedia:
		return []string{"-H 'Content-Type: " + media + "'", "-d " + quoted(oneLine(m.Example))}
	default:
		return []string{"-H 'Content-Type: " + media + "'", "--data-binary @lettre.pdf"}
	}
}

// oneLine writes an example as JSON.
func oneLine(example any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(example); err != nil {
		panic(fmt.Sprintf("api documentation: %v", err)) // made of our own document
	}
	return strings.TrimSpace(b.String())
}

// quoted is a word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// parts lists those of a form, and below one that is an object what it holds.
func parts(s *huma.Schema) (out []field) {
	for _, f := range fields(s) {
		out = append(out, f)
		for _, inner := range fields(s.Properties[f.Name]) {
			inner.Name = f.Name + "." + inner.Name
			out = append(out, inner)
		}
	}
	return out
}

// fields lists the properties of an object, those that are required first.
func fields(s *huma.Schema) (out []field) {
	for _, name := range sortedKeys(s.Properties) {
		f := fieldOf(name, s.Properties[name])
		f.Required = slices.Contains(s.Required, name)
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b field) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		default:
			return 1
		}
	})
	return out
}

func fieldOf(name string, s *huma.Schema) field {
	f := field{Name: name, Type: s.Type, Doc: s.Description}
	switch {
	case s.Ref != "":
		f.Type, f.Schema = "objet", refName(s.Ref)
	case s.Items != nil && s.Items.Ref != "":
		f.Type, f.Schema = "liste", refName(s.Items.Ref)
	case s.Items != nil:
		f.Type = "liste de " + s.Items.Type
	}
	if s.Format != "" {
		f.Type += " (" + s.Format + ")"
	}
	var values []string
	for _, v := range s.Enum {
		values = append(values, fmt.Sprint(v))
	}
	if len(values) > 0 {
		f.Type = strings.Join(values, ", ")
	}
	return f
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// paragraphs splits a description and drops the marks that plain text does
// not need.
func paragraphs(s string) (out []string) {
	for p := range strings.SplitSeq(s, "\n\n") {
		if p = strings.TrimSpace(strings.NewReplacer("**", "", "`", "").Replace(p)); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
