package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
)

// TestTheWholeLifeOfALetter goes from a draft to what the postman said.
func TestTheWholeLifeOfALetter(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", func(m map[string]any) { m["start"] = false })
	patch := func(match, body string, headers ...string) answer {
		return h.ask(t, http.MethodPatch, d.URL, strings.NewReader(body), append([]string{"If-Match", match, "Content-Type", jsonMedia}, headers...)...)
	}
	patch("", `{"title":"Un objet"}`).is(428, "precondition-required")
	patch(`"0"`, `{"title":"Un objet"}`).is(412, "stale-version")
	patch("*", `{"title":""}`).is(422, "invalid-input")
	patch("*", `{"titre":"valeur-confidentielle"}`).is(422, "invalid-input")
	a := patch(etag(d.Revision), `{"title":"Un objet plus juste","note":"Urgent"}`).is(200)
	changed := a.dossier()
	if changed.Title != "Un objet plus juste" || changed.Note != "Urgent" || changed.Recipient != d.Recipient || a.header.Get("ETag") == etag(d.Revision) {
		t.Errorf("%+v", changed)
	}
	patch(etag(d.Revision), `{"title":"Trop tard"}`).is(412, "stale-version")

	pdf := towntest.Sample(t, "annexe-plan-du-chantier.pdf")
	put := func(match string, body []byte, headers ...string) answer {
		return h.ask(t, http.MethodPut, d.URL+"/documents/1/content", bytes.NewReader(body), append([]string{"If-Match", match, "Content-Type", "application/pdf"}, headers...)...)
	}
	put("", pdf).is(428)
	put("*", pdf, "Content-Type", jsonMedia).is(415)
	put("*", []byte("valeur-confidentielle")).is(415, "document-not-pdf")
	put(etag(changed.Revision), bytes.Repeat([]byte("%PDF-1.7 "), maxUpload/8)).is(413)
	b := put(etag(changed.Revision), pdf, "Idempotency-Key", "corrige-1", "Content-Disposition", `attachment; filename="corrigee.pdf"`).is(200)
	corrected := b.dossier()
	if corrected.Version != 2 || corrected.Documents[0].SHA256 != circuits.Digest(sha256.Sum256(pdf)).String() || corrected.Documents[0].Name != "corrigee.pdf" {
		t.Errorf("%+v", corrected)
	}
	if again := put(etag(changed.Revision), pdf, "Idempotency-Key", "corrige-1").is(200); again.header.Get("Idempotency-Replayed") != "true" || again.dossier().Version != 2 {
		t.Errorf("replay made version %d", again.dossier().Version)
	}
	put("*", pdf).is(422, "same-document")

	start := func(match string, headers ...string) answer {
		return h.ask(t, http.MethodPost, d.URL+"/start", nil, append([]string{"If-Match", match}, headers...)...)
	}
	start("").is(428)
	start(`"1"`).is(412)
	started := start(b.header.Get("ETag"), "Idempotency-Key", "envoi-001").is(200)
	if started.dossier().Phase != "running" {
		t.Errorf("%+v", started.dossier())
	}
	start(b.header.Get("ETag"), "Idempotency-Key", "envoi-001").is(200)
	start("*", "Idempotency-Key", "envoi-001").is(422, "idempotency-key-reused")
	start("*").is(409, "state-conflict")
	patch("*", `{"title":"En chemin"}`).is(409, "state-conflict")

	h.comments(t, d)
	dispatch := func(key, body string) answer {
		return h.ask(t, http.MethodPost, d.URL+"/dispatches", strings.NewReader(body), "Idempotency-Key", key, "Content-Type", jsonMedia)
	}
	dispatch("poste-001", `{"channel":"courrier","status":"sent"}`).is(409, "state-conflict")
	id := dossiers.ID(d.ID)
	if _, err := h.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Person(t, demo.Mayor).Decide(t, id, "signature", ""); err != nil {
		t.Fatal(err)
	}
	h.Await(t, id, func(x dossiers.Dossier) bool { return x.State.Phase == circuits.Completed })
	h.dispatches(t, d, dispatch)

	var steps Steps
	h.ask(t, http.MethodGet, d.URL+"/steps", nil).is(200).into(&steps)
	if len(steps.Data) != 2 || len(steps.Decisions) != 2 || steps.Data[1].Status != "done" {
		t.Errorf("%+v", steps)
	}
	h.slips(t, d)
	var f Feed
	h.ask(t, http.MethodGet, "/api/v1/events?limit=500", nil).is(200).into(&f)
	kinds := map[string]int{}
	for _, e := range f.Data {
		kinds[e.Type]++
		if e.Data.Dossier != d.ID {
			t.Errorf("event %+v", e)
		}
	}
	if kinds[dossiers.KindAmended] != 1 || kinds[dossiers.KindNoted] != 1 || kinds[dossiers.KindDispatched] != 2 || kinds[circuits.KindCompleted] != 1 {
		t.Errorf("events %v", kinds)
	}
	// What is beside the circuit is no part of its proof, and does not break it.
	h.ask(t, http.MethodGet, d.URL+"/evidence", nil).is(200)
}

