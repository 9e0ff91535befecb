package maarch_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
)

// The whole life of a mail: sent, polled, signed, fetched with its evidence.
func TestLifeOfAMail(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	id, d := h.deposited(t, h.letter(t))
	if d.State.Phase != circuits.Running || d.ExternalReference != "MAARCH/2026D/2" || d.Recipient != "M. et Mme Lefèvre" || len(d.Documents) != 2 {
		t.Errorf("dossier %+v", d)
	}
	for _, want := range []string{"Claire : À signer avant vendredi", "MAARCH/2026D/2", "2026-12-06", "Claire Marchand"} {
		if !strings.Contains(d.Note, want) {
			t.Errorf("note %q lacks %q", d.Note, want)
		}
	}
	steps := h.steps(t, id)
	dgs, mayor := h.numbers(t)
	if statusesOf(steps) != "," || steps[0]["userId"] != float64(dgs) || steps[1]["userId"] != float64(mayor) || steps[0]["mode"] != "visa" || steps[1]["mode"] != "sign" {
		t.Errorf("steps %v", steps)
	}
	h.decide(t, demo.DGS, d.ID, "visa", "")
	if steps = h.steps(t, id); statusesOf(steps) != "VAL," || steps[0]["processDate"] == nil || steps[0]["userDisplay"] == "" {
		t.Errorf("after the visa: %v", steps)
	}
	h.decide(t, demo.Mayor, d.ID, "signature", "")
	h.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	if steps = h.steps(t, id); statusesOf(steps) != "VAL,VAL" {
		t.Errorf("signed: %v", steps)
	}
	_, out, _ := h.call(t, "GET", "/documents/"+id+"/content?mode=base64&type=esign", nil)
	encoded, _ := out["encodedDocument"].(string)
	pdf, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !bytes.Equal(pdf, h.Read(t, h.Person(t, demo.Mayor).Viewer(t), d.ID, 1, "")) || !bytes.Contains(pdf, []byte("/ByteRange")) {
		t.Errorf("signed letter: %d bytes, %v", len(pdf), err)
	}
	_, out, _ = h.call(t, "GET", "/documents/"+id+"/proof?onlyProof=true", nil)
	encoded, _ = out["encodedProofDocument"].(string)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || out["format"] != "zip" {
		t.Fatal(err, out["format"])
	}
	if z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw))); err != nil || len(z.File) < 3 {
		t.Errorf("evidence: %v", err)
	}
}

// Positions are kept in percent, with the size of their page, for the steps of
// the circuit.
func TestPositionsAreKept(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	_, d := h.deposited(t, h.letter(t))
	places, err := h.Store.Places(t.Context(), h.Tenant.ID, d.ID)
	if err != nil || len(places) != 2 {
		t.Fatalf("%+v, %v", places, err)
	}
	p, date := places[0], places[1]
	if p.Kind != dossiers.PlaceSignature || p.Page != 1 || p.X != 60.5 || p.Y != 80 || p.Width < 500 || p.Height < 700 || p.Step != d.State.Circuit.Steps[1].ID {
		t.Errorf("place %+v", p)
	}
	if date.Kind != dossiers.PlaceDate || date.Style.Format != "d/m/Y" || date.Style.Width != 130 {
		t.Errorf("date %+v", date)
	}
}

// What ends a step, as the client reads it.
func TestStatuses(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	t.Run("refused", func(t *testing.T) {
		body := h.letter(t)
		body["linkId"] = 1
		id, d := h.deposited(t, body)
		h.decide(t, demo.DGS, d.ID, "refus", "La date est fausse")
		steps := h.steps(t, id)
		if statusesOf(steps) != "REF," || steps[0]["note"] != "La date est fausse" {
			t.Errorf("%v", steps)
		}
	})
	t.Run("taken back", func(t *testing.T) {
		body := h.letter(t)
		body["linkId"] = 2
		id, d := h.deposited(t, body)
		if _, err := h.Office.Withdraw(t.Context(), h.Person(t, demo.Drafter).Viewer(t), d.ID, "erreur", -1); err != nil {
			t.Fatal(err)
		}
		if steps := h.steps(t, id); statusesOf(steps) != "STOP," {
			t.Errorf("%v", steps)
		}
	})
	t.Run("an opinion first", func(t *testing.T) {
		body := h.letter(t)
		body["linkId"] = 3
		dgs, mayor := h.numbers(t)
		body["workflow"] = []object{{"userId": dgs, "mode": "note"}, {"userId": mayor, "mode": "sign"}}
		id, d := h.deposited(t, body)
		if d.State.Circuit.Steps[0].Kind != circuits.Opinion || h.steps(t, id)[0]["mode"] != "note" {
			t.Errorf("%+v", d.State.Circuit)
		}
	})
}

