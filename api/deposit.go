package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/problem"
)

// A Deposit is the JSON part of a deposit.
type Deposit struct {
	Title             string            `json:"title" minLength:"1" maxLength:"200" doc:"Objet de la lettre" example:"Réponse à M. Dupont, voirie"`
	Recipient         string            `json:"recipient" minLength:"1" maxLength:"200" doc:"Destinataire" example:"M. Paul Dupont"`
	Type              string            `json:"type" minLength:"1" maxLength:"100" doc:"Code du type de courrier : voir GET /types" example:"courrier-simple"`
	ExternalReference string            `json:"external_reference,omitempty" maxLength:"100" doc:"Votre référence, unique pour votre application" example:"GEC-2026-00123"`
	Note              string            `json:"note,omitempty" maxLength:"2000" doc:"Mot à ceux qui décident"`
	Drafter           string            `json:"drafter,omitempty" maxLength:"254" doc:"Adresse du rédacteur à qui reviennent les refus ; par défaut, celui de l’application"`
	MergeAnnexes      []int             `json:"merge_annexes,omitempty" maxItems:"20" doc:"Rangs, à partir de 1, des annexes dont les pages suivent celles de la lettre et sont signées avec elle ; ce ne sont alors plus des annexes" example:"[1]"`
	Stamp             *Stamp            `json:"stamp,omitempty" doc:"Tampon à poser dans la place libre en haut de la lettre, avant qu’elle soit figée"`
	SignaturePlaces   []SignaturePlace  `json:"signature_places,omitempty" maxItems:"30" doc:"Où vont les blocs de signature. À défaut : la balise #signature# de la lettre, son champ de signature, ou un espace libre de la dernière page"`
	Start             *bool             `json:"start,omitempty" default:"true" doc:"Envoyer aussitôt dans le circuit ; sinon, laisser en brouillon"`
	Metadata          map[string]string `json:"metadata,omitempty" doc:"Valeurs par nom de champ du type ; un champ obligatoire au dépôt manque : 422" example:"{\"montant\":\"1200.50\"}"`
	Circuit           *CircuitWish      `json:"circuit,omitempty" doc:"Autre circuit que celui du type : l’un de ceux qu’il permet (code), ou composé (steps) s’il le permet. Seulement avec start"`
	Chosen            map[string]string `json:"chosen,omitempty" doc:"Bureau choisi (identifiant ou code), par étape où le circuit laisse choisir"`
	OnlyIfReady       bool              `json:"only_if_ready,omitempty" doc:"Refuser (409, signature-not-ready) si une signature du circuit ne pourrait pas aboutir aujourd’hui, au lieu d’y laisser attendre la lettre"`
}

// A SignaturePlace is where the block of a step goes.
type SignaturePlace struct {
	Step string  `json:"step,omitempty" maxLength:"100" doc:"Identifiant d’une étape de signature ou de cachet du circuit ; sans lui, toutes celles qui n’ont pas de place à elles" example:"signature-maire"`
	Page int     `json:"page" minimum:"0" maximum:"100000" doc:"Page, à partir de 1 ; 0 désigne la dernière" example:"0"`
	X    float64 `json:"x" minimum:"0" maximum:"100" doc:"Coin supérieur gauche du bloc, en pourcentage de la largeur de la page telle qu’on la voit, depuis son bord gauche" example:"57"`
	Y    float64 `json:"y" minimum:"0" maximum:"100" doc:"Le même, en pourcentage de la hauteur, depuis le haut" example:"80"`
}

// A Stamp is asked at the top of a letter.
type Stamp struct {
	Text  string `json:"text,omitempty" maxLength:"80" doc:"Texte : numéro chrono, visa… Facultatif si la ville ou la date est demandée" example:"Chrono 2026-0123"`
	Town  bool   `json:"town,omitempty" doc:"Ajouter la ville"`
	Date  bool   `json:"date,omitempty" doc:"Ajouter la date du dépôt"`
	Pages string `json:"pages,omitempty" enum:"first,all" default:"first" doc:"Première page, ou toutes celles de la lettre (40 au plus)"`
}

