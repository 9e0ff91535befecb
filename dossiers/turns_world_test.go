package dossiers_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/evidence"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// A hall is a town with more desks and a clock that the test moves. It begins
// on Monday 2 March 2026 at ten.
type hall struct {
	*towntest.Town
	admin *towntest.Person

	mu  sync.Mutex
	now time.Time
}

func (h *hall) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// at moves the clock to an hour of the town: "2026-03-09 10:00".
func (h *hall) at(t *testing.T, when string) {
	t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	to, err := time.ParseInLocation("2006-01-02 15:04", when, paris)
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if to.Before(h.now) {
		t.Fatalf("%s is in the past", when)
	}
	h.now = to
}

// newHall has desks for the finances, the legal service and the first adjoint.
// Without workers the test seals by itself.
func newHall(t *testing.T, workers int) *hall {
	t.Helper()
	h := &hall{}
	h.at(t, "2026-03-02 10:00")
	h.Town = towntest.New(t, func(c *wiring.Config) { c.Workers, c.Now = workers, h.Now })
	h.admin = h.Person(t, demo.Administrator)
	for _, name := range []string{"Finances", "Juridique", "Adjoint"} {
		if _, err := h.Office.AddDesk(t.Context(), h.admin.Viewer(t), name); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// holder seats somebody new.
func (h *hall) holder(t *testing.T, email, desk string) *towntest.Person {
	t.Helper()
	return h.Newcomer(t, email, desk)
}

// id is who somebody is.
func id(t *testing.T, p *towntest.Person) circuits.PersonID {
	t.Helper()
	return p.Viewer(t).Person.ID
}

// amend changes the set-up as the administrator.
func (h *hall) amend(t *testing.T, list ...dossiers.Amendment) []dossiers.Amendment {
	t.Helper()
	made, err := h.Office.Amend(t.Context(), h.admin.Viewer(t), list...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// publish makes a circuit the one that letters of type "essai" take.
func (h *hall) publish(t *testing.T, d circuits.Definition, fields ...dossiers.Field) circuits.Definition {
	t.Helper()
	if d.Code == "" {
		d.Code = "essai"
	}
	if d.Name == "" {
		d.Name = "Circuit d’essai"
	}
	if d.Version == 0 {
		d.Version = 1
	}
	h.amend(t, dossiers.CircuitPublished{Circuit: d, SHA256: d.Hash()},
		dossiers.TypeSet{Type: dossiers.TypeSetup{Code: "essai", Name: "Essai", Circuit: "essai", Metadata: fields}})
	return d
}

// desk is the identifier of a desk.
func (h *hall) desk(t *testing.T, name string) circuits.DeskID {
	t.Helper()
	return h.Desk(t, name).ID
}

// visa is a step for the desks of these names.
func (h *hall) visa(t *testing.T, step circuits.StepID, desks ...string) circuits.Step {
	t.Helper()
	st := circuits.Step{ID: step, Kind: circuits.Visa, Title: "Visa : " + strings.Join(desks, ", ")}
	if len(desks) == 1 {
		st.Desk = h.desk(t, desks[0])
		return st
	}
	for _, d := range desks {
		st.Actors = append(st.Actors, circuits.ActorRule{Rule: circuits.NamedDesk, Desk: h.desk(t, d)})
	}
	return st
}

// signature is the Mayor's, at the end.
func (h *hall) signature(t *testing.T) circuits.Step {
	t.Helper()
	return circuits.Step{ID: "maire", Kind: circuits.Signature, Desk: h.desk(t, demo.DeskMayor), Title: "Signature de la Maire"}
}

// letter deposits one along "essai" and starts it.
func (h *hall) letter(t *testing.T, values conditions.Values) dossiers.Dossier {
	t.Helper()
	d, _, err := h.Office.Deposit(t.Context(), h.Person(t, demo.Drafter).Viewer(t), dossiers.Draft{
		Title: "Réfection du trottoir", Recipient: "M. et Mme Lefèvre", TypeCode: "essai", Main: h.Letter(t), Start: true, Metadata: values,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decide takes a decision that must be taken.
func (h *hall) decide(t *testing.T, p *towntest.Person, id dossiers.ID, decision, reason string) dossiers.Dossier {
	t.Helper()
	d, err := p.Decide(t, id, decision, reason)
	if err != nil {
		t.Fatalf("%s: %v", decision, err)
	}
	return d
}

// act takes a decision with more than a reason.
func (h *hall) act(t *testing.T, p *towntest.Person, item dossiers.DecisionItem) (dossiers.Dossier, error) {
	t.Helper()
	item.Seen = h.Item(t, item.Dossier, "", "").Seen
	req, err := h.Office.BeginDecision(t.Context(), p.Viewer(t), p.Session, []dossiers.DecisionItem{item})
	if err != nil {
		return dossiers.Dossier{}, err
	}
	return p.Finish(t, req, p.Gesture(t, req))
}

// sweep lets the clock of the town bring about what it does.
func (h *hall) sweep(t *testing.T) dossiers.Swept {
	t.Helper()
	n, err := h.Office.Sweep(t.Context(), h.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// state is that of a dossier now.
func (h *hall) state(t *testing.T, id dossiers.ID) circuits.State {
	t.Helper()
	d, err := h.Store.Dossier(t.Context(), h.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return d.State
}

// count is how many facts of a kind the journal of a dossier has.
func (h *hall) count(t *testing.T, id dossiers.ID, kind string) int {
	t.Helper()
	return kinds(t, h.Town, id)[kind]
}

// tray are the dossiers that wait for somebody.
func (h *hall) tray(t *testing.T, p *towntest.Person) (out []dossiers.ID) {
	t.Helper()
	for _, r := range rows(t, h.Town, p.Viewer(t), dossiers.BinToDo) {
		out = append(out, r.ID)
	}
	return out
}

// holds says whether a dossier waits for somebody.
func (h *hall) holds(t *testing.T, p *towntest.Person, id dossiers.ID) bool {
	t.Helper()
	return slices.Contains(h.tray(t, p), id)
}

// proves exports the evidence of a dossier and verifies it offline with its
// letter: it must be valid.
func (h *hall) proves(t *testing.T, id dossiers.ID) *evidence.Report {
	t.Helper()
	v := h.Person(t, demo.Drafter).Viewer(t)
	var pkg bytes.Buffer
	if err := h.Office.Evidence(t.Context(), v, id, &pkg); err != nil {
		t.Fatal(err)
	}
	letter := h.Read(t, v, id, 1, "")
	rep, err := evidence.Verify(t.Context(), bytes.NewReader(pkg.Bytes()), int64(pkg.Len()), bytes.NewReader(letter), int64(len(letter)),
		evidence.Options{Roots: h.Roots(), At: h.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		if f.Outcome != proof.Valid {
			t.Errorf("%s %s %s: %s", f.Outcome, f.Code, f.Subject, f.Detail)
		}
	}
	for _, d := range rep.Decisions {
		if d.Outcome != proof.Valid {
			t.Errorf("decision %d (%s): %s", d.Seq, d.Verdict, d.Outcome)
		}
	}
	return rep
}

// said is the report as a person reads it.
func said(t *testing.T, rep *evidence.Report) string {
	t.Helper()
	var b strings.Builder
	if err := rep.French(&b); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\u00a0", " ")
}

// signatures are those of the letter, valid.
func (h *hall) signatures(t *testing.T, id dossiers.ID) (out []signing.SignatureReport) {
	t.Helper()
	letter := h.Read(t, h.Person(t, demo.Drafter).Viewer(t), id, 1, "")
	rep, err := signing.Check(bytes.NewReader(letter), int64(len(letter)), signing.CheckOptions{Roots: h.Roots(), At: h.Now()})
	if err != nil || rep.Verdict != signing.Valid {
		t.Fatalf("%v, %+v", err, rep)
	}
	for _, s := range rep.Signatures {
		if s.Kind == signing.KindSignature {
			out = append(out, s)
		}
	}
	return out
}

// delegate records an arrêté by which the Mayor delegates to somebody.
func (h *hall) delegate(t *testing.T, to *towntest.Person, scope delegation.Scope) delegation.Delegation {
	t.Helper()
	d := delegation.Delegation{
		Number: "2026-041", Basis: delegation.Signature, Signed: "2026-02-02", Published: "2026-02-03", Notified: "2026-02-03", Transmitted: "2026-02-03",
		Arrete: circuits.Digest{7}, From: "2026-02-04",
		Delegator: delegation.Party{Person: id(t, h.Person(t, demo.Mayor)), Quality: "Maire"},
		Delegate:  delegation.Party{Person: id(t, to), Quality: "Directeur général des services"}, Scope: scope,
	}
	made, _ := h.amend(t, dossiers.DelegationSet{Delegation: d})[0].(dossiers.DelegationSet)
	return made.Delegation
}
