package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/problem"
)

// A Summary is a dossier in a list.
type Summary struct {
	ID                string    `json:"id" format:"uuid"`
	Number            int64     `json:"number" doc:"Numéro dans la collectivité, tel qu’on le cite"`
	URL               string    `json:"url" format:"uri-reference"`
	Title             string    `json:"title"`
	Recipient         string    `json:"recipient"`
	Type              string    `json:"type" doc:"Code du type de courrier" example:"courrier-simple"`
	TypeName          string    `json:"type_name"`
	ExternalReference string    `json:"external_reference,omitempty" doc:"Votre référence"`
	Phase             string    `json:"phase" enum:"draft,running,refused,withdrawn,completed" doc:"Où en est le dossier"`
	Drafter           string    `json:"drafter" doc:"À qui reviennent les refus"`
	Version           int       `json:"version" doc:"Version du document principal, à partir de 1"`
	Revision          int       `json:"revision" doc:"Nombre de faits enregistrés : c’est l’étiquette (ETag) du dossier"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
}

// A Dossier is a letter with its circuit, its decisions and its documents.
type Dossier struct {
	Summary
	Note      string            `json:"note,omitempty" doc:"Mot du rédacteur à ceux qui décident"`
	Metadata  map[string]string `json:"metadata" doc:"Valeurs par nom de champ du type ; celles qui sont remplies"`
	Chrono    string            `json:"chrono,omitempty" doc:"Numéro dans le registre de la collectivité, une fois tiré"`
	Steps     []Step            `json:"steps" doc:"Le circuit, dans l’ordre"`
	Decisions []Decision        `json:"decisions" doc:"Toutes les décisions, dans l’ordre, même caduques"`
	Documents []Document        `json:"documents" doc:"La lettre (n = 1), puis ses annexes dans leur ordre"`
	Warnings  []Warning         `json:"warnings" doc:"Ce que le dépôt a relevé dans les fichiers, ou en a fait"`
}

// A Warning is something to know about a file of the dossier.
type Warning struct {
	Code     string `json:"code" enum:"repaired,unprotected,already_signed,annex_joined,stamped,specimen,launch,embedded_executable,javascript,submit_form,remote_content,rich_media,embedded_file,block_moved,block_smaller,block_other_page,block_invisible" doc:"Code stable"`
	Document int    `json:"document" minimum:"1" doc:"1 pour la lettre"`
	Page     int    `json:"page,omitempty" doc:"Page, à partir de 1, si c’en est une"`
	Message  string `json:"message" doc:"La même chose en français"`
}

// A Step is one step of the circuit.
type Step struct {
	ID       string `json:"id" example:"signature-maire"`
	Kind     string `json:"kind" enum:"visa,signature,cachet,avis,externe,information" doc:"Un visa n’est jamais une signature"`
	Title    string `json:"title"`
	Desk     string `json:"desk" doc:"Nom du bureau"`
	Status   string `json:"status" enum:"ahead,open,sealing,done,refused,skipped,bypassed,blocked,released"`
	Awaiting string `json:"awaiting,omitempty" doc:"Ce qu’attend une signature décidée : timestamp (horodatage), revocation (état des certificats), key (un certificat utilisable), activation (autorisation du signataire)"`
	Block    *Block `json:"block,omitempty" doc:"Le bloc de signature, une fois posé"`
}

// A Block is where a signature is shown.
type Block struct {
	Page    int    `json:"page" minimum:"0" doc:"Page, à partir de 1 ; 0 : la signature n’a pas de bloc visible"`
	Notice  string `json:"notice,omitempty" enum:"moved,smaller,other_page,invisible" doc:"Ce qui a cédé faute de place"`
	Message string `json:"message,omitempty" doc:"La même chose en français"`
}

// A Decision is what somebody decided at a step, with what it rests on.
type Decision struct {
	Step     string    `json:"step" doc:"Identifiant de l’étape"`
	Verdict  string    `json:"verdict" enum:"visa,signature,refus,cachet,avis,externe,contournement"`
	By       string    `json:"by"`
	Quality  string    `json:"quality,omitempty" doc:"Qualité au moment de la décision" example:"Maire"`
	Reason   string    `json:"reason,omitempty" doc:"Motif d’un refus"`
	Standing string    `json:"standing" enum:"holds,lapsed,undone,maintained" doc:"Ce que vaut la décision aujourd’hui : elle vaut, elle est caduque, son auteur l’a reprise, ou elle est maintenue sur une version corrigée"`
	Version  int       `json:"version" doc:"Version du document"`
	Document string    `json:"document_sha256" doc:"Empreinte du document sur lequel elle porte"`
	Evidence string    `json:"evidence_sha256" doc:"Empreinte de sa preuve"`
	At       time.Time `json:"at"`
}

// A Document is the letter or an annex. Its bytes are those of content.
type Document struct {
	N              int    `json:"n" minimum:"1" doc:"Numéro dans le dossier, qui ne change pas et ne sert qu’une fois ; 1 est la lettre"`
	Version        int    `json:"version" minimum:"1" doc:"Version du document : un de plus chaque fois qu’il est remplacé"`
	Name           string `json:"name"`
	Pages          int    `json:"pages"`
	Bytes          int64  `json:"bytes"`
	SHA256         string `json:"sha256" doc:"Empreinte des octets actuels, signatures comprises"`
	Signed         bool   `json:"signed" doc:"Une signature du parapheur y est apposée"`
	ApprovedBytes  int64  `json:"approved_bytes" doc:"Longueur du document tel que déposé : le document signé commence par ces octets, inchangés"`
	ApprovedSHA256 string `json:"approved_sha256"`
	Content        string `json:"content" format:"uri-reference" doc:"Où le télécharger"`
}

func dossierPath(id dossiers.ID) string { return base + "/dossiers/" + url.PathEscape(string(id)) }

func summary(d dossiers.Dossier) Summary {
	return Summary{
		ID: string(d.ID), Number: d.Number, URL: dossierPath(d.ID), Title: d.Title, Recipient: d.Recipient,
		Type: d.TypeCode, TypeName: d.TypeName, ExternalReference: d.ExternalReference, Phase: string(d.State.Phase),
		Drafter: d.Drafter.Name, Version: d.State.Version, Revision: d.Rev(), CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

func dossier(v dossiers.View) Dossier {
	out := Dossier{Summary: summary(v.Dossier), Note: v.Note, Metadata: map[string]string{}, Chrono: v.Filing.Number, Steps: []Step{}, Decisions: []Decision{}, Documents: []Document{}}
	maps.Copy(out.Metadata, v.Filing.Values)
	for _, p := range v.Path {
		out.Steps = append(out.Steps, Step{
			ID: string(p.Step.ID), Kind: string(p.Step.Kind), Title: p.Step.Title, Desk: p.Desk, Status: string(p.Status), Awaiting: p.Awaiting,
		})
	}
	for _, d := range v.State.Decisions {
		out.Decisions = append(out.Decisions, Decision{
			Step: stepOf(v.State, d), Verdict: string(d.Verdict), By: d.By.Name, Quality: d.By.Quality,
			Reason: d.Reason, Standing: string(d.Standing), Version: d.Version, Document: d.Document.String(),
			Evidence: d.Evidence.String(), At: d.At,
		})
	}
	for _, d := range v.Documents {
		out.Documents = append(out.Documents, Document{
			N: d.N, Version: d.Revision.Version, Name: d.Name, Pages: d.Pages, Bytes: d.Revision.Bytes, SHA256: d.Revision.SHA256.String(), Signed: d.Signed(),
			ApprovedBytes: d.Approved.Bytes, ApprovedSHA256: d.Approved.SHA256.String(),
			Content: dossierPath(v.ID) + "/documents/" + strconv.Itoa(d.N) + "/content",
		})
	}
	return out
}

// stepOf names the step of a decision, be it of a circuit that was left.
func stepOf(s circuits.State, d circuits.Decision) string {
	if d.StepID == "" && d.Step >= 0 && d.Step < len(s.Circuit.Steps) {
		return string(s.Circuit.Steps[d.Step].ID)
	}
	return string(d.StepID)
}

// dossierOut is a dossier with its entity tag.
type dossierOut struct {
	ETag string `header:"ETag" doc:"Révision du dossier, entre guillemets"`
	Body Dossier
}

func etag(rev int) string { return `"` + strconv.Itoa(rev) + `"` }

func (s *server) read(ctx context.Context, v dossiers.Viewer, id dossiers.ID) (*dossierOut, error) {
	view, err := s.Office.View(ctx, v, id)
	if err != nil {
		return nil, err
	}
	out := &dossierOut{ETag: etag(view.Rev()), Body: dossier(view)}
	blocks, err := s.Office.Blocks(ctx, v, id)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		for i := range out.Body.Steps {
			if st := &out.Body.Steps[i]; st.ID == string(b.Step) {
				st.Block = &Block{Page: b.Page, Notice: string(b.Notice), Message: b.Notice.French()}
			}
		}
	}
	told, err := s.Office.Notices(ctx, v, id)
	if err != nil {
		return nil, err
	}
	out.Body.Warnings = make([]Warning, len(told))
	for i, n := range told {
		out.Body.Warnings[i] = Warning{Code: string(n.Code), Document: n.N, Page: n.Page, Message: n.French()}
	}
	return out, nil
}

type listIn struct {
	caller
	Phase             string    `query:"phase" enum:"draft,running,refused,withdrawn,completed" doc:"Seulement les dossiers dans cette phase"`
	ExternalReference string    `query:"external_reference" maxLength:"100" doc:"Seulement le dossier qui porte cette référence"`
	Number            int64     `query:"number" minimum:"1" maximum:"2147483647" doc:"Seulement le dossier qui porte ce numéro"`
	Type              string    `query:"type" maxLength:"100" doc:"Seulement les dossiers de ce type (code)"`
	UpdatedAfter      time.Time `query:"updated_after" doc:"Seulement les dossiers qui ont bougé depuis (RFC 3339)"`
	IfNoneMatch       string    `header:"If-None-Match" doc:"Étiquette déjà connue : 304 si rien n’a changé"`
	Query             string    `query:"q" maxLength:"200" doc:"Recherche dans l’objet, le destinataire et la référence : tous les mots demandés, dans n’importe quel ordre. Ni les accents, ni les capitales, ni les ligatures ne comptent (oeuvre trouve Œuvre), le pluriel trouve le singulier et le féminin le masculin ; les petits mots (le, de, pour) sont ignorés, et seuls ne trouvent rien. Entre guillemets, et de part et d’autre d’un trait d’union, d’une apostrophe ou d’une barre : les mots à la suite. -mot : sans ce mot. a or b : l’un ou l’autre"`
	Cursor            string    `query:"cursor" maxLength:"500" doc:"Curseur de la page précédente (next_cursor), sans le modifier"`
	Limit             int       `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Nombre de dossiers d’une page"`
}