// depositIn declares no Body: huma must not read the request, which is
// streamed.
type depositIn struct {
	caller
	Key string `header:"Idempotency-Key" doc:"De 8 à 255 caractères, propre à cette demande : la répéter répond le même dossier. Gardée 48 heures. Obligatoire." example:"\"9f1c0a52-envoi-123\""`
}

type depositOut struct {
	Location string `header:"Location" doc:"Adresse du dossier"`
	ETag     string `header:"ETag" doc:"Révision du dossier, entre guillemets"`
	Replayed string `header:"Idempotency-Replayed" doc:"true si le dossier existait déjà, pour la même demande"`
	Body     Dossier
}

func (s *server) registerDeposit() {
	add(s, operation{
		id: "depositDossier", method: http.MethodPost, path: "/dossiers", tag: tagDossiers, scope: dossiers.ScopeDossiersWrite,
		summary:     "Déposer une lettre",
		description: depositText, status: http.StatusCreated,
		errors: []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusServiceUnavailable},
	}, s.receive)
	s.deposit = schemaOf[Deposit](s.api)
	pdf := &huma.Schema{Type: huma.TypeString, ContentEncoding: "binary", Description: "PDF"}
	// Documented after Register: declared before, it makes huma read the whole
	// body, without bound.
	s.api.OpenAPI().Paths["/dossiers"].Post.RequestBody = &huma.RequestBody{
		Required: true, Description: "Les parties dans cet ordre : dossier, document, puis autant d’annex qu’il y a d’annexes.",
		Content: map[string]*huma.MediaType{"multipart/form-data": {
			Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"dossier", "document"}, Properties: map[string]*huma.Schema{
				"dossier": s.deposit, "document": pdf,
				"annex": {Type: huma.TypeArray, Items: pdf, MaxItems: ptr(20)},
			}},
			Encoding: map[string]*huma.Encoding{
				"dossier": {ContentType: "application/json"}, "document": {ContentType: "application/pdf"}, "annex": {ContentType: "application/pdf"},
			},
		}},
	}
}

const depositText = `Un envoi multipart/form-data en une fois : les informations (JSON), la lettre (PDF), puis les annexes (PDF).

Chaque PDF est vérifié pendant l’envoi ; un fichier protégé, incomplet ou endommagé est refusé et rien n’est conservé. Un même Idempotency-Key avec la même demande répond le dossier déjà créé ; avec une autre demande, 422 ; tant que la première n’est pas terminée, 409 et Retry-After. La clé est gardée 48 heures. Une référence externe déjà utilisée répond 409 avec l’adresse (Location) du dossier existant.

La réponse porte warnings : ce qui a été fait des fichiers (réparé, restriction levée, annexe jointe, tampon) et ce qu’ils contiennent d’actif (script, fichier joint…). Ce que les règles de la collectivité refusent répond 422, active-content. Un fichier déjà signé n’est jamais réécrit : ni tampon, ni annexe jointe. Un fichier PDF/A le reste.

signature_places dit où vont les blocs de signature. Un bloc ne couvre jamais un texte : une place prise est signalée dans warnings (block_moved, block_other_page…), et le bloc va au plus près.`

func (s *server) receive(ctx context.Context, in *depositIn) (*depositOut, error) {
	key, err := idempotencyKey(in.Key)
	if err != nil {
		return nil, err
	}
	done, err := s.alone(in.viewer, key)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.turn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.uploads }()
	in.r.Body = http.MaxBytesReader(in.w, in.r.Body, s.MaxUpload)
	// A server without deadlines has nothing to extend.
	_ = http.NewResponseController(in.w).SetReadDeadline(s.Now().Add(uploadTime))
	d, wish, err := s.parts(ctx, in.viewer.Tenant, in.r)
	if err != nil {
		return nil, err
	}
	if d.Circuit, err = s.wished(ctx, in.viewer, d.TypeCode, wish); err != nil {
		return nil, named(err)
	}
	d.Key = key
	made, replayed, err := s.Office.Deposit(ctx, in.viewer, d)
	if errors.Is(err, dossiers.ErrReference) {
		return nil, s.referenceUsed(ctx, in.viewer, d.ExternalReference, err)
	}
	if err != nil {
		return nil, named(err)
	}
	view, err := s.read(ctx, in.viewer, made.ID)
	if err != nil {
		return nil, err
	}
	out := &depositOut{Location: dossierPath(made.ID), ETag: view.ETag, Body: view.Body}
	if replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// alone refuses a repetition while the deposit under its key is being received
