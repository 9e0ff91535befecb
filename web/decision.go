package web

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// An act is a decision as its page is addressed.
type act struct {
	decision, heading string
	allowed           func(dossiers.Verbs) bool
}

// actOf returns the act at an address.
func actOf(name string) act {
	switch name {
	case "signer":
		return act{"signature", "Signer cette lettre", func(v dossiers.Verbs) bool { return v.Sign }}
	case "viser":
		return act{"visa", "Viser cette lettre", func(v dossiers.Verbs) bool { return v.Visa }}
	case "cacheter":
		return act{"cachet", "Apposer le cachet", func(v dossiers.Verbs) bool { return v.Seal }}
	case "avis":
		return act{"avis", "Donner votre avis", func(v dossiers.Verbs) bool { return v.Advise }}
	case "externe":
		return act{"externe", "Enregistrer un acte externe", func(v dossiers.Verbs) bool { return v.Record }}
	case "remords":
		return act{"remords", "Exercer votre droit de remords", func(v dossiers.Verbs) bool { return v.Undo }}
	case "contourner":
		return act{"contournement", "Contourner cette étape", func(v dossiers.Verbs) bool { return v.Bypass }}
	}
	return act{"refus", "Refuser cette lettre", func(v dossiers.Verbs) bool { return v.Refuse }}
}

// decision is the page of one decision, and the fragment of its sheet.
func (s *server) decision(v *visit, w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "act")
	a := actOf(name)
	d, err := s.viewIn(v, r)
	if err != nil {
		return err
	}
	if !a.allowed(d.Can) {
		return circuits.ErrState
	}
	counts, err := s.Office.Bins(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p := newDecisionPage(a, d, *v.viewer.Person, counts[d.Bin])
	p.frame = s.frame(v, a.heading, "bannettes")
	p.Act, p.Today = name, s.now(v).Format(time.DateOnly)
	p.MaxBytes, p.MaxSize = s.Office.MaxBytes, size(s.Office.MaxBytes)
	p.Body, p.Scripts = "sheet-page", []string{"js/decision.js"}
	return s.show(w, r, http.StatusOK, p)
}

// newDecisionPage fills the page, but for its frame. left is how many letters
// wait before the decision.
func newDecisionPage(a act, d dossiers.View, who dossiers.Person, left int) *decisionPage {
	at := "/dossiers/" + string(d.ID)
	main := newDocTab(at, *d.Main())
	p := &decisionPage{
		ID: string(d.ID), Back: inBin(at, d.Bin), Decision: a.decision, Heading: a.heading, Actor: string(who.ID), Name: who.Name(),
		Quality: d.As.Quality, Letter: d.Title, Recipient: d.Recipient, Pages: count(d.Main().Pages, "page", "pages"),
		Content: main.Content, SHA256: spaced(main.SHA256), Bytes: number(d.Main().Revision.Bytes) + nbsp + "octets",
		ReturnTo: d.Drafter.Name, StateURL: at + "/etat", Readers: list(readers(d, who)), Tray: binAddress(d.Bin), Bin: string(d.Bin),
		Seen: main.SHA256, Opened: d.Opened, Upload: at + "/piece",
	}
	if n := len(d.Annexes()); n == 1 {
		p.Annexes = "L’annexe part avec elle, sans être signée."
	} else if n > 1 {
		p.Annexes = "Les " + number(int64(n)) + " annexes partent avec elle, sans être signées."
	}
	switch a.decision {
	case "remords":
		p.Quality, p.TakenBack = lastOf(d, who)
		return p
	case "contournement":
		p.Quality, p.Readers = "", "les personnes du circuit"
		p.Step = stuckStep(d)
		return p
	}
	p.before(a, d)
	if d.Next != "" {
		p.Next = inBin("/dossiers/"+string(d.Next), d.Bin)
	}
	if rest := left - 1; rest > 0 {
		p.Remaining = count(rest, "restante", "restantes")
	}
	return p
}

// before fills in what the step asks before its decision: to read, to say in
// whose place, to file, to say where a refusal goes.
func (p *decisionPage) before(a act, d dossiers.View) {
	p.Deleg, p.Unread = inPlaceOf(d), d.Unread()
	for _, f := range d.Wanted(a.decision == "refus") {
		if d.Filing.Values[f.Name] == "" {
			p.Missing = append(p.Missing, metadataControl(f, "", true))
		}
	}
	if a.decision == "refus" {
		p.Returns = returns(d)
	}
}