type listOut struct {
	ETag string `header:"ETag" doc:"Étiquette de cette page"`
	Link string `header:"Link" doc:"Adresse de la page suivante (RFC 8288), s’il y en a une"`
	Body List
}

// A List is one page of dossiers, newest first.
type List struct {
	Data       []Summary `json:"data"`
	NextCursor *string   `json:"next_cursor" doc:"À passer dans cursor ; null à la dernière page"`
}

type oneIn struct {
	caller
	ID          string `path:"id" doc:"Identifiant du dossier (UUID)"`
	IfNoneMatch string `header:"If-None-Match" doc:"Étiquette déjà connue : 304 si rien n’a changé"`
}

type withdrawIn struct {
	OfDossier
	Guarded
	Body Withdrawal
}

// A Withdrawal takes a dossier out of its circuit.
type Withdrawal struct {
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Pourquoi, pour le rédacteur"`
}

func (s *server) registerDossiers() {
	add(s, operation{
		id: "listDossiers", method: http.MethodGet, path: "/dossiers", tag: tagDossiers, scope: dossiers.ScopeDossiersRead,
		summary:     "Lister les dossiers",
		description: "Les dossiers déposés par cette application, du plus récent au plus ancien, page par page ; tous ceux de la collectivité si la clé porte aussi le droit `" + dossiers.ScopeDossiersAll + "`.",
		errors:      []int{http.StatusBadRequest, http.StatusNotModified},
	}, s.list)
	add(s, operation{
		id: "getDossier", method: http.MethodGet, path: "/dossiers/{id}", tag: tagDossiers, scope: dossiers.ScopeDossiersRead,
		summary:     "Lire un dossier",
		description: "Le circuit, les décisions et les documents. Répond 304 si l’étiquette passée dans If-None-Match est encore la bonne.",
		errors:      []int{http.StatusNotModified},
	}, s.one)
	add(s, operation{
		id: "withdrawDossier", method: http.MethodPost, path: "/dossiers/{id}/withdraw", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary:     "Retirer un dossier",
		description: "Sort le dossier de son circuit. Impossible dès qu’une signature est décidée.",
		errors:      []int{http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusPreconditionRequired},
	}, s.withdraw)
}

