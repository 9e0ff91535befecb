package api

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

func TestListing(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var want []string
	for i := range 3 {
		d := h.put(t, fmt.Sprintf("cle-000%d", i), func(m map[string]any) {
			m["external_reference"], m["title"] = fmt.Sprintf("R-%d", i), fmt.Sprintf("Lettre numéro %d", i)
			m["start"] = i != 0
		})
		want = append([]string{d.ID}, want...)
	}
	next := "/api/v1/dossiers?limit=1"
	var got []string
	for next != "" {
		var l List
		a := h.ask(t, http.MethodGet, next, nil).is(http.StatusOK)
		a.into(&l)
		got = append(got, l.Data[0].ID)
		next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
		if (l.NextCursor == nil) != (next == "") {
			t.Fatalf("cursor %v, link %q", l.NextCursor, next)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("pages give %v, want %v", got, want)
	}
	for query, want := range map[string]int{
		"phase=draft": 1, "phase=running": 2, "phase=completed": 0, "external_reference=R-1": 1, "external_reference=R-9": 0, "q=lettre": 3, "q=introuvable": 0,
	} {
		var l List
		h.ask(t, http.MethodGet, "/api/v1/dossiers?"+query, nil).is(http.StatusOK).into(&l)
		if len(l.Data) != want {
			t.Errorf("%s: %d dossiers, want %d", query, len(l.Data), want)
		}
	}
	h.ask(t, http.MethodGet, "/api/v1/dossiers?cursor=valeur-confidentielle", nil).is(http.StatusBadRequest, "bad-request")
	for _, bad := range []string{"limit=0", "limit=101", "limit=valeur-confidentielle", "phase=valeur-confidentielle", "referenc=R-1"} {
		h.ask(t, http.MethodGet, "/api/v1/dossiers?"+bad, nil).is(http.StatusUnprocessableEntity, "invalid-input")
	}
}

// A search knows French: the plural finds the singular and the reverse; capitals,
// accents and small words do not count.
func TestSearchingInFrench(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.put(t, "cle-0001", func(m map[string]any) {
		m["title"], m["recipient"] = "Réfection des trottoirs de l’école élémentaire", "Mme Hélène Châtaignier"
	})
	for query, want := range map[string]int{
		"trottoir": 1, "Trottoirs": 1, "réfections": 1, "RÉFECTION": 1, "écoles": 1, "élémentaires": 1, "la réfection du trottoir": 1,
		"châtaignier": 1, "hélène trottoir": 1, "chataignier": 1, "HELENE refection": 1, "ecole": 1, "l'ecole elementaire": 1, "« refection des trottoirs »": 1, "trottoir - école": 1, "de la": 0, `"réfection des trottoirs"`: 1, "réfection -trottoir": 0, "piscine or trottoir": 1, "piscine": 0, "réfection piscine": 0,
	} {
		var l List
		h.get(t, "/dossiers?q="+url.QueryEscape(query)).is(http.StatusOK).into(&l)
		if len(l.Data) != want {
			t.Errorf("« %s » finds %d dossiers, want %d", query, len(l.Data), want)
		}
	}
}

func TestReadingADossier(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	a := h.ask(t, http.MethodGet, d.URL, nil).is(http.StatusOK)
	tag := a.header.Get("ETag")
	for _, known := range []string{tag, "W/" + tag, `"autre", ` + tag, "*"} {
		b := h.ask(t, http.MethodGet, d.URL, nil, "If-None-Match", known).is(http.StatusNotModified)
		if len(b.body) != 0 || b.header.Get("ETag") != tag {
			t.Errorf("304 with %d bytes, ETag %q", len(b.body), b.header.Get("ETag"))
		}
	}
	h.ask(t, http.MethodGet, d.URL, nil, "If-None-Match", `"0"`).is(http.StatusOK)
	other := "Bearer " + h.newKey(t, "Autre", dossiers.Scopes()...)
	for _, path := range []string{d.URL, d.URL + "/documents/1/content", d.URL + "/evidence"} {
		h.ask(t, http.MethodGet, path, nil, "Authorization", other).is(http.StatusNotFound, "not-found")
	}
	for _, path := range []string{"/api/v1/dossiers/0198c0de-0000-7000-8000-000000000001", "/api/v1/dossiers/pas-un-uuid", d.URL + "/documents/7/content", "/api/v1/ailleurs"} {
		h.ask(t, http.MethodGet, path, nil).is(http.StatusNotFound, "not-found")
	}
	b := h.ask(t, http.MethodDelete, d.URL, nil).is(http.StatusMethodNotAllowed, "method-not-allowed")
	if got := b.header.Values("Allow"); fmt.Sprint(got) != "[GET HEAD PATCH]" {
		t.Errorf("Allow %v", got)
	}
}

func TestSignedLetterAndItsEvidence(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	id := dossiers.ID(d.ID)
	if _, err := h.Person(t, demo.DGS).Decide(t, id, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Person(t, demo.Mayor).Decide(t, id, "signature", ""); err != nil {
		t.Fatal(err)
	}
	h.Await(t, id, func(x dossiers.Dossier) bool { return x.State.Phase == circuits.Completed })
	a := h.ask(t, http.MethodGet, d.URL, nil).is(http.StatusOK)
	now := a.dossier()
	doc := now.Documents[0]
	if now.Phase != "completed" || !doc.Signed || len(now.Decisions) != 2 || now.Decisions[1].Verdict != "signature" || now.Decisions[1].Quality != "Maire" {
		t.Errorf("dossier %+v", now)
	}
	h.ask(t, http.MethodPost, d.URL+"/withdraw", strings.NewReader(`{}`), "If-Match", a.header.Get("ETag"), "Content-Type", "application/json").
		is(http.StatusConflict, "state-conflict")

	signed := h.ask(t, http.MethodGet, doc.Content, nil).is(http.StatusOK)
	approved := h.ask(t, http.MethodGet, doc.Content+"?version=approved", nil).is(http.StatusOK)
	if !bytes.HasPrefix(signed.body, approved.body) || !bytes.Equal(approved.body, towntest.Sample(t, sample)) {
		t.Error("the signed letter does not begin with what was deposited")
	}
	sum := sha256.Sum256(signed.body)
	if circuits.Digest(sum).String() != doc.SHA256 || signed.header.Get("Repr-Digest") != digestOf(sum) || int64(len(signed.body)) != doc.Bytes {
		t.Errorf("digest %s of %d bytes, header %q", doc.SHA256, doc.Bytes, signed.header.Get("Repr-Digest"))
	}
	if got := signed.header.Get("Content-Disposition"); got != `attachment; filename="R_ponse _ l_usager.pdf"; filename*=UTF-8''R%C3%A9ponse%20%C3%A0%20l%E2%80%99usager.pdf` {
		t.Errorf("Content-Disposition %s", got)
	}
	part := h.ask(t, http.MethodGet, doc.Content, nil, "Range", "bytes=0-4").is(http.StatusPartialContent)
	if string(part.body) != "%PDF-" || part.header.Get("Repr-Digest") != digestOf(sum) {
		t.Errorf("part %q", part.body)
	}
	h.ask(t, http.MethodGet, doc.Content, nil, "Range", "bytes=99999999-").is(http.StatusRequestedRangeNotSatisfiable)
	h.ask(t, http.MethodGet, doc.Content, nil, "If-None-Match", signed.header.Get("ETag")).is(http.StatusNotModified)
	head := h.ask(t, http.MethodHead, doc.Content, nil).is(http.StatusOK)
	if len(head.body) != 0 || head.header.Get("Content-Length") != fmt.Sprint(doc.Bytes) {
		t.Errorf("HEAD answers %d bytes, length %s", len(head.body), head.header.Get("Content-Length"))
	}
	h.ask(t, http.MethodGet, doc.Content+"?version=v9", nil).is(http.StatusNotFound, "not-found")
	h.ask(t, http.MethodGet, doc.Content+"?version=valeur-confidentielle", nil).is(http.StatusUnprocessableEntity, "invalid-input")
	h.ask(t, http.MethodGet, d.URL+"/documents/zero/content", nil).is(http.StatusUnprocessableEntity, "invalid-input")

	proof := h.ask(t, http.MethodGet, d.URL+"/evidence", nil).is(http.StatusOK)
	if z, err := zip.NewReader(bytes.NewReader(proof.body), int64(len(proof.body))); err != nil || len(z.File) < 3 {
		t.Errorf("evidence: %v", err)
	}
	if proof.header.Get("Repr-Digest") != digestOf(sha256.Sum256(proof.body)) || proof.header.Get("Content-Type") != "application/zip" {
		t.Errorf("evidence headers %v", proof.header)
	}
}

func TestWithdrawing(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	path := d.URL + "/withdraw"
	send := func(match, body string, headers ...string) answer {
		return h.ask(t, http.MethodPost, path, strings.NewReader(body), append([]string{"If-Match", match, "Content-Type", "application/json"}, headers...)...)
	}
	send("", `{}`).is(http.StatusPreconditionRequired, "precondition-required")
	for _, stale := range []string{`"1"`, etag(d.Revision + 1), "W/" + etag(d.Revision), "n'importe quoi"} {
		send(stale, `{}`).is(http.StatusPreconditionFailed, "stale-version")
	}
	send("*", `{"reason":"valeur-confidentielle`).is(http.StatusBadRequest)
	send("*", `{"motif":"valeur-confidentielle"}`).is(http.StatusUnprocessableEntity, "invalid-input")
	send("*", `{"reason":"`+strings.Repeat("a", maxBody)+`"}`).is(http.StatusRequestEntityTooLarge, "request-too-large")
	send("*", `<reason/>`, "Content-Type", "application/xml").is(http.StatusUnsupportedMediaType, "unsupported-media-type")
	send(etag(d.Revision), `{}`, "Authorization", "Bearer "+h.newKey(t, "Autre", dossiers.Scopes()...)).is(http.StatusNotFound, "not-found")
	a := send(`"1", `+etag(d.Revision), `{"reason":"Sans objet"}`).is(http.StatusOK)
	if got := a.dossier(); got.Phase != "withdrawn" || a.header.Get("ETag") != etag(got.Revision) || got.Revision == d.Revision {
		t.Errorf("dossier %+v", got)
	}
	send("*", `{}`).is(http.StatusConflict, "state-conflict")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	var f Feed
	h.ask(t, http.MethodGet, "/api/v1/events", nil).is(http.StatusOK).into(&f)
	if len(f.Data) != 2 || f.Data[0].Type != circuits.KindDeposited || f.Data[1].Data.Dossier != d.ID || f.NextAfter != f.Data[1].Seq {
		t.Fatalf("feed %+v", f)
	}
	var one, none Feed
	h.ask(t, http.MethodGet, "/api/v1/events?limit=1", nil).is(http.StatusOK).into(&one)
	if len(one.Data) != 1 || one.NextAfter != f.Data[0].Seq {
		t.Errorf("one at a time %+v", one)
	}
	after := fmt.Sprint("/api/v1/events?after=", f.NextAfter)
	h.ask(t, http.MethodGet, after, nil).is(http.StatusOK).into(&none)
	if len(none.Data) != 0 || none.NextAfter != f.NextAfter {
		t.Errorf("nothing new gives %+v", none)
	}
	started := time.Now()
	h.ask(t, http.MethodGet, after+"&wait=1", nil).is(http.StatusOK).into(&none)
	if len(none.Data) != 0 || time.Since(started) < time.Second {
		t.Errorf("did not wait, or found %+v", none)
	}
	other := h.newKey(t, "Autre", dossiers.Scopes()...)
	var empty Feed
	h.ask(t, http.MethodGet, "/api/v1/events", nil, "Authorization", "Bearer "+other).is(http.StatusOK).into(&empty)
	if len(empty.Data) != 0 {
		t.Errorf("another application reads %+v", empty)
	}

	answers := make(chan answer)
	started = time.Now()
	go func() { answers <- h.ask(t, http.MethodGet, after+"&wait=30", nil) }()
	h.ask(t, http.MethodPost, d.URL+"/withdraw", strings.NewReader(`{}`), "If-Match", "*", "Content-Type", "application/json").is(http.StatusOK)
	var woken Feed
	(<-answers).is(http.StatusOK).into(&woken)
	if len(woken.Data) != 1 || woken.Data[0].Type != circuits.KindWithdrawn || time.Since(started) > 20*time.Second {
		t.Errorf("woken after %v with %+v", time.Since(started), woken)
	}
	for _, bad := range []string{"after=-1", "wait=31", "limit=0"} {
		h.ask(t, http.MethodGet, "/api/v1/events?"+bad, nil).is(http.StatusUnprocessableEntity, "invalid-input")
	}
}