// Each trap of the reference page that a deposit may fall in.
func TestTrapsOfDeposit(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	dgs, mayor := h.numbers(t)
	pdf := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	two := func() string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, n := range []string{"a.pdf", "b.pdf"} {
			f, _ := z.Create(n)
			_, _ = f.Write(pdf)
		}
		_ = z.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}
	for _, one := range []struct {
		name   string
		change func(object)
		want   string // in "errors"
	}{
		{"trap 1: not zipped", func(b object) { b["encodedDocument"] = base64.StdEncoding.EncodeToString(pdf) }, "zip"},
		{"trap 1: two entries", func(b object) { b["encodedDocument"] = two() }, "zip"},
		{"trap 1: not a PDF", func(b object) { b["encodedDocument"] = zipped(t, "a.pdf", []byte("<html>")) }, "PDF"},
		{"trap 1: an annex that is no PDF", func(b object) {
			b["attachments"] = []object{{"title": "x", "encodedDocument": zipped(t, "a.docx", []byte("PK"))}}
		}, "PDF"},
		{"trap 5: a note after the signature", func(b object) {
			b["workflow"] = []object{{"userId": mayor, "mode": "sign"}, {"userId": dgs, "mode": "note"}}
		}, "avis"},
		{"trap 9: somebody outside", func(b object) {
			b["workflow"] = []object{{"userId": nil, "mode": "sign", "externalInformations": object{"firstname": "X", "email": "x@example.org"}}}
		}, "reliée au parapheur"},
		{"trap 10: a mode that is not offered", func(b object) {
			b["workflow"] = []object{{"userId": mayor, "mode": "sign", "signatureMode": "inca_card"}}
		}, "inca_card"},
		{"no signature at all", func(b object) { b["workflow"] = []object{{"userId": dgs, "mode": "visa"}} }, "signature"},
		{"nobody", func(b object) { b["workflow"] = []object{} }, "circuit est vide"},
		{"a user that is gone", func(b object) { b["workflow"] = []object{{"userId": 999, "mode": "sign"}} }, "999"},
		{"an unknown mode", func(b object) { b["workflow"] = []object{{"userId": mayor, "mode": "paraphe"}} }, "paraphe"},
	} {
		body := h.letter(t)
		one.change(body)
		code, out, raw := h.call(t, "POST", "/documents", body)
		why, ok := out["errors"].(string) // trap 4: a string
		if code < 400 || code >= 500 || !ok || !strings.Contains(why, one.want) {
			t.Errorf("%s: %d %s", one.name, code, raw)
		}
		if _, there := out["error"]; there { // trap 4: it would be shown as a failure of the network
			t.Errorf("%s: top-level error: %s", one.name, raw)
		}
	}
	code, out, raw := h.call(t, "POST", "/documents", "pas un objet")
	if code != http.StatusUnprocessableEntity || out["errors"] == nil {
		t.Errorf("not an object: %d %s", code, raw)
	}
}

// Trap 6: where the client looks at nothing but "error", it is there.
func TestAMailForOpinionAloneIsRefusedAloud(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	dgs, _ := h.numbers(t)
	body := h.letter(t)
	body["workflow"] = []object{{"userId": dgs, "mode": "note"}}
	code, out, raw := h.call(t, "POST", "/documents", body)
	if code < 400 || out["errors"] == nil || out["error"] == nil || out["id"] != nil {
		t.Errorf("%d %s", code, raw)
	}
}

// Trap 2: a sparse PHP array comes as an object, in the order of its keys.
func TestSparseWorkflow(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	dgs, mayor := h.numbers(t)
	body := h.letter(t)
	body["workflow"] = json.RawMessage(`{"10":{"userId":` + jsonOf(mayor) + `,"mode":"sign"},"2":{"userId":"` + jsonOf(dgs) + `","mode":"visa"}}`)
	id, _ := h.deposited(t, body)
	if steps := h.steps(t, id); steps[0]["userId"] != float64(dgs) || steps[1]["userId"] != float64(mayor) {
		t.Errorf("%v", steps)
	}
}

func jsonOf(v any) string {
	raw, _ := json.Marshal(v) //nolint:errchkjson // of tests
	return string(raw)
}