func (s *server) list(ctx context.Context, in *listIn) (*listOut, error) {
	found, next, err := s.Office.Search(ctx, in.viewer, dossiers.Filter{
		Phase: circuits.Phase(in.Phase), ExternalReference: in.ExternalReference, Query: in.Query, Number: in.Number, Type: in.Type, UpdatedAfter: in.UpdatedAfter,
	}, dossiers.Page{After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, cursorRefused(err)
	}
	out := &listOut{Body: List{Data: []Summary{}}}
	for _, d := range found {
		out.Body.Data = append(out.Body.Data, summary(d))
	}
	if next != "" {
		out.Body.NextCursor, out.Link = &next, nextLink("/dossiers", in.r.URL.Query(), next)
	}
	if out.ETag = listTag(out.Body); matches(in.IfNoneMatch, strings.TrimPrefix(out.ETag, "W/"), true) {
		return nil, notModified(out.ETag)
	}
	return out, nil
}

func (s *server) one(ctx context.Context, in *oneIn) (*dossierOut, error) {
	out, err := s.read(ctx, in.viewer, dossiers.ID(in.ID))
	if err != nil {
		return nil, err
	}
	if matches(in.IfNoneMatch, out.ETag, true) {
		return nil, notModified(out.ETag)
	}
	return out, nil
}

func (s *server) withdraw(ctx context.Context, in *withdrawIn) (*changedOut, error) {
	id := dossiers.ID(in.ID)
	return atMostOnce(ctx, s, in.caller, in.Key, []any{in.IfMatch, in.Body}, func(string) (*changedOut, error) {
		view, err := s.precondition(ctx, in.viewer, id, in.IfMatch)
		if err != nil {
			return nil, err
		}
		if _, err := s.Office.Withdraw(ctx, in.viewer, id, in.Body.Reason, view.Rev()); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, id)
	})
}

// cursorRefused makes a cursor that is not ours a malformed request.
func cursorRefused(err error) error {
	if invalid := (*dossiers.InvalidError)(nil); errors.As(err, &invalid) && invalid.Field == "cursor" {
		return refused(http.StatusBadRequest, invalid.Reason)
	}
	return err
}

// matches reports whether the list of entity tags in a header holds tag (RFC
// 9110, 8.8.3): weakly for If-None-Match, strongly for If-Match.
func matches(header, tag string, weak bool) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if weak {
			part = strings.TrimPrefix(part, "W/")
		}
		if part == tag {
			return true
		}
	}
	return false
}

// notModified is the answer 304, which is an error for huma.
func notModified(tag string) error {
	return &refusal{Problem: problem.Problem{Status: http.StatusNotModified}, header: http.Header{"Etag": {tag}}}
}
