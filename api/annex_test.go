package api

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
	"parapheur/internal/demo"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
)

// putBoth deposits the sample letter with its annex.
func (h *hall) putBoth(t *testing.T, key string, change func(map[string]any)) Dossier {
	t.Helper()
	m := letterMeta()
	if change != nil {
		change(m)
	}
	return h.send(t, key, []part{metaPart(t, m), {"document", towntest.Sample(t, sample)}, {"annex", towntest.Sample(t, "annexe-plan-du-chantier.pdf")}}).is(http.StatusCreated).dossier()
}

// annexes are the numbers of the annexes of a dossier, in order.
func annexes(d Dossier) (out []int) {
	for _, x := range d.Documents[1:] {
		out = append(out, x.N)
	}
	return out
}

// TestAnnexes adds, replaces, orders and removes annexes of a draft and of a
// letter on its way.
func TestAnnexes(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.putBoth(t, "cle-0001", func(m map[string]any) { m["start"] = false })
	pdf := towntest.Sample(t, sample)
	send := func(method, path, match string, body []byte, headers ...string) answer {
		return h.ask(t, method, d.URL+"/documents"+path, bytes.NewReader(body), append([]string{"If-Match", match, "Content-Type", "application/pdf"}, headers...)...)
	}
	send(http.MethodPost, "", "", pdf).is(428, "precondition-required")
	send(http.MethodPost, "", `"99"`, pdf).is(412, "stale-version")
	send(http.MethodPost, "", "*", pdf, "Content-Type", "text/plain").is(415)
	send(http.MethodPost, "", "*", []byte("valeur-confidentielle")).is(415, "document-not-pdf")
	send(http.MethodPost, "", "*", bytes.Repeat([]byte("%PDF-1.7 "), maxUpload/8)).is(413)
	send(http.MethodPost, "", "*", pdf, "Idempotency-Key", "court").is(400)
	a := send(http.MethodPost, "", etag(d.Revision), pdf, "Idempotency-Key", "annexe-0001", "Content-Disposition", `attachment; filename="facture.pdf"`).is(201)
	with := a.dossier()
	if !slices.Equal(annexes(with), []int{2, 3}) || with.Documents[2].Name != "facture.pdf" || with.Documents[2].Version != 1 || a.header.Get("Location") != with.Documents[2].Content || a.header.Get("ETag") != etag(with.Revision) {
		t.Errorf("%v %+v", a.header, with.Documents)
	}
	again := send(http.MethodPost, "", etag(d.Revision), pdf, "Idempotency-Key", "annexe-0001").is(201)
	if again.header.Get("Idempotency-Replayed") != "true" || !slices.Equal(annexes(again.dossier()), []int{2, 3}) {
		t.Errorf("replay: %v", annexes(again.dossier()))
	}
	send(http.MethodPost, "", etag(d.Revision), towntest.Sample(t, "annexe-plan-du-chantier.pdf"), "Idempotency-Key", "annexe-0001").is(422, "idempotency-key-reused")
	got := h.ask(t, http.MethodGet, a.header.Get("Location"), nil).is(200)
	if !bytes.Equal(got.body, pdf) || got.header.Get("Repr-Digest") == "" {
		t.Error("the annex is not what was sent")
	}

	order := func(match, list string, headers ...string) answer {
		return h.ask(t, http.MethodPut, d.URL+"/documents", strings.NewReader(`{"annexes":`+list+`}`), append([]string{"If-Match", match, "Content-Type", jsonMedia}, headers...)...)
	}
	order("", "[3,2]").is(428)
	order(`"1"`, "[3,2]").is(412)
	for _, bad := range []string{"[3]", "[3,3]", "[3,2,1]", "[3,9]"} {
		order("*", bad).is(422, "invalid-input")
	}
	order("*", "[2,3]").is(422, "same-document")
	if x := order("*", "[3,2]", "Idempotency-Key", "ordre-0001").is(200).dossier(); !slices.Equal(annexes(x), []int{3, 2}) {
		t.Errorf("order %v", annexes(x))
	}
	if x := order("*", "[3,2]", "Idempotency-Key", "ordre-0001").is(200); x.header.Get("Idempotency-Replayed") != "true" {
		t.Error("made again")
	}

	send(http.MethodPut, "/2/content", "", pdf).is(428)
	send(http.MethodPut, "/2/content", `"1"`, pdf).is(412)
	send(http.MethodPut, "/9/content", "*", pdf).is(404)
	send(http.MethodPut, "/3/content", "*", pdf).is(422, "same-document")
	x := send(http.MethodPut, "/2/content", "*", pdf, "Idempotency-Key", "remplace-1").is(200).dossier()
	if !slices.Equal(annexes(x), []int{3, 2}) || x.Documents[2].Version != 2 || x.Version != 1 {
		t.Errorf("%+v", x.Documents)
	}
	if r := send(http.MethodPut, "/2/content", "*", pdf, "Idempotency-Key", "remplace-1").is(200); r.header.Get("Idempotency-Replayed") != "true" {
		t.Error("made again")
	}
	if old := h.ask(t, http.MethodGet, d.URL+"/documents/2/content?version=v1", nil).is(200); !bytes.Equal(old.body, towntest.Sample(t, "annexe-plan-du-chantier.pdf")) {
		t.Error("the version before is not what was sent")
	}

	remove := func(n, match string, headers ...string) answer {
		return h.ask(t, http.MethodDelete, d.URL+"/documents/"+n, nil, append([]string{"If-Match", match}, headers...)...)
	}
	remove("3", "").is(428)
	remove("3", `"1"`).is(412)
	remove("1", "*").is(422)
	if x := remove("3", "*", "Idempotency-Key", "retire-001").is(200).dossier(); !slices.Equal(annexes(x), []int{2}) {
		t.Errorf("%v", annexes(x))
	}
	if x := remove("3", "*", "Idempotency-Key", "retire-001").is(200); x.header.Get("Idempotency-Replayed") != "true" {
		t.Error("made again")
	}
	remove("3", "*").is(404)
	h.ask(t, http.MethodGet, d.URL+"/documents/3/content", nil).is(404)

	h.ask(t, http.MethodPost, d.URL+"/start", nil, "If-Match", "*").is(200)
	h.onItsWay(t, d, send, remove)
}