func (h *hall) comments(t *testing.T, d Dossier) {
	t.Helper()
	say := func(key, text string) answer {
		return h.ask(t, http.MethodPost, d.URL+"/comments", strings.NewReader(`{"text":"`+text+`"}`), "Idempotency-Key", key, "Content-Type", jsonMedia)
	}
	first := say("remarque-1", "Le plan est joint.").is(201)
	again := say("remarque-1", "Le plan est joint.").is(201)
	if again.header.Get("Idempotency-Replayed") != "true" || !bytes.Equal(first.body, again.body) {
		t.Errorf("%s, then %s", first.body, again.body)
	}
	say("remarque-1", "Autre chose.").is(422, "idempotency-key-reused")
	say("court", "Bonjour").is(400, "bad-request")
	say("remarque-2", " ").is(422, "invalid-input")
	var all Comments
	h.ask(t, http.MethodGet, d.URL+"/comments", nil).is(200).into(&all)
	if len(all.Data) != 1 || all.Data[0].By != "GEC" || all.Data[0].Text != "Le plan est joint." {
		t.Errorf("%+v", all)
	}
}

func (h *hall) dispatches(t *testing.T, d Dossier, dispatch func(key, body string) answer) {
	t.Helper()
	proof := strings.Repeat("ab", 32)
	dispatch("", `{"channel":"courrier","status":"sent"}`).is(400, "bad-request")
	for _, bad := range []string{
		`{"channel":"pigeon","status":"sent"}`, `{"channel":"courrier","status":"perdu"}`, `{"channel":"courrier"}`,
		`{"channel":"courrier","status":"sent","proof_sha256":"valeur-confidentielle"}`, `{"channel":"courrier","status":"sent","occurred_at":"2999-01-01T00:00:00Z"}`,
	} {
		dispatch("poste-000", bad).is(422, "invalid-input")
	}
	body := `{"channel":"recommande","status":"sent","provider":"La Poste","reference":"1A 234","proof_sha256":"` + proof + `"}`
	first := dispatch("poste-001", body).is(201)
	if again := dispatch("poste-001", body).is(201); !bytes.Equal(first.body, again.body) {
		t.Errorf("%s, then %s", first.body, again.body)
	}
	dispatch("poste-002", `{"channel":"recommande","status":"delivered","provider":"La Poste","reference":"1A 234"}`).is(201)
	var all Dispatches
	h.ask(t, http.MethodGet, d.URL+"/dispatches", nil).is(200).into(&all)
	if len(all.Data) != 2 || all.Data[0].Proof != proof || all.Data[1].Status != "delivered" {
		t.Errorf("%+v", all)
	}
}

// slips reads the slip as poppler does.
func (h *hall) slips(t *testing.T, d Dossier) {
	t.Helper()
	a := h.ask(t, http.MethodGet, d.URL+"/slip", nil).is(200)
	if a.header.Get("Repr-Digest") != digestOf(sha256.Sum256(a.body)) {
		t.Errorf("digest %s", a.header.Get("Repr-Digest"))
	}
	out := tooltest.Text(t, a.body)
	for _, want := range []string{"Un objet plus juste", "Hélène Garnier, Maire", "Signature", "Visa", "Lettre recommandée, La Poste, 1A 234", "Distribué", "Le plan est joint.", "circuit terminé"} {
		if !strings.Contains(out, want) {
			t.Errorf("the slip does not say %q: %s", want, out)
		}
	}
}