// here; done ends that. Between nodes it is the store that tells, once both
// have received all.
func (s *server) alone(v dossiers.Viewer, key string) (done func(), err error) {
	name := [3]string{string(v.Tenant.ID), v.Application.ID, key}
	if _, underway := s.underway.LoadOrStore(name, true); underway {
		return nil, dossiers.ErrInFlight
	}
	return func() { s.underway.Delete(name) }, nil
}

// turn waits for one of the places of uploads, for a while: a burst is taken
// one after the other, and what is more than that is told when to come back.
// Nothing of the body is read meanwhile.
func (s *server) turn(ctx context.Context) error {
	wait := time.NewTimer(uploadQueue)
	defer wait.Stop()
	select {
	case s.uploads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return &refusal{Problem: problem.Of(http.StatusServiceUnavailable)} // says when to come back
	}
}

// idempotencyKey reads the header in both its forms: "k" and k.
func idempotencyKey(h string) (string, error) {
	key := strings.TrimSpace(h)
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	if len(key) < 8 || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", refused(http.StatusBadRequest, "L’en-tête Idempotency-Key est obligatoire : de 8 à 255 caractères visibles, différents pour chaque nouvelle demande.")
	}
	return key, nil
}

// parts reads the body: the JSON first, then the letter, then annexes, each
// checked and stored while it arrives.
func (s *server) parts(ctx context.Context, t dossiers.Tenant, r *http.Request) (d dossiers.Draft, wish *CircuitWish, err error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return d, nil, refused(http.StatusUnsupportedMediaType, "Envoyez la demande en multipart/form-data.")
	}
	var meta *Deposit
	fingerprint := sha256.New()
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return d, nil, unreadable(err)
		}
		name := part.FormName()
		fmt.Fprintf(fingerprint, "%s\n", name)
		switch {
		case name == "dossier" && meta == nil:
			if meta, err = s.meta(part); err != nil {
				return d, nil, err
			}
			canonical, err := json.Marshal(meta)
			if err != nil {
				return d, nil, fmt.Errorf("fingerprint of a deposit: %w", err)
			}
			fingerprint.Write(canonical)
		case name == "document" && meta != nil && d.Main.SHA256.IsZero():
			if d.Main, err = s.file(ctx, t, part, "document"); err != nil {
				return d, nil, err
			}
			fingerprint.Write(d.Main.SHA256[:])
		case name == "annex" && !d.Main.SHA256.IsZero() && len(d.Annexes) < 20:
			annex, err := s.file(ctx, t, part, fmt.Sprintf("annex[%d]", len(d.Annexes)))
			if err != nil {
				return d, nil, err
			}
			d.Annexes = append(d.Annexes, annex)
			fingerprint.Write(annex.SHA256[:])
		default:
			return d, nil, wrong("body", "Les parties attendues sont, dans cet ordre : dossier, document, puis annex (20 au plus).")
		}
	}
	if meta == nil || d.Main.SHA256.IsZero() {
		return d, nil, wrong("body", "Il manque une partie : dossier et document sont nécessaires, dans cet ordre.")
	}
	d.Fingerprint = [32]byte(fingerprint.Sum(nil))
	return meta.fill(d), meta.Circuit, nil
}

