package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// Tags group the operations in the documentation.
const (
	tagDossiers     = "Dossiers"
	tagDocuments    = "Documents"
	tagEvidence     = "Preuves"
	tagEvents       = "Suivi"
	tagCircuits     = "Circuits"
	tagDispatches   = "Envois"
	tagWebhooks     = "Notifications"
	tagOrganisation = "Organisation"
	tagSandbox      = "Bac à sable"
	tagMe           = "Clé d’application"
)

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: tagDossiers, Description: "Déposer une lettre, la suivre, la retirer."},
		{Name: tagDocuments, Description: "Télécharger les PDF, signés ou tels que déposés."},
		{Name: tagEvidence, Description: "De quoi vérifier les décisions et les signatures sans le parapheur."},
		{Name: tagEvents, Description: "Savoir ce qui s’est passé, sans rien manquer."},
		{Name: tagDispatches, Description: "Comment la lettre signée est partie, et ce qu’elle est devenue."},
		{Name: tagWebhooks, Description: "Être appelé à chaque fait, dans l’ordre, au lieu de demander."},
		{Name: tagCircuits, Description: "Les types de courrier et leurs circuits."},
		{Name: tagOrganisation, Description: "Provisionner les personnes et les bureaux, et tenir l’organisation entière comme un fichier. Rien ici ne permet de décider : une clé d’accès ne s’enregistre que sur l’invitation d’un administrateur."},
		{Name: tagSandbox, Description: "Dans un bac à sable seulement : avancer l’horloge et jouer les décisions de personnes d’essai. Tout y est un spécimen, sans valeur ; dans une vraie collectivité, ces opérations sont toujours refusées (403)."},
		{Name: tagMe, Description: "L’application reconnue et ses droits."},
	}
}

const introduction = `L’interface des applications d’une collectivité avec son parapheur : déposer une lettre, la suivre dans son circuit, la retirer, récupérer le document signé et son dossier de preuve.

**Une application ne décide jamais.** Aucune opération et aucun droit ne permettent de viser, de signer ou de refuser : seule une personne le peut, d’un geste sur sa clé d’accès. Seul un bac à sable, dont rien n’a de valeur, laisse jouer des personnes d’essai.

Chaque demande porte une clé, ou un jeton obtenu avec elle (OAuth 2, ` + "`POST /oauth2/token`" + `) : ` + "`Authorization: Bearer pk_…`" + `. Les erreurs suivent la RFC 9457 (application/problem+json) ; leur type est stable et expliqué dans la documentation. Les réponses peuvent s’enrichir de nouvelles informations sans changer de version : ignorez celles que vous ne connaissez pas.`

// document is the OpenAPI document, written once.
type document struct {
	json, yaml []byte
	openapi    *huma.OpenAPI
}

// describe finishes the document and writes it.
func describe(o *huma.OpenAPI) document {
	statuses := map[string]string{
		"200": "C’est fait", "201": "Créé", "202": "C’est noté, ce sera fait", "204": "C’est fait", "304": "Rien n’a changé", "400": "Demande mal formée", "401": "Clé absente ou refusée",
		"403": "Droit insuffisant", "404": "Introuvable", "409": "Impossible dans l’état actuel", "412": "Ce qui a été lu a changé entre-temps",
		"413": "Envoi trop volumineux", "415": "Format refusé", "422": "Information incorrecte", "428": "If-Match nécessaire",
		"429": "Trop de demandes ; voir Retry-After", "500": "Difficulté du parapheur", "503": "Momentanément indisponible ; voir Retry-After",
	}
	given := examples()
	for _, item := range o.Paths {
		for _, op := range operations(item) {
			implied(op)
			shown(op, given[op.OperationID])
			for status, r := range op.Responses {
				if text, ok := statuses[status]; ok && r.Description == http.StatusText(number(status)) {
					r.Description = text
				}
				if status == "304" {
					r.Content = nil
				}
			}
		}
	}
	loosen(o)
	j, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("openapi document: %v", err)) // made of our own types
	}
	y, err := o.YAML()
	if err != nil {
		panic(fmt.Sprintf("openapi document: %v", err))
	}
	return document{json: append(j, '\n'), yaml: y, openapi: o}
}