// While a request runs, the same one under the same key is told to wait.
func TestTheSameRequestAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	gec, _, err := h.Office.Authenticate(t.Context(), h.Tenant, h.key)
	if err != nil {
		t.Fatal(err)
	}
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _, err := h.Office.Once(t.Context(), gec, "la-meme-cle", [32]byte{1}, func() ([]byte, error) {
			close(inside)
			<-release
			return []byte(`{}`), nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	ask := func() (string, bool, error) {
		raw, replayed, err := h.Office.Once(t.Context(), gec, "la-meme-cle", [32]byte{1}, func() ([]byte, error) { return nil, fmt.Errorf("run twice") })
		return string(raw), replayed, err
	}
	if _, _, err := ask(); err == nil || !strings.Contains(err.Error(), dossiers.ErrInFlight.Error()) {
		t.Errorf("in flight: %v", err)
	}
	// The same over HTTP: another fingerprint is refused at once.
	h.ask(t, http.MethodPost, d.URL+"/comments", strings.NewReader(`{"text":"x"}`), "Idempotency-Key", "la-meme-cle", "Content-Type", jsonMedia).is(422, "idempotency-key-reused")
	close(release)
	wg.Wait()
	if raw, replayed, err := ask(); err != nil || !replayed || raw != `{}` {
		t.Errorf("afterwards: %s, %v, %v", raw, replayed, err)
	}
	// A request that failed may be made again under its key.
	fail := func() ([]byte, error) { return nil, dossiers.ErrConflict }
	for range 2 {
		if _, _, err := h.Office.Once(t.Context(), gec, "echoue-01", [32]byte{1}, fail); err == nil || strings.Contains(err.Error(), dossiers.ErrInFlight.Error()) {
			t.Errorf("a request that failed: %v", err)
		}
	}
	// One whose node died is taken over when its lock ends.
	if _, err := h.Store.ClaimAnswer(t.Context(), h.Tenant.ID, gec.Application.ID, "morte-001", [32]byte{1}, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	h.Office.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	if _, replayed, err := h.Office.Once(t.Context(), gec, "morte-001", [32]byte{1}, func() ([]byte, error) { return []byte(`{}`), nil }); err != nil || replayed {
		t.Errorf("after a death: %v, %v", replayed, err)
	}
}

func TestFiltersAndConditionalLists(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	first, second := h.put(t, "cle-0001", nil), h.put(t, "cle-0002", func(m map[string]any) { m["external_reference"] = "R-2" })
	for query, want := range map[string]string{
		fmt.Sprint("number=", second.Number): second.ID, "external_reference=R-2": second.ID, fmt.Sprint("number=", first.Number, "&type=courrier-simple"): first.ID,
		"number=9999": "", "type=inconnu": "", "updated_after=" + first.UpdatedAt.UTC().Format("2006-01-02T15:04:05.999999Z"): second.ID,
	} {
		var l List
		h.ask(t, http.MethodGet, "/api/v1/dossiers?"+query, nil).is(200).into(&l)
		if want == "" && len(l.Data) != 0 || want != "" && (len(l.Data) != 1 || l.Data[0].ID != want) {
			t.Errorf("%s finds %+v", query, l.Data)
		}
	}
	a := h.ask(t, http.MethodGet, "/api/v1/dossiers", nil).is(200)
	h.ask(t, http.MethodGet, "/api/v1/dossiers", nil, "If-None-Match", a.header.Get("ETag")).is(304)
	h.put(t, "cle-0003", nil)
	h.ask(t, http.MethodGet, "/api/v1/dossiers", nil, "If-None-Match", a.header.Get("ETag")).is(200)
	var desks Desks
	h.ask(t, http.MethodGet, "/api/v1/desks", nil).is(200).into(&desks)
	var all Circuits
	h.ask(t, http.MethodGet, "/api/v1/circuits", nil).is(200).into(&all)
	if len(desks.Data) < 2 || len(all.Data) < 1 {
		t.Errorf("%d desks, %d circuits", len(desks.Data), len(all.Data))
	}
}

func TestRequestIdentifiers(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	if got := h.ask(t, http.MethodGet, "/api/v1/me", nil, "X-Request-Id", "gec-2026.0001_a").header.Get("X-Request-Id"); got != "gec-2026.0001_a" {
		t.Errorf("answered %q", got)
	}
	for _, odd := range []string{"court", "avec espace", "<script>alert</script>", strings.Repeat("x", 129)} {
		if got := h.ask(t, http.MethodGet, "/api/v1/me", nil, "X-Request-Id", odd).header.Get("X-Request-Id"); got == odd || len(got) != 32 {
			t.Errorf("%q is answered %q", odd, got)
		}
	}
}

// What is ours is told by a status and a number to cite, never by what it is;
// the log says it, under that number.
func TestAnErrorOfOursSaysNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	s := newServer(Options{Office: h.Office, Log: h.logger()})
	for path, fail := range map[string]func() error{
		"/fails":  func() error { return errors.New("valeur-confidentielle") },
		"/panics": func() error { panic("valeur-confidentielle") },
	} {
		add(s, operation{id: path[1:], method: http.MethodGet, path: path, tag: tagMe, summary: "x", description: "x"}, func(context.Context, *struct{ caller }) (*noContent, error) { return nil, fail() })
	}
	h.handler = s.handler
	for _, path := range []string{"/fails", "/panics"} {
		before := h.log.Len()
		a := h.ask(t, http.MethodGet, base+path, nil, "X-Request-Id", "demande-de-la-gec").is(500, "internal") // conforms refuses what repeats it
		said := h.log.String()[before:]
		if strings.Count(said, "level=ERROR") != 1 || !strings.Contains(said, "valeur-confidentielle") || !strings.Contains(said, "trace_id=demande-de-la-gec") {
			t.Errorf("%s: the log says %q of %s", path, said, a.body)
		}
	}
}

// An operation about to go says so, in the document and in each answer.
func TestDeprecation(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	s := newServer(Options{Office: h.Office, Log: nil})
	since, until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)
	add(s, operation{
		id: "old", method: http.MethodGet, path: "/old", tag: tagMe, summary: "x", description: "x", outdated: &deprecation{since, until, "/me"},
	}, func(context.Context, *struct{ caller }) (*noContent, error) { return &noContent{}, nil })
	h.handler = s.handler
	a := h.ask(t, http.MethodGet, "/api/v1/old", nil)
	if got := a.header; got.Get("Deprecation") != fmt.Sprint("@", since.Unix()) || got.Get("Sunset") != "Thu, 01 Jul 2027 00:00:00 GMT" || got.Get("Link") != `</api/v1/me>; rel="successor-version"` {
		t.Errorf("%v", got)
	}
	if !s.api.OpenAPI().Paths["/old"].Get.Deprecated {
		t.Error("the document does not say so")
	}
}