// returns are the places where a refusal may send the letter; one alone asks
// for no choice.
func returns(d dossiers.View) []listed {
	if len(d.Returns) == 0 || d.Step < 0 {
		return nil
	}
	policy := d.State.Circuit.Steps[d.Step].RefuseTo.To
	out := []listed{{Value: circuits.ToDrafter, Label: "À " + d.Drafter.Name + ", pour correction", Hint: "Le circuit reprendra avec la version corrigée.", Chosen: policy != circuits.ToPrevious}}
	for i, st := range d.Returns {
		value := circuits.ToChosen + ":" + string(st.ID)
		if policy == circuits.ToPrevious {
			value = circuits.ToPrevious
		}
		o := listed{Value: value, Label: "À l’étape «\u00a0" + st.Title + "\u00a0»", Hint: "Elle est à refaire, et celles qui la suivent."}
		o.Chosen = policy == circuits.ToPrevious && i == len(d.Returns)-1
		out = append(out, o)
	}
	return out
}

// stuckStep is the title of the step where the letter stands.
func stuckStep(d dossiers.View) string {
	for _, st := range d.Path {
		if st.Status == circuits.Blocked || st.Status == circuits.Open {
			return st.Step.Title
		}
	}
	return ""
}

// readers are who will read the motive of a refusal.
func readers(d dossiers.View, who dossiers.Person) []string {
	names := []string{d.Drafter.Name}
	for _, x := range d.State.Decisions {
		if x.By.Person != who.ID {
			names = append(names, x.By.Name)
		}
	}
	return distinct(names...)
}

// lastOf tells the decision of who that may be taken back.
func lastOf(d dossiers.View, who dossiers.Person) (quality, what string) {
	what = "votre décision"
	for _, x := range d.State.Decisions {
		if x.By.Person == who.ID && x.Standing == circuits.Holds {
			quality = x.By.Quality
			what = map[circuits.Verdict]string{
				circuits.GivesVisa: "votre visa", circuits.Refuses: "votre refus", circuits.Advises: "votre avis", circuits.Records: "l’acte que vous avez enregistré",
			}[x.Verdict]
		}
	}
	return quality, what
}

// intent is one item of what somebody is about to decide.
type intent struct {
	Dossier  dossiers.ID       `json:"dossier"`
	Decision string            `json:"decision"`
	Reason   string            `json:"reason"`
	Advice   *circuits.Advice  `json:"advice"`
	Outside  *circuits.Outside `json:"outside"`
	Return   string            `json:"return"` // "drafter", "previous", "chosen:visa-dgs", or empty
	Seen     circuits.Digest   `json:"seen"`   // of the bytes the browser holds
}

// item is the intent as the office takes it.
func (it intent) item() (dossiers.DecisionItem, error) {
	texts := []string{it.Reason}
	if it.Advice != nil {
		texts = append(texts, it.Advice.Text)
	}
	if it.Outside != nil {
		texts = append(texts, it.Outside.Reference, it.Outside.By)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return dossiers.DecisionItem{}, &dossiers.InvalidError{Field: "reason", Reason: "Le texte contient des caractères illisibles."}
		}
	}
	to, step, _ := strings.Cut(it.Return, ":")
	return dossiers.DecisionItem{
		Dossier: it.Dossier, Decision: it.Decision, Reason: it.Reason, Advice: it.Advice, Outside: it.Outside,
		Return: circuits.Return{To: to, Step: circuits.StepID(step)}, Seen: it.Seen,
	}, nil
}

// decisionAsked is what the browser checks before it asks for the gesture.
type decisionAsked struct {
	Ceremony   raw             `json:"ceremony"`
	Options    json.RawMessage `json:"options"`
	Statements []raw           `json:"statements"`
	Set        raw             `json:"set"`
	Expires    time.Time       `json:"expires"`
}

// maxBatch is how many letters one gesture may decide.
const maxBatch = 50