// implied adds to an operation what any with such inputs may answer, and takes
// away what none without them can: operations that share a list of statuses
// differ in their inputs.
func implied(op *huma.Operation) {
	takes := func(name string) bool {
		return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == name })
	}
	body, key, match := op.RequestBody != nil, takes("Idempotency-Key"), takes("If-Match")
	for status, can := range map[int]bool{
		http.StatusBadRequest: body || key || takes("cursor"), http.StatusRequestEntityTooLarge: body, http.StatusUnsupportedMediaType: body,
		http.StatusPreconditionFailed: match, http.StatusPreconditionRequired: match,
	} {
		if !can {
			delete(op.Responses, strconv.Itoa(status))
		}
	}
	must := []int{}
	if body {
		must = append(must, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if key { // a repetition meets the first request under way
		must = append(must, http.StatusBadRequest, http.StatusConflict)
	}
	for _, status := range must {
		text := strconv.Itoa(status)
		if op.Responses[text] == nil {
			r := *op.Responses["422"]
			r.Description = http.StatusText(status)
			op.Responses[text] = &r
		}
	}
}

// operations lists those of a path.
func operations(item *huma.PathItem) (out []*huma.Operation) {
	for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
		if op != nil {
			out = append(out, op)
		}
	}
	return out
}

// scopeTexts explains each scope.
func scopeTexts() map[string]string {
	texts := map[string]string{
		dossiers.ScopeDossiersRead: "Suivre ses dossiers", dossiers.ScopeDossiersWrite: "Déposer, corriger, envoyer et retirer ses dossiers",
		dossiers.ScopeDocumentsRead: "Télécharger les PDF", dossiers.ScopeEvidenceRead: "Télécharger les dossiers de preuve",
		dossiers.ScopeEventsRead: "Lire le fil des évènements", dossiers.ScopeCircuitsRead: "Lire les types, les circuits et les bureaux",
		dossiers.ScopeDispatchesWrite: "Inscrire les envois", dossiers.ScopeOrganisationRead: "Lire l’organisation", dossiers.ScopeOrganisationManage: "Régler l’organisation, sans jamais décider",
		dossiers.ScopeJournalRead: "Lire le journal de la collectivité", dossiers.ScopeWebhooksManage: "Gérer ses adresses de notification",
		dossiers.ScopeSandbox: "Dans un bac à sable : avancer l’horloge et jouer les personnes d’essai",
	}
	for _, s := range dossiers.Scopes() {
		if texts[s] == "" {
			texts[s] = s
		}
	}
	return texts
}

func number(status string) int {
	n, err := strconv.Atoi(status)
	if err != nil {
		return 0
	}
	return n
}

// loosen lets answers hold more than is described, so that strict clients
// survive additions. What is sent to us stays exact.
func loosen(o *huma.OpenAPI) {
	inputs, outputs := spoken(o)
	for name, schema := range o.Components.Schemas.Map() {
		if schema.Type == huma.TypeObject && (!inputs[name] || outputs[name]) && !strings.HasPrefix(name, setupPrefix) {
			schema.AdditionalProperties = true
		}
	}
}

// spoken lists the schemas that are sent to us and those that we answer, with
// all that they are made of.
func spoken(o *huma.OpenAPI) (inputs, outputs map[string]bool) {
	inputs, outputs = map[string]bool{}, map[string]bool{}
	all := o.Components.Schemas.Map()
	var follow func(*huma.Schema, map[string]bool)
	follow = func(s *huma.Schema, into map[string]bool) {
		if s == nil {
			return
		}
		if name := strings.TrimPrefix(s.Ref, "#/components/schemas/"); s.Ref != "" {
			if !into[name] {
				into[name] = true
				follow(all[name], into)
			}
			return
		}
		follow(s.Items, into)
		for _, p := range s.Properties {
			follow(p, into)
		}
	}
	of := func(content map[string]*huma.MediaType, into map[string]bool) {
		for _, m := range content {
			follow(m.Schema, into)
		}
	}
	for _, item := range o.Paths {
		for _, op := range operations(item) {
			if op.RequestBody != nil {
				of(op.RequestBody.Content, inputs)
			}
			for _, r := range op.Responses {
				of(r.Content, outputs)
			}
		}
	}
	return inputs, outputs
}

// serve answers the document in both forms.
func (d document) serve(r chi.Router) {
	send := func(media string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(body) // the client may have left
		}
	}
	r.Get("/openapi.json", send("application/vnd.oai.openapi+json;version=3.1", d.json))
	r.Get("/openapi.yaml", send("application/vnd.oai.openapi;version=3.1", d.yaml))
}