// Trap 3: on the polled routes every refusal is JSON with both keys; trap 4:
// "errors" is a string everywhere.
func TestRefusalsDoNotEndABatch(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	_, d := h.deposited(t, h.letter(t))
	native := h.Deposit(t) // made by a person: not this client's to see
	stranger := func(r *http.Request) { r.SetBasicAuth(h.login, "faux") }
	far := func(r *http.Request) { r.RemoteAddr = "203.0.113.9:1" }
	elsewhere := func(r *http.Request) { r.Host = "ailleurs.example" }
	for _, route := range []string{"workflow", "content?type=esign", "proof?onlyProof=true"} {
		for name, one := range map[string]struct {
			path   string
			status int
			change func(*http.Request)
		}{
			"unknown":      {"/documents/99999/" + route, 400, nil},
			"not a number": {"/documents/abc/" + route, 400, nil},
			"of a person":  {"/documents/" + jsonOf(native.Number) + "/" + route, 400, nil},
			"wrong secret": {"/documents/" + jsonOf(d.Number) + "/" + route, 401, stranger},
			"from afar":    {"/documents/" + jsonOf(d.Number) + "/" + route, 403, far},
			"another town": {"/documents/" + jsonOf(d.Number) + "/" + route, 404, elsewhere},
		} {
			changes := []func(*http.Request){}
			if one.change != nil {
				changes = append(changes, one.change)
			}
			w := h.send("GET", one.path, nil, changes...)
			out := map[string]any{}
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
				t.Fatalf("%s, %s: %q", route, name, w.Body)
			}
			why, isText := out["errors"].(string)
			if w.Code != one.status || !isText || why == "" || out["error"] == nil {
				t.Errorf("%s, %s: %d %s", route, name, w.Code, w.Body)
			}
		}
	}
	w := h.send("GET", "/nulle/part", nil)
	if w.Code != 404 || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Errorf("unknown route: %d %s", w.Code, w.Body)
	}
}

// Trap 8: the same deposit, sent again because its answer was lost, is the
// same dossier as long as that one is on its way; anything else is another.
func TestADepositSentAgainIsTheSame(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	first, d := h.deposited(t, h.letter(t))
	if again, _ := h.deposited(t, h.letter(t)); again != first {
		t.Errorf("again: %s, want %s", again, first)
	}
	for name, change := range map[string]func(object){
		"link":      func(b object) { b["linkId"] = 124 },
		"mailing":   func(b object) { b["mailingId"] = "lot 7" },
		"reference": func(b object) { b["reference"] = "MAARCH/2026D/9" },
		"annexes":   func(b object) { b["attachments"] = []object{} },
		"circuit": func(b object) {
			_, mayor := h.numbers(t)
			b["workflow"] = []object{{"userId": mayor, "mode": "sign"}}
		},
		"places": func(b object) {
			steps, _ := b["workflow"].([]object)
			steps[1]["signaturePositions"] = []object{{"positionX": 1, "positionY": 1, "page": 1}}
		},
	} {
		body := h.letter(t)
		change(body)
		if other, _ := h.deposited(t, body); other == first {
			t.Errorf("another %s is the same dossier", name)
		}
	}
	h.decide(t, demo.DGS, d.ID, "refus", "Non")
	if anew, of := h.deposited(t, h.letter(t)); anew == first || !strings.HasPrefix(of.ExternalReference, "MAARCH/2026D/2 (") {
		t.Errorf("after a refusal: %s, reference %q", anew, of.ExternalReference)
	}
}

// The lists and screens beside the letters.
func TestPeople(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	dgs, mayor := h.numbers(t)
	if a, b := h.numbers(t); a != dgs || b != mayor {
		t.Error("numbers change")
	}
	code, out, raw := h.call(t, "GET", "/users/"+jsonOf(mayor), nil)
	u, _ := out["user"].(map[string]any)
	if code != 200 || u["lastname"] != "Garnier" || u["email"] != demo.Mayor || !strings.HasPrefix(u["picture"].(string), "data:image/png;base64,") {
		t.Errorf("user: %d %s", code, raw)
	}
	if code, out, raw = h.call(t, "GET", "/users/9999", nil); code != 400 || out["errors"] == "" {
		t.Errorf("unknown user: %d %s", code, raw)
	}
	if code, out, raw = h.call(t, "GET", "/users/"+jsonOf(dgs)+"/picture", nil); code != 200 || !strings.HasPrefix(out["picture"].(string), "data:image/png") {
		t.Errorf("picture: %d %s", code, raw)
	}
	var found []map[string]any
	for _, typed := range []string{"garn", "GARNIER", "Helene", "h%C3%A9l%C3%A8ne+garnier", "he%CC%81le%CC%80ne", "garnier+h%C3%89LENE"} {
		_, _, raw = h.call(t, "GET", "/autocomplete/users?search="+typed, nil)
		if err := json.Unmarshal(raw, &found); err != nil || len(found) != 1 || found[0]["signatureModes"] == nil {
			t.Errorf("autocomplete of %s: %s", typed, raw)
		}
	}
	_, _, raw = h.call(t, "GET", "/autocomplete/users?search=personne", nil)
	if strings.TrimSpace(string(raw)) != "[]" {
		t.Errorf("nobody: %s", raw)
	}
	if _, _, raw = h.call(t, "GET", "/connectors", nil); strings.TrimSpace(string(raw)) != `{"otp":[]}` {
		t.Errorf("connectors: %s", raw)
	}
	code, _, raw = h.call(t, "PUT", "/users/"+jsonOf(mayor)+"/externalSignatures", object{"signatures": []object{{"encodedSignature": "aGVsbG8=", "format": "png"}}, "externalApplication": "maarchCourrier"})
	if code != http.StatusNoContent || len(raw) != 0 {
		t.Errorf("signatures: %d %s", code, raw)
	}
	if code, _, _ = h.call(t, "PUT", "/users/"+jsonOf(mayor)+"/externalSignatures", object{"signatures": []object{{"encodedSignature": "***"}}}); code != 400 {
		t.Errorf("signatures that are none: %d", code)
	}
}