func (s *server) beginDecision(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Items []intent `json:"items"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if len(in.Items) == 0 || len(in.Items) > maxBatch {
		return &dossiers.InvalidError{Field: "items", Reason: "Choisissez entre 1 et 50 lettres."}
	}
	items := make([]dossiers.DecisionItem, len(in.Items))
	for i, it := range in.Items {
		var err error
		if items[i], err = it.item(); err != nil {
			return err
		}
	}
	req, err := s.Office.BeginDecision(r.Context(), v.viewer, v.session, items)
	if err != nil {
		return err
	}
	out := decisionAsked{Ceremony: req.Ceremony, Options: req.Options, Set: req.Set, Expires: req.Expires}
	for _, st := range req.Statements {
		out.Statements = append(out.Statements, st)
	}
	return reply(w, http.StatusOK, out)
}

// outcome is what became of one item.
type outcome struct {
	Dossier  dossiers.ID `json:"dossier"`
	Title    string      `json:"title"`
	Decision string      `json:"decision"`
	Text     string      `json:"text,omitempty"`
	Error    string      `json:"error,omitempty"`
}

func (s *server) finishDecision(v *visit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	done, err := s.Office.FinishDecision(r.Context(), v.viewer, v.session, in.Ceremony, in.Response)
	if err != nil {
		return err
	}
	// A single decision that was not taken is the failure of the whole.
	if len(done) == 1 && done[0].Err != nil {
		return done[0].Err
	}
	var out struct {
		Outcomes []outcome `json:"outcomes"`
	}
	for _, o := range done {
		out.Outcomes = append(out.Outcomes, s.newOutcome(v, r, o))
	}
	return reply(w, http.StatusOK, out)
}

func (s *server) newOutcome(v *visit, r *http.Request, o dossiers.Outcome) outcome {
	out := outcome{Dossier: o.Dossier.ID, Title: o.Dossier.Title, Decision: o.Decision}
	if o.Err != nil {
		p := problemOf(o.Err)
		if p.Status >= http.StatusInternalServerError {
			s.Log.ErrorContext(r.Context(), "decision failed", slog.String("dossier", string(o.Dossier.ID)), slog.Any("err", o.Err))
		}
		out.Error = p.Title + ". " + p.Detail
		return out
	}
	c := s.calendar(v)
	when := "Le " + dayMonth(c.now) + " à " + clock(c.now) + ". "
	out.Text = when + afterwards(o)
	return out
}

// afterwards says what follows a decision.
func afterwards(o dossiers.Outcome) string {
	switch o.Decision {
	case "signature", "cachet":
		return "Votre décision est prise et conservée."
	case "visa":
		return "La lettre poursuit son chemin\u00a0; vous pouvez encore reprendre votre visa."
	case "avis":
		return "Votre avis est donné\u00a0; la lettre poursuit son chemin."
	case "externe":
		return "L’acte et sa preuve sont au journal\u00a0; la lettre poursuit son chemin."
	case "contournement":
		return "L’étape est contournée, avec votre motif\u00a0; la lettre poursuit son chemin."
	case "refus":
		if o.Dossier.State.Phase == circuits.Running {
			return "Votre refus est inscrit, avec votre motif\u00a0; la lettre revient à l’étape que vous avez choisie, ou poursuit avec les autres."
		}
		return o.Dossier.Drafter.Name + " la retrouve dans ses lettres rejetées, avec votre motif."
	}
	return "La lettre est de nouveau dans votre bannette."
}

// sealState says how far the signature of a letter got.
type sealState struct {
	Phase    circuits.Phase `json:"phase"`
	Signed   bool           `json:"signed"`
	Awaiting bool           `json:"awaiting"`
	Text     string         `json:"text"`
}

// letterState is /dossiers/{id}/etat, asked by the page after a signature.
func (s *server) letterState(v *visit, w http.ResponseWriter, r *http.Request) error {
	d, err := s.view(v, r)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, newSealState(d))
}

func newSealState(d dossiers.View) sealState {
	out := sealState{Phase: d.State.Phase, Text: "La signature se pose sur le PDF…"}
	i := d.State.SealingStep()
	switch {
	case i >= 0 && d.State.Steps[i].Awaiting != "":
		out.Awaiting = true
		_, out.Text, _ = awaiting(d.State.Steps[i].Awaiting)
		if d.State.Steps[i].Awaiting == dossiers.AwaitsActivation {
			out.Text += ". Autorisez-la depuis vos bannettes."
		} else {
			out.Text += ". Nous réessayons de nous-mêmes\u00a0: rien n’est perdu, aucun autre geste n’est nécessaire."
		}
	case i < 0 && d.Main().Signed():
		out.Signed, out.Text = true, "Le PDF signé est prêt."
	}
	return out
}

// isField reports whether err is about field, and with which sentence.
func isField(err error) (*dossiers.InvalidError, bool) {
	var invalid *dossiers.InvalidError
	ok := errors.As(err, &invalid)
	return invalid, ok
}
