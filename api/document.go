package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"parapheur/circuits"
	"parapheur/dossiers"
)

type contentIn struct {
	caller
	ID          string `path:"id" doc:"Identifiant du dossier (UUID)"`
	N           int    `path:"n" minimum:"1" maximum:"2147483647" doc:"Numéro du document dans le dossier : 1 pour la lettre"`
	Version     string `query:"version" pattern:"^(current|approved|v[1-9][0-9]{0,4})$" default:"current" doc:"current : les octets actuels, signatures comprises ; approved : ceux qui ont été déposés dans cette version ; v1, v2… : ceux d’une version précédente"`
	Range       string `header:"Range" doc:"Partie demandée (RFC 9110)" example:"bytes=0-1023"`
	IfNoneMatch string `header:"If-None-Match" doc:"Étiquette déjà connue : 304 si rien n’a changé"`
}

func (s *server) registerDocuments() {
	add(s, operation{
		id: "getDocumentContent", method: http.MethodGet, path: "/dossiers/{id}/documents/{n}/content", tag: tagDocuments, scope: dossiers.ScopeDocumentsRead,
		summary:     "Télécharger un document",
		description: "Le PDF, en entier ou en partie (Range). HEAD répond les mêmes en-têtes. Repr-Digest porte l’empreinte SHA-256 du fichier entier.",
	}, s.content)
	s.documentBinary("/dossiers/{id}/documents/{n}/content", "application/pdf", "Le PDF")
}

// documentBinary describes the answers of an operation that streams a file.
func (s *server) documentBinary(path, media, what string) {
	responses := s.api.OpenAPI().Paths[path].Get.Responses
	file := map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString, ContentEncoding: "binary"}}}
	text := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	headers := map[string]*huma.Param{
		"ETag":                text("Empreinte du fichier, entre guillemets"),
		"Repr-Digest":         text("Empreinte SHA-256 du fichier entier (RFC 9530)"),
		"Content-Disposition": text("Nom du fichier (RFC 6266)"),
	}
	responses["200"] = &huma.Response{Description: what, Content: file, Headers: headers}
	responses["206"] = &huma.Response{Description: what + ", partie demandée", Content: file, Headers: headers}
	responses["304"] = &huma.Response{Description: "Rien n’a changé"}
	responses["416"] = &huma.Response{
		Description: "La partie demandée n’existe pas", Content: responses["422"].Content,
		Headers: map[string]*huma.Param{"Content-Range": text("Longueur du fichier : bytes */22036")},
	}
}

func (s *server) content(ctx context.Context, in *contentIn) (*huma.StreamResponse, error) {
	c, err := s.Office.Content(ctx, in.viewer, dossiers.ID(in.ID), in.N, in.Version)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer c.Close() //nolint:errcheck // read only
		r, w := humachi.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "application/pdf")
		h.Set("ETag", `"`+c.Chosen.SHA256.String()+`"`)
		h.Set("Repr-Digest", digestOf(c.Chosen.SHA256))
		h.Set("Content-Disposition", attachment(c.Name))
		_ = http.NewResponseController(w).SetWriteDeadline(s.Now().Add(streamTime)) // none to extend on some servers
		deliver(w, r, c)
	}}, nil
}

// attachment is the Content-Disposition of a file to keep: its name in ASCII
// for old clients, and as it is for the others (RFC 6266, appendix D).
func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// digestOf is the form of Repr-Digest (RFC 9530).
func digestOf(d circuits.Digest) string { return "sha-256=:" + base64Of(d[:]) + ":" }
