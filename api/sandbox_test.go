package api

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/towntest"
)

// forcedKey gives an application a key of which the office would refuse the
// scopes.
func (h *hall) forcedKey(t *testing.T, scopes ...string) string {
	t.Helper()
	key := h.newKey(t, "Forcée", dossiers.ScopeDossiersRead)
	_, err := h.Owner(t).Exec(t.Context(), `update api_key set scopes = $2 where tenant = $1 and id = $3`,
		h.Tenant.ID, scopes, strings.Split(key, "_")[1])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A player is the interface of a sandbox, over HTTP.
type player struct {
	*hall
	box *towntest.Sandbox
}

func newPlayer(t *testing.T) *player {
	t.Helper()
	h := newHall(t)
	box := h.Sandbox(t)
	in := *h
	in.key = box.Key
	in.handler = New(Options{
		Office: box.Office, Sandbox: box.Sandbox, Hub: h.Hub, Log: h.logger(), Version: "test", MaxUpload: maxUpload, Rate: 1e6, Burst: 1e6, StrangerBurst: 1e6,
		Spool: t.TempDir(),
	})
	return &player{&in, box}
}

// call asks the sandbox at its own address.
func (p *player) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	return p.ask(t, method, base+path, in, append([]string{"Host", p.box.Tenant.Host(), "Content-Type", "application/json"}, headers...)...)
}

func (p *player) depositHere(t *testing.T) Dossier {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("dossier", `{"title":"Essai","recipient":"Mme Lefèvre","type":"courrier-simple","start":true}`); err != nil {
		t.Fatal(err)
	}
	f, err := w.CreateFormFile("document", "lettre.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(towntest.Sample(t, sample)); err != nil {
		t.Fatal(err)
	}
	w.Close() //nolint:errcheck,gosec // in memory
	var d Dossier
	p.ask(t, http.MethodPost, base+"/dossiers", &b, "Host", p.box.Tenant.Host(), "Content-Type", w.FormDataContentType(), "Idempotency-Key", "bac-a-sable-1").is(201).into(&d)
	return d
}