// Accounts are made only where an administrator said so, and hold no desk.
func TestCreateUser(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	add := object{"lastname": "Durand", "firstname": "Paul", "login": "pdurand", "email": "paul.durand@saint-aubin.example"}
	if code, out, _ := h.call(t, "POST", "/users", add); code != 400 || out["errors"] != "Privilege forbidden" {
		t.Errorf("%d %v", code, out)
	}
	admin := h.Person(t, demo.Administrator).Viewer(t)
	_, err := h.Office.SetConnector(t.Context(), admin, h.id, dossiers.ConnectorRequest{Login: h.login, Enabled: true, Networks: []string{"192.0.2.7"}, Type: "courrier-simple", Provisions: true})
	if err != nil {
		t.Fatal(err)
	}
	code, out, raw := h.call(t, "POST", "/users", add)
	n, ok := out["id"].(float64)
	if code != 200 || !ok { // 201 is a failure to the client
		t.Fatalf("%d %s", code, raw)
	}
	if code, out, _ := h.call(t, "POST", "/users", add); code != 400 || out["errors"] != "Login already exists" {
		t.Errorf("%d %v", code, out)
	}
	body := h.letter(t)
	body["workflow"] = []object{{"userId": int(n), "mode": "sign"}}
	if code, out, _ := h.call(t, "POST", "/documents", body); code != 422 || !strings.Contains(out["errors"].(string), "aucun bureau") {
		t.Errorf("%d %v", code, out)
	}
}

// What waits for somebody is listed with how much there is.
func TestDocumentsWaiting(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	dgs, mayor := h.numbers(t)
	h.deposited(t, h.letter(t))
	h.Deposit(t) // not the client's
	read := func(n int) (int, object) {
		_, out, raw := h.call(t, "GET", "/documents?userId="+jsonOf(n)+"&limit=10", nil)
		list, ok := out["documents"].([]any)
		count, both := out["count"].(map[string]any)
		if !ok || !both {
			t.Fatalf("%s", raw)
		}
		return len(list), count
	}
	if n, count := read(dgs); n != 1 || count["visa"] != 1.0 || count["current"] != 1.0 {
		t.Errorf("dgs: %d %v", n, count)
	}
	if n, count := read(mayor); n != 0 || count["sign"] != 0.0 {
		t.Errorf("mayor: %d %v", n, count)
	}
}

// A workflow becomes a circuit only where the town lets depositors compose, or
// where it is one of the town's own.
func TestOnlyCircuitsThatTheTypeAllows(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.compose(t, false)
	_, d := h.deposited(t, h.letter(t)) // visa of the DGS, signature of the Mayor: the town's circuit
	if d.State.Circuit.Code != "courrier-simple" {
		t.Errorf("circuit %s", d.State.Circuit.Code)
	}
	body := h.letter(t)
	dgs, mayor := h.numbers(t)
	body["workflow"] = []object{{"userId": dgs, "mode": "visa"}, {"userId": mayor, "mode": "visa"}, {"userId": mayor, "mode": "sign"}}
	if code, out, raw := h.call(t, "POST", "/documents", body); code != 422 || !strings.Contains(out["errors"].(string), "composer un circuit") {
		t.Errorf("%d %s", code, raw)
	}
	h.compose(t, true)
	_, d = h.deposited(t, body)
	if d.State.Circuit.Code != "sur-mesure" {
		t.Errorf("circuit %s", d.State.Circuit.Code)
	}
	admin := h.Person(t, demo.Administrator).Viewer(t)
	r := dossiers.ConnectorRequest{Login: h.login, Enabled: true, Networks: []string{"192.0.2.0/24"}, Type: "courrier-simple", Circuits: []string{"courrier-simple"}}
	if _, err := h.Office.SetConnector(t.Context(), admin, h.id, r); err != nil {
		t.Fatal(err)
	}
	body["linkId"] = 77
	if code, out, raw := h.call(t, "POST", "/documents", body); code != 422 || !strings.Contains(out["errors"].(string), "ce compte") {
		t.Errorf("%d %s", code, raw)
	}
}