// onItsWay holds what was decided to the annexes it was decided with.
func (h *hall) onItsWay(t *testing.T, d Dossier, send func(string, string, string, []byte, ...string) answer, remove func(string, string, ...string) answer) {
	t.Helper()
	id := dossiers.ID(d.ID)
	if _, err := h.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	other := pdftest.Pages(pdftest.Text("une autre annexe"))
	send(http.MethodPost, "?nature=minor", "*", other).is(409) // the circuit does not allow it
	send(http.MethodPost, "?nature=autre", "*", other).is(422)
	send(http.MethodPost, "?from=inconnue", "*", other).is(409)
	x := send(http.MethodPost, "?reason=La+facture+manquait", "*", other).is(201).dossier()
	if x.Phase != "running" || x.Decisions[0].Standing != "lapsed" || x.Steps[0].Status != "open" || !slices.Equal(annexes(x), []int{2, 4}) {
		t.Errorf("after another annex: %+v", x)
	}
	for _, step := range []struct{ who, decision string }{{demo.DGS, "visa"}, {demo.Mayor, "signature"}} {
		if _, err := h.Person(t, step.who).Decide(t, id, step.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	h.Await(t, id, func(x dossiers.Dossier) bool { return x.State.Phase == circuits.Completed })
	remove("2", "*").is(409, "state-conflict")
	var f Feed
	h.ask(t, http.MethodGet, "/api/v1/events?limit=500", nil).is(200).into(&f)
	if n := len(slices.DeleteFunc(f.Data, func(e Event) bool { return e.Type != circuits.KindAnnexes })); n != 5 {
		t.Errorf("%d changes told, want 5", n)
	}
}

// TestTheCircuitOfADeposit asks for circuits by code and step by step, fills
// metadata, and is told beforehand what would become of it.
func TestTheCircuitOfADeposit(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	g, err := h.Office.Organisation(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	y, _ := g.Type("courrier-simple")
	y.AdHoc, y.Metadata = true, []dossiers.Field{{Name: "montant", Label: "Montant", Type: conditions.Decimal, AtDeposit: true}}
	if _, err := h.Office.Amend(t.Context(), admin, dossiers.TypeSet{Type: y}); err != nil {
		t.Fatal(err)
	}
	var desks Desks
	h.ask(t, http.MethodGet, base+"/desks", nil).is(200).into(&desks)
	mayor := desks.Data[slices.IndexFunc(desks.Data, func(d Desk) bool { return d.Name == demo.DeskMayor })].ID
	steps := []any{map[string]any{"kind": "signature", "desk": mayor, "title": "Signature directe"}}

	h.send(t, "cle-0001", []part{metaPart(t, letterMeta()), {"document", towntest.Sample(t, sample)}}).is(422, "invalid-input")
	amount := map[string]any{"montant": "1200.50"}
	d := h.put(t, "cle-0002", func(m map[string]any) { m["metadata"], m["circuit"] = amount, map[string]any{"steps": steps} })
	if len(d.Steps) != 1 || d.Steps[0].Title != "Signature directe" || d.Metadata["montant"] != "1200.5" {
		t.Errorf("%+v", d)
	}
	code := y.Circuit
	if d := h.put(t, "cle-0003", func(m map[string]any) { m["metadata"], m["circuit"] = amount, map[string]any{"code": code} }); len(d.Steps) != 2 {
		t.Errorf("%+v", d)
	}
	for name, wish := range map[string]any{
		"neither": map[string]any{}, "both": map[string]any{"code": code, "steps": steps}, "unknown": map[string]any{"code": "inconnu"},
		"no such desk":  map[string]any{"steps": []any{map[string]any{"kind": "signature", "desk": "valeur-confidentielle", "title": "x"}}},
		"no such kind":  map[string]any{"steps": []any{map[string]any{"kind": "autre", "desk": mayor, "title": "x"}}},
		"nothing signs": map[string]any{"steps": []any{map[string]any{"kind": "visa", "desk": mayor, "title": "x"}}},
	} {
		m := letterMeta()
		m["metadata"], m["circuit"] = amount, wish
		if got := h.send(t, "cle-"+strings.ReplaceAll(name, " ", "-")+"-0", []part{metaPart(t, m), {"document", towntest.Sample(t, sample)}}); got.status != 422 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	draft := h.put(t, "cle-0004", func(m map[string]any) { m["metadata"], m["start"] = amount, false })
	h.tell(t, "/dossiers/"+draft.ID+"/start", map[string]any{"circuit": map[string]any{"code": "inconnu"}}, "If-Match", "*").is(422)
	if x := h.tell(t, "/dossiers/"+draft.ID+"/start", map[string]any{"circuit": map[string]any{"steps": steps}}, "If-Match", "*").is(200).dossier(); len(x.Steps) != 1 {
		t.Errorf("%+v", x.Steps)
	}
	h.forecasts(t, steps)
}

func (h *hall) forecasts(t *testing.T, steps []any) {
	t.Helper()
	ask := func(m map[string]any) answer {
		m["type"] = "courrier-simple"
		return h.tell(t, "/dossiers/dry-run", m)
	}
	var f Forecast
	ask(map[string]any{"on": "2027-05-04"}).is(200).into(&f)
	if f.Ready || len(f.Missing) != 1 || f.Missing[0].Location != "metadata.montant" || f.Circuit == nil || len(f.NotReady) != 1 {
		t.Errorf("without passkeys nor metadata: %+v", f)
	}
	h.Person(t, demo.DGS)
	h.Person(t, demo.Mayor)
	f = Forecast{}
	ask(map[string]any{"on": "2027-05-04", "metadata": map[string]any{"montant": "12"}}).is(200).into(&f)
	if !f.Ready || !f.Complete || f.Ends == nil || len(f.Steps) != 2 || !slices.Equal(f.Steps[0].Who, []string{"Philippe Rousseau"}) {
		t.Errorf("%+v", f)
	}
	f = Forecast{}
	ask(map[string]any{"circuit": map[string]any{"steps": steps}}).is(200).into(&f)
	if len(f.Steps) != 1 || f.Circuit.Code != "sur-mesure" {
		t.Errorf("%+v", f)
	}
	for _, bad := range []map[string]any{
		{"on": "demain"},
		{"metadata": map[string]any{"inconnu": "1"}},
		{"metadata": map[string]any{"montant": "beaucoup"}},
		{"drafter": "valeur-confidentielle@exemple.fr"},
		{"circuit": map[string]any{"code": "inconnu"}},
		{"chosen": map[string]any{"visa": "inconnu"}},
		{"pages": 0.5},
		{"titre": "x"},
	} {
		ask(bad).is(422)
	}
	h.tell(t, "/dossiers/dry-run", map[string]any{"type": "inconnu"}).is(422, "invalid-input")
	var l List
	h.ask(t, http.MethodGet, base+"/dossiers?phase=draft", nil).is(200).into(&l)
	if len(l.Data) != 0 {
		t.Errorf("a rehearsal left %d dossiers", len(l.Data))
	}
}