// An integrator plays a letter to its end in a few calls.
func TestSandbox(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	d := p.depositHere(t)
	if len(d.Warnings) == 0 || d.Warnings[0].Code != string(dossiers.NoticeSpecimen) {
		t.Errorf("the deposit was told %+v", d.Warnings)
	}
	var people SandboxPeople
	p.call(t, http.MethodGet, "/sandbox/persons", "").is(200).into(&people)
	if len(people.Data) != 4 {
		t.Fatalf("the persons are %+v", people)
	}
	play := func(body string, headers ...string) answer {
		return p.call(t, http.MethodPost, "/sandbox/dossiers/"+d.ID+"/decisions", body, headers...)
	}
	play(`{"person":"maire","decision":"signature"}`).is(403, "not-your-desk")
	play(`{"person":"personne","decision":"visa"}`).is(422, "invalid-input")
	play(`{"person":"dgs","decision":"oui"}`).is(422, "invalid-input")
	play(`{"person":"dgs","decision":"refus"}`).is(422, "reason-needed")
	first := play(`{"person":"dgs","decision":"visa"}`, "Idempotency-Key", "visa-0001").is(200)
	if again := play(`{"person":"dgs","decision":"visa"}`, "Idempotency-Key", "visa-0001").is(200); again.header.Get("Idempotency-Replayed") == "" || !bytes.Equal(again.body, first.body) {
		t.Errorf("a repetition is told apart by %v", again.header)
	}
	play(`{"person":"maire","decision":"signature"}`).is(200)
	id := dossiers.ID(d.ID)
	seen := &towntest.Town{System: p.System, Tenant: p.box.Tenant}
	seen.Await(t, id, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	play(`{"person":"dgs","decision":"remords"}`).is(409) // the mayor signed since
	letter := p.call(t, http.MethodGet, "/dossiers/"+d.ID+"/documents/1/content", "").is(200)
	if !bytes.Contains(letter.body, []byte("/ETSI.CAdES.detached")) {
		t.Error("the letter is not signed")
	}
	var feed Feed
	p.call(t, http.MethodGet, "/events", "").is(200).into(&feed)
	for _, e := range feed.Data {
		if !e.Sandbox {
			t.Errorf("event %d does not say that it is of a sandbox", e.Seq)
		}
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("document", "lettre.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(letter.body); err != nil {
		t.Fatal(err)
	}
	w.Close() //nolint:errcheck,gosec // in memory
	var verdict struct {
		Outcome  string
		Specimen bool
	}
	a := p.ask(t, http.MethodPost, base+"/verifications", &b, "Host", p.box.Tenant.Host(), "Content-Type", w.FormDataContentType()).is(200)
	if err := json.Unmarshal(a.body, &verdict); err != nil || verdict.Outcome != "unverifiable" || !verdict.Specimen {
		t.Errorf("verified as %+v, %v", verdict, err)
	}
}

// The clock goes forward, by a duration or to an instant, and never back.
func TestSandboxClock(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	d := p.depositHere(t)
	var c SandboxClock
	p.call(t, http.MethodGet, "/sandbox/clock", "").is(200).into(&c)
	if c.AheadSeconds != 0 {
		t.Fatalf("the clock is %+v", c)
	}
	start := c.Now
	p.call(t, http.MethodPut, "/sandbox/clock", `{"advance":"P20DT1H"}`).is(200).into(&c)
	if got := c.Now.Sub(start).Round(time.Minute); got != 20*24*time.Hour+time.Hour || c.Done == nil || c.Done.Reminded > 1 { // none, when the sweep of the node came first: the feed tells
		t.Errorf("moved by %s, %+v", got, c.Done)
	}
	var feed Feed
	p.call(t, http.MethodGet, "/events", "").is(200).into(&feed)
	kinds := map[string]bool{}
	for _, e := range feed.Data {
		kinds[e.Type] = kinds[e.Type] || e.Data.Dossier == d.ID
	}
	if !kinds[circuits.KindReminded] || !kinds[circuits.KindEscalated] {
		t.Errorf("the feed tells %v", kinds)
	}
	p.call(t, http.MethodPut, "/sandbox/clock", `{"to":"`+c.Now.Add(time.Hour).Format(time.RFC3339)+`"}`).is(200).into(&c)
	for body, want := range map[string]string{
		`{"to":"2020-01-01T00:00:00Z"}`: "clock-back", `{}`: "invalid-input", `{"advance":"P"}`: "invalid-input", `{"advance":"demain"}`: "invalid-input",
		`{"to":"2099-01-01T00:00:00Z"}`: "invalid-input", `{"advance":"P1D","to":"2030-01-01T00:00:00Z"}`: "invalid-input", `{"advance":"P9999D"}`: "invalid-input",
	} {
		status := 422
		if want == "clock-back" {
			status = 409
		}
		p.call(t, http.MethodPut, "/sandbox/clock", body).is(status, want)
	}
}

// In a real town every operation of the sandbox is refused, whatever the key
// holds; so is a key of the sandbox in the real town, and the reverse.
func TestSandboxRefusedInARealTown(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	real := newHall(t)
	d := real.put(t, "cle-0001", nil)
	forced := "Bearer " + real.forcedKey(t, append(dossiers.Scopes(), dossiers.ScopeSandbox, dossiers.ScopeDossiersAll)...)
	for _, c := range [][3]string{
		{http.MethodGet, "/sandbox/clock", ""},
		{http.MethodPut, "/sandbox/clock", `{"advance":"P1D"}`},
		{http.MethodGet, "/sandbox/persons", ""},
		{http.MethodPost, "/sandbox/dossiers/" + d.ID + "/decisions", `{"person":"dgs","decision":"visa"}`},
	} {
		var in io.Reader
		if c[2] != "" {
			in = strings.NewReader(c[2])
		}
		real.ask(t, c[0], base+c[1], in, "Authorization", forced, "Content-Type", "application/json").is(403, "not-a-sandbox")
		real.ask(t, c[0], base+c[1], nil, "Content-Type", "application/json").is(403, "insufficient-scope")
		// The sandbox itself does not know the key of a real town.
		p.call(t, c[0], c[1], c[2], "Authorization", forced).is(401, "key-needed")
	}
	// An interface of a sandbox asked under the name of the real town of its node.
	p.ask(t, http.MethodGet, base+"/me", nil).is(404, "not-found")
	after, err := real.Store.Dossier(t.Context(), real.Tenant.ID, dossiers.ID(d.ID))
	if err != nil || len(after.State.Decisions) != 0 {
		t.Errorf("decided: %+v, %v", after.State.Decisions, err)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"P1D": 24 * time.Hour, "PT36H": 36 * time.Hour, "P2DT3H4M5S": 51*time.Hour + 4*time.Minute + 5*time.Second,
		"P": 0, "P1": 0, "P1DT": 24 * time.Hour, "PD": 0, "P1W": 0, "P123456789D": 0,
	} {
		if got, err := duration(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("%s is %s, %v", s, got, err)
		}
	}
}
