package maarch

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// A document is what the client sends of a letter.
type document struct {
	Title           string          `json:"title"`
	Reference       text            `json:"reference"`
	EncodedDocument string          `json:"encodedDocument"`
	Sender          text            `json:"sender"`
	Deadline        text            `json:"deadline"`
	Attachments     []attachment    `json:"attachments"`
	Workflow        json.RawMessage `json:"workflow"`
	Metadata        json.RawMessage `json:"metadata"`
	MailingID       text            `json:"mailingId"`
	LinkID          text            `json:"linkId"`
	Notes           json.RawMessage `json:"notes"`
}

type attachment struct {
	EncodedDocument string `json:"encodedDocument"`
	Title           string `json:"title"`
	Reference       text   `json:"reference"`
}

// A text is a string, or what the client sends instead of one: a number, null.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) || bytes.Equal(b, []byte("false")) {
		return nil
	}
	if b[0] != '"' {
		*t = text(b)
		return nil
	}
	var s string
	err := json.Unmarshal(b, &s)
	*t = text(s)
	return err
}

// A step is one line of the client's workflow.
type step struct {
	UserID             text       `json:"userId"`
	Mode               string     `json:"mode"`
	SignatureMode      text       `json:"signatureMode"`
	SignaturePositions []position `json:"signaturePositions"`
	DatePositions      []position `json:"datePositions"`
	// ExternalInformations describe somebody outside of the town.
	ExternalInformations json.RawMessage `json:"externalInformations"`
}

// A position is in percent of the page, from its upper left corner.
type position struct {
	X      *float64 `json:"positionX"`
	Y      *float64 `json:"positionY"`
	Page   int      `json:"page"`
	Color  string   `json:"color"`
	Font   string   `json:"font"`
	Format string   `json:"format"`
	Width  float64  `json:"width"`
}