func (m *Deposit) fill(d dossiers.Draft) dossiers.Draft {
	d.Title, d.Recipient, d.TypeCode, d.Note = m.Title, m.Recipient, m.Type, m.Note
	d.ExternalReference, d.DrafterEmail = m.ExternalReference, m.Drafter
	d.Start, d.OnlyIfReady = m.Start == nil || *m.Start, m.OnlyIfReady
	d.Metadata, d.Chosen = conditions.Values(m.Metadata), picked(m.Chosen)
	d.Additions.Join = slices.Clone(m.MergeAnnexes)
	for _, p := range m.SignaturePlaces {
		d.Places = append(d.Places, dossiers.Place{Step: circuits.StepID(p.Step), Kind: dossiers.PlaceSignature, Page: p.Page, X: p.X, Y: p.Y})
	}
	if x := m.Stamp; x != nil {
		d.Additions.Stamp = &dossiers.Stamp{Text: x.Text, Town: x.Town, Date: x.Date, AllPages: x.Pages == "all"}
	}
	return d
}

// meta reads and checks the JSON part.
func (s *server) meta(part io.Reader) (*Deposit, error) {
	raw, err := io.ReadAll(io.LimitReader(part, maxBody+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(raw) > maxBody {
		return nil, refused(http.StatusRequestEntityTooLarge, "La partie dossier est limitée à 64 Kio.")
	}
	var v any
	if err := decodeJSON(raw, &v); err != nil {
		return nil, notJSON("dossier", err)
	}
	found := &huma.ValidateResult{}
	path := huma.NewPathBuffer(make([]byte, 0, 64), 0)
	path.Push("dossier")
	huma.Validate(s.api.OpenAPI().Components.Schemas, s.deposit, path, huma.ModeWriteToServer, v, found)
	if len(found.Errors) > 0 {
		p := problem.Invalid()
		for _, f := range newError(p.Status, "", found.Errors...).(*Problem).Errors {
			p.Fields = append(p.Fields, problem.Field(f))
		}
		return nil, &refusal{Problem: p}
	}
	m := &Deposit{}
	if err := decodeJSON(raw, m); err != nil {
		return nil, notJSON("dossier", err)
	}
	return m, nil
}

// file hands one PDF to the office. What its check refuses names the part.
func (s *server) file(ctx context.Context, t dossiers.Tenant, part *multipart.Part, location string) (dossiers.Received, error) {
	body := &reading{r: part}
	got, err := s.Office.Receive(ctx, t, part.FileName(), body)
	switch {
	case err == nil:
		return got, nil
	case body.err != nil:
		return got, unreadable(body.err)
	}
	p := problem.For(err)
	if p.Status >= http.StatusInternalServerError {
		return got, err
	}
	p.Fields = []problem.Field{{Location: location, Message: p.Title + "."}}
	return got, &refusal{Problem: p}
}

// reading remembers why the client's body could not be read, to tell it from
// what is wrong with the file.
type reading struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (x *reading) Read(p []byte) (int, error) {
	n, err := x.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		x.err = err
	}
	return n, err
}

// unreadable is the error of a body that cannot be read to its end: over the
// cap, which may surface anywhere, or malformed.
func unreadable(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return tooBig
	}
	return refused(http.StatusBadRequest, "L’envoi est interrompu ou mal formé.")
}

// named moves the field of an InvalidError under the JSON part.
func named(err error) error {
	var invalid *dossiers.InvalidError
	if !errors.As(err, &invalid) || invalid.Field == "document" || invalid.Field == "annexes" {
		return err
	}
	return wrong("dossier."+invalid.Field, invalid.Reason)
}

// referenceUsed is the conflict of an external reference, with the address of
// the dossier that has it.
func (s *server) referenceUsed(ctx context.Context, v dossiers.Viewer, reference string, err error) error {
	found, _, ferr := s.Office.Search(ctx, v, dossiers.Filter{ExternalReference: strings.TrimSpace(reference)}, dossiers.Page{Limit: 100})
	if ferr != nil {
		return err
	}
	for _, d := range found { // an application that sees all may find those of others
		if d.State.Depositor.Application == v.Application.ID {
			return &refusal{Problem: problem.For(err), header: http.Header{"Location": {dossierPath(d.ID)}}}
		}
	}
	return err
}

func ptr[T any](v T) *T { return &v }