// sent is kept of a deposit, to answer in the client's own terms.
type sent struct {
	Reference string            `json:"reference,omitempty"`
	Sender    string            `json:"sender,omitempty"`
	Deadline  string            `json:"deadline,omitempty"`
	LinkID    string            `json:"link,omitempty"`
	MailingID string            `json:"mailing,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Steps     []sentStep        `json:"steps"`
}

type sentStep struct {
	User int64  `json:"user"`
	Mode string `json:"mode"`
}

func invalid(field, why string) error { return &dossiers.InvalidError{Field: field, Reason: why} }

// list reads an array, or the object {"0":…,"2":…} that PHP makes of a sparse
// one, in the order of its keys.
func list[T any](raw json.RawMessage) ([]T, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	var out []T
	if raw[0] == '[' {
		return out, json.Unmarshal(raw, &out)
	}
	byKey := map[int]T{}
	if err := json.Unmarshal(raw, &byKey); err != nil {
		return nil, err
	}
	keys := make([]int, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	sort.Ints(keys)
	for _, k := range keys {
		out = append(out, byKey[k])
	}
	return out, nil
}

// pairs reads an object of texts, or the empty array that PHP makes of none.
func pairs(raw json.RawMessage) map[string]string {
	found := map[string]text{}
	if json.Unmarshal(raw, &found) != nil {
		return nil
	}
	out := map[string]string{}
	for k, v := range found {
		out[k] = string(v)
	}
	return out
}

// create makes a dossier of a document, and answers its number: 200, since the
// client takes 201 for a failure.
func (f facade) create(c *compat.Caller) error {
	var in document
	var made dossiers.Dossier
	err := f.read(c, &in, func(s *compat.Sifted) (err error) {
		made, err = f.deposit(c, in, s)
		return err
	})
	if err != nil {
		return f.refuseCreation(c, in, err)
	}
	return answer(c, map[string]int64{"id": made.Number})
}

// refuseCreation answers why nothing was made. A mail sent whole for one
// opinion is the case in which the client looks at nothing but "error".
func (f facade) refuseCreation(c *compat.Caller, in document, err error) error {
	steps, bad := list[step](in.Workflow)
	if bad != nil || len(steps) != 1 || steps[0].Mode != "note" {
		return err
	}
	status, why := f.Explain(c.R.Context(), c.Operation, err)
	refusePolled(c.W, c.R, status, why)
	return nil
}

func (f facade) deposit(c *compat.Caller, in document, s *compat.Sifted) (dossiers.Dossier, error) {
	ctx := c.R.Context()
	if c.Connector.Type == "" {
		return dossiers.Dossier{}, invalid("type", "Le parapheur ne sait pas sous quel type classer ces courriers : son administrateur doit le choisir dans les réglages du connecteur.")
	}
	y, choices, err := f.Office.OpenType(ctx, c.Viewer, c.Connector.Type)
	if err != nil {
		return dossiers.Dossier{}, err
	}
	kept := sent{Reference: string(in.Reference), Sender: string(in.Sender), Deadline: string(in.Deadline), LinkID: string(in.LinkID), MailingID: string(in.MailingID), Metadata: pairs(in.Metadata)}
	circuit, places, err := f.circuit(c, in, &kept)
	if err != nil {
		return dossiers.Dossier{}, err
	}
	if circuit, err = settled(c, circuit, choices); err != nil {
		return dossiers.Dossier{}, err
	}
	for i, p := range places { // a circuit of the town names its steps otherwise
		if n, err := strconv.Atoi(string(p.Step)); err == nil {
			places[i].Step = circuit.Steps[n-1].ID
		}
	}
	d := dossiers.Draft{
		Title: titled(in), Recipient: compat.Recipient(kept.Metadata), TypeCode: y.Code, ExternalReference: kept.Reference, Start: true,
		Metadata: compat.Values(y, kept.Metadata), Circuit: &circuit,
	}
	if d.Note, err = noted(in); err != nil {
		return dossiers.Dossier{}, err
	}
	digests := []string{kept.LinkID, kept.MailingID, kept.Reference, fmt.Sprintf("%x", circuit.Hash()), fmt.Sprint(places)}
	take := func(encoded, title string) (got dossiers.Received, err error) {
		got, digest, err := f.take(c, s, encoded, title)
		digests = append(digests, digest)
		return got, err
	}
	if d.Main, err = take(in.EncodedDocument, in.Title); err != nil {
		return dossiers.Dossier{}, err
	}
	for i, a := range in.Attachments {
		got, err := take(a.EncodedDocument, a.Title)
		if err != nil {
			return dossiers.Dossier{}, fmt.Errorf("annexe %d: %w", i+1, err)
		}
		d.Annexes = append(d.Annexes, got)
	}
	d.Origin = &dossiers.Origin{Connector: c.Connector.ID, Places: places, Fingerprint: sha256.Sum256([]byte(strings.Join(digests, "\x00")))}
	if d.Origin.Sent, err = json.Marshal(kept); err != nil {
		return dossiers.Dossier{}, fmt.Errorf("keep what was sent: %w", err)
	}
	return compat.Deposit(ctx, f.Office, c.Connected, d)
}

func titled(in document) string {
	for _, s := range []string{in.Title, string(in.Reference)} {
		if s = compat.Line(s); s != "" {
			return s
		}
	}
	return "Sans objet"
}

// noted is what the sender wrote, for those who act.
func noted(in document) (string, error) {
	var note struct{ Creator, Value text }
	_ = json.Unmarshal(in.Notes, &note) // an empty array, where there is none
	full := ""
	if compat.Line(in.Title) != strings.TrimSpace(in.Title) {
		full = in.Title
	}
	value := string(note.Value)
	if value != "" && note.Creator != "" {
		value = string(note.Creator) + " : " + value
	}
	deadline := string(in.Deadline)
	if day, _, ok := strings.Cut(deadline, " "); ok {
		deadline = day
	}
	return compat.Note("\x00"+value, "Objet complet : \x00"+full, "Expéditeur : \x00"+string(in.Sender), "Référence : \x00"+string(in.Reference), "À rendre avant le : \x00"+deadline)
}

// take receives one PDF out of its zip, and answers the digest of what came.
func (f facade) take(c *compat.Caller, s *compat.Sifted, encoded, title string) (got dossiers.Received, digest string, err error) {
	if encoded == "" {
		return got, "", invalid("document", "Le document manque.")
	}
	packed, err := s.Open(encoded)
	if err != nil {
		return got, "", err
	}
	name, doc, err := compat.Unzip(packed, f.Office.MaxBytes)
	if err != nil {
		return got, "", err
	}
	defer doc.Close() //nolint:errcheck // read only
	if !strings.HasSuffix(strings.ToLower(name), ".pdf") {
		name = compat.FileName(title, ".pdf")
	}
	h := sha256.New()
	got, err = f.Office.Receive(c.R.Context(), c.Tenant, name, io.TeeReader(doc, h))
	return got, fmt.Sprintf("%x", h.Sum(nil)), err
}

// circuit makes a circuit of the client's workflow: each step goes to the desk
// of its user.
func (f facade) circuit(c *compat.Caller, in document, kept *sent) (circuits.Definition, []dossiers.Place, error) {
	steps, err := list[step](in.Workflow)
	if err != nil || len(steps) == 0 {
		return circuits.Definition{}, nil, invalid("workflow", "Le circuit est vide ou ne se lit pas.")
	}
	people, err := f.Office.Signatories(c.R.Context(), c.Connected)
	if err != nil {
		return circuits.Definition{}, nil, err
	}
	var composed []dossiers.AdHocStep
	var places []dossiers.Place
	for i, st := range steps {
		s, err := st.user(i, people)
		if err != nil {
			return circuits.Definition{}, nil, err
		}
		a, err := st.adHoc(i, s)
		if err != nil {
			return circuits.Definition{}, nil, err
		}
		composed = append(composed, a)
		kept.Steps = append(kept.Steps, sentStep{User: s.Number, Mode: st.Mode})
		places = append(places, st.places(i)...)
	}
	return dossiers.AdHoc(composed), places, signed(composed)
}

// signed refuses workflows that could not end well: without a signature there
// is nothing to give back, and after it an opinion keeps the client from ever
// fetching the letter.
func signed(steps []dossiers.AdHocStep) error {
	last := -1
	for i, st := range steps {
		if st.Kind == circuits.Signature {
			last = i
		}
	}
	if last < 0 {
		return invalid("workflow", "Le circuit doit comporter au moins une signature : le parapheur ne rend que des lettres signées.")
	}
	if slices.ContainsFunc(steps[last:], func(st dossiers.AdHocStep) bool { return st.Kind == circuits.Opinion }) {
		return invalid("workflow", "Un avis ne peut pas suivre la dernière signature : Maarch Courrier ne reprendrait jamais la lettre signée. Placez-le avant.")
	}
	return nil
}

// user finds whom a step is for.
func (st step) user(i int, people []dossiers.Signatory) (dossiers.Signatory, error) {
	at := "Étape " + strconv.Itoa(i+1) + " : "
	if st.UserID == "" {
		return dossiers.Signatory{}, invalid("workflow", at+"cette personne n’est pas reliée au parapheur. Les signataires extérieurs ne sont pas pris en charge.")
	}
	k := slices.IndexFunc(people, func(s dossiers.Signatory) bool { return strconv.FormatInt(s.Number, 10) == string(st.UserID) })
	switch {
	case k < 0:
		return dossiers.Signatory{}, invalid("workflow", at+"l’utilisateur n° "+compat.Line(string(st.UserID))+" n’existe plus dans le parapheur.")
	case people[k].Desk == "":
		return dossiers.Signatory{}, invalid("workflow", at+people[k].Person.Name()+" ne tient aucun bureau dans le parapheur : voyez avec son administrateur.")
	}
	return people[k], nil
}

// adHoc is the step of a circuit that does what a step of a workflow asks.
func (st step) adHoc(i int, s dossiers.Signatory) (dossiers.AdHocStep, error) {
	kinds := map[string]circuits.Kind{"visa": circuits.Visa, "sign": circuits.Signature, "note": circuits.Opinion}
	words := map[string]string{"visa": "Visa", "sign": "Signature", "note": "Avis"}
	kind, ok := kinds[st.Mode]
	if !ok {
		return dossiers.AdHocStep{}, invalid("workflow", "Étape "+strconv.Itoa(i+1)+" : le mode « "+compat.Line(st.Mode)+" » n’existe pas (visa, sign ou note).")
	}
	if st.SignatureMode != "" && !slices.Contains(modes(), string(st.SignatureMode)) {
		return dossiers.AdHocStep{}, invalid("workflow", "Étape "+strconv.Itoa(i+1)+" : le mode de signature « "+compat.Line(string(st.SignatureMode))+" » n’est pas pris en charge (stamp ou eidas).")
	}
	title := words[st.Mode] + " : " + s.Person.Name()
	if s.Seat.Quality != "" {
		title += ", " + s.Seat.Quality
	}
	return dossiers.AdHocStep{Kind: kind, Desk: s.Desk, Title: compat.Line(title)}, nil
}

// places are where the client wants blocks. A corner on an edge is one too,
// though the client drops those at 0 itself.
func (st step) places(i int) (out []dossiers.Place) {
	id := circuits.StepID(strconv.Itoa(i + 1))
	add := func(kind string, all []position) {
		for _, p := range all {
			within := func(v *float64) bool { return v != nil && *v >= 0 && *v <= 100 }
			if p.Page >= 1 && within(p.X) && within(p.Y) && len(out) < 20 {
				out = append(out, dossiers.Place{
					Step: id, Kind: kind, Page: p.Page, X: *p.X, Y: *p.Y,
					Style: dossiers.PlaceStyle{Format: compat.Line(p.Format), Font: compat.Line(p.Font), Color: compat.Line(p.Color), Width: p.Width},
				})
			}
		}
	}
	if st.Mode == "sign" {
		add(dossiers.PlaceSignature, st.SignaturePositions)
	}
	add(dossiers.PlaceDate, st.DatePositions)
	return out
}

// settled keeps a connector to the circuits it may ask for: one that the town
// published under the same steps, or a composed one when it is held to none.
func settled(c *compat.Caller, composed circuits.Definition, choices []circuits.Definition) (circuits.Definition, error) {
	same := func(d circuits.Definition) bool {
		return d.Then == "" && slices.EqualFunc(d.Steps, composed.Steps, func(a, b circuits.Step) bool {
			return a.Kind == b.Kind && a.Desk == b.Desk && a.When == ""
		})
	}
	for _, d := range choices {
		if same(d) && c.Connector.Takes(d.Code) {
			return d, nil
		}
	}
	if len(c.Connector.Circuits) > 0 {
		return composed, invalid("workflow", "Ce circuit n’est pas de ceux que ce compte peut demander : voyez avec l’administrateur du parapheur.")
	}
	return composed, nil
}
