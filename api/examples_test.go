package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/pdftest"
	"parapheur/internal/towntest"
)

// A stage is what must be there before an example is sent.
type stage struct {
	path    string // of the request, below the base
	headers []string
	words   map[string]string // of the example, by those of this town
}

// A theatre prepares a town for each example.
type theatre struct {
	*hall
	t *testing.T
	n int
}

// letter deposits a letter with an annex.
func (x *theatre) letter(start bool) Dossier {
	x.n++
	return x.putBoth(x.t, "exemple-"+strings.Repeat("0", x.n), func(m map[string]any) { m["start"] = start })
}

// draft is a stage on a letter that did not start.
func (x *theatre) draft(path string) stage {
	return stage{path: "/dossiers/" + x.letter(false).ID + path}
}

func (x *theatre) decide(d Dossier, who, decision, reason string) {
	x.t.Helper()
	if _, err := x.Person(x.t, who).Decide(x.t, dossiers.ID(d.ID), decision, reason); err != nil {
		x.t.Fatal(err)
	}
}

// made is the address of what the example of another operation makes, or made
// before.
func (x *theatre) made(operation, path string) stage {
	x.t.Helper()
	var there struct{ Data []struct{ ID string } }
	x.get(x.t, path).is(200).into(&there)
	if len(there.Data) > 0 {
		return stage{path: path + "/" + there.Data[0].ID}
	}
	a := x.tell(x.t, path, x.written(examples()[operation])).is(201)
	return stage{path: strings.TrimPrefix(a.header.Get("Location"), base)}
}

// kept is a digest of a document that the town keeps.
func (x *theatre) kept() string {
	x.t.Helper()
	var k KeptDocument
	x.ask(x.t, http.MethodPost, base+"/organisation/documents", bytes.NewReader(towntest.Sample(x.t, sample)), "Content-Type", "application/pdf").is(201).into(&k)
	return k.SHA256
}

// written is an example with the people and the documents of this town.
func (x *theatre) written(example any) any {
	x.t.Helper()
	raw, err := json.Marshal(example)
	if err != nil {
		x.t.Fatal(err)
	}
	text := strings.NewReplacer(
		"philippe.rousseau@ville.fr", demo.DGS, "helene.garnier@ville.fr", demo.Mayor, "claire.marchand@ville.fr", demo.Drafter, "marc.delattre@ville.fr", demo.Administrator,
		"4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a", x.kept(),
	).Replace(string(raw))
	var out any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		x.t.Fatal(err)
	}
	return out
}

// framed lets a page of the example's address show panels.
func (x *theatre) framed() *theatre {
	x.t.Helper()
	admin := x.Person(x.t, demo.Administrator).Viewer(x.t)
	apps, err := x.Office.Applications(x.t.Context(), admin)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, a := range apps {
		if err := x.Office.SetApplication(x.t.Context(), admin, a.ID, dossiers.Reach{Frames: []string{"https://gec.mairie.fr"}}); err != nil {
			x.t.Fatal(err)
		}
	}
	return x
}

// prepared is what an operation needs beside its example; one that no list
// names needs nothing, and its address says all.
func (x *theatre) prepared(operation string) (stage, bool) {
	for _, list := range []map[string]func() stage{x.ofLetters(), x.ofTheTown()} {
		if prepare := list[operation]; prepare != nil {
			return prepare(), true
		}
	}
	return stage{}, false
}

// ofLetters prepares a letter for what is done to one.
func (x *theatre) ofLetters() map[string]func() stage {
	onADraft := func(path string) func() stage { return func() stage { return x.draft(path) } }
	return map[string]func() stage{
		"describeDossier": onADraft(""), "addComment": onADraft("/comments"), "addAnnex": onADraft("/documents"), "correctDossier": onADraft("/documents/1/content"),
		"replaceAnnex": onADraft("/documents/2/content"), "startDossier": onADraft("/start"),
		"withdrawDossier": func() stage { return stage{path: "/dossiers/" + x.letter(true).ID + "/withdraw"} },
		"recordRecusal":   func() stage { return stage{path: "/dossiers/" + x.letter(true).ID + "/recusals"} },
		"addDispatch": func() stage {
			d := x.letter(true)
			x.decide(d, demo.DGS, "visa", "")
			x.decide(d, demo.Mayor, "signature", "")
			x.Await(x.t, dossiers.ID(d.ID), func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
			return stage{path: "/dossiers/" + d.ID + "/dispatches"}
		},
		"recycleDossier": func() stage {
			d := x.letter(true)
			x.decide(d, demo.DGS, "refus", "Il manque la date")
			return stage{path: "/dossiers/" + d.ID + "/recycle"}
		},
		"supersedeDossier": func() stage {
			d, other := x.letter(true), x.letter(true)
			return stage{path: "/dossiers/" + d.ID + "/supersede", words: map[string]string{"019b0000-0000-7000-8000-000000000042": other.ID}}
		},
		"orderAnnexes": func() stage {
			s := x.draft("/documents")
			x.ask(x.t, http.MethodPost, base+s.path, bytes.NewReader(towntest.Sample(x.t, sample)), "If-Match", "*", "Content-Type", "application/pdf").is(201)
			return s
		},
		"fileDossier": func() stage {
			x.replace(x.t, "/organisation/types/courrier-simple", object{
				"code": "courrier-simple", "name": "Courrier simple", "circuit": "courrier-simple", "metadata": []object{{"name": "montant", "label": "Montant", "type": "decimal"}},
			}, "If-Match", "*").is(200)
			return x.draft("/metadata")
		},
		"addPanel": func() stage { return x.framed().draft("/panel") },
	}
}

// ofTheTown is the same for what sets the town up, and for webhooks.
func (x *theatre) ofTheTown() map[string]func() stage {
	return map[string]func() stage{
		"changeAbsence":    func() stage { return x.made("planAbsence", "/organisation/absences") },
		"changeDelegation": func() stage { return x.made("addDelegation", "/organisation/delegations") },
		"declareImpediment": func() stage {
			x.tell(x.t, "/organisation/people", object{"email": demo.Mayor, "rank": 1}).is(200)
			return stage{path: "/organisation/impediments"}
		},
		"changeImpediment": func() stage {
			x.tell(x.t, "/organisation/people", object{"email": demo.Mayor, "rank": 1}).is(200)
			return x.made("declareImpediment", "/organisation/impediments")
		},
		"publishCircuit": func() stage {
			x.Person(x.t, demo.Mayor)
			x.replace(x.t, "/organisation/circuits/voirie/draft", examples()["putCircuitDraft"], "If-Match", "*").is(200)
			return stage{path: "/organisation/circuits/voirie/publication"}
		},
		"changeWebhook": func() stage { return x.made("addWebhook", "/webhooks") },
		"replayWebhook": func() stage {
			s := x.made("addWebhook", "/webhooks")
			s.path += "/replay"
			return s
		},
	}
}

// body writes an example as its media asks, with bytes of a real letter where
// the document cannot show any.
func (x *theatre) body(media string, example any) (body []byte, contentType string) {
	x.t.Helper()
	letter := pdftest.Pages(pdftest.Text("une autre lettre"))
	switch media {
	case "application/pdf":
		return letter, media
	case "image/png", "image/jpeg":
		return picture(x.t, 3), "image/png"
	case "multipart/form-data":
		var parts []part
		if d, ok := example.(map[string]any)["dossier"].(map[string]any); ok {
			parts = append(parts, metaPart(x.t, d))
		}
		b, media := form(x.t, append(parts, part{"document", letter})...)
		return b.Bytes(), media
	}
	raw, err := json.Marshal(example)
	if err != nil {
		x.t.Fatal(err)
	}
	return raw, media
}

// TestExamples sends the example of each operation to a town, and wants the
// success that the document promises; hall.ask validates the answer. A key of
// idempotency is sent again, and once more while the first is under way.
func TestExamples(t *testing.T) {
	t.Parallel()
	o := newServer(Options{Office: &dossiers.Office{}, Log: slog.New(slog.DiscardHandler)}).spec.openapi
	town, box := newHall(t), newPlayer(t)
	// Fixed names in addresses; what is drawn is in the stages.
	named := strings.NewReplacer("{code}/draft", "voirie/draft", "circuits/{code}", "circuits/courrier-simple", "{name}", "exemple", "{on}", "2026-11-02", "{external_id}", "ldap-7",
		"desks/{code}", "desks/urbanisme", "sequences/{code}", "sequences/cabinet", "types/{code}", "types/voirie")
	sent := 0
	for _, path := range sortedKeys(o.Paths) {
		for _, op := range operations(o.Paths[path]) {
			if op.RequestBody == nil {
				continue
			}
			sent++
			t.Run(op.OperationID, func(t *testing.T) {
				x, tenant := &theatre{hall: town, t: t}, town.Tenant
				x.n = 8 + sent*4
				at := stage{path: named.Replace(path)}
				if op.Tags[0] == tagSandbox {
					x.hall, tenant = box.hall, box.box.Tenant
					at.headers = []string{"Host", tenant.Host()}
					if strings.Contains(path, "{id}") {
						at.path = strings.ReplaceAll(path, "{id}", box.depositHere(t).ID)
					}
				} else if prepared, ok := x.prepared(op.OperationID); ok {
					at = prepared
				}
				x.send(op, at, tenant)
			})
		}
	}
	if sent != len(examples()) {
		t.Errorf("%d examples for %d operations with a body", len(examples()), sent)
	}
}

// send sends the example of an operation.
func (x *theatre) send(op *huma.Operation, at stage, tenant dossiers.Tenant) {
	t := x.t
	t.Helper()
	media := sortedKeys(op.RequestBody.Content)[0]
	example := op.RequestBody.Content[media].Example
	if example == nil {
		t.Fatal("no example: write it in examples.json")
	}
	if op.Tags[0] != tagSandbox {
		example = x.written(example)
	}
	raw, contentType := x.body(media, example)
	for word, ours := range at.words {
		raw = bytes.ReplaceAll(raw, []byte(word), []byte(ours))
	}
	headers := append([]string{"Content-Type", contentType}, at.headers...)
	takes := paramNames(op.Parameters)
	if slices.Contains(takes, "If-Match") && !slices.Contains(takes, "If-None-Match") {
		headers = append(headers, "If-Match", "*")
	}
	key := ""
	if slices.Contains(takes, "Idempotency-Key") {
		key = "exemple-" + op.OperationID
		headers = append(headers, "Idempotency-Key", key)
	}
	ask := func() answer { return x.ask(t, op.Method, base+at.path, io.Reader(bytes.NewReader(raw)), headers...) }
	first := ask()
	if first.status >= 300 {
		t.Fatalf("the example is answered %d: %s", first.status, first.body)
	}
	if key == "" {
		return
	}
	if again := ask().is(first.status); again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the example was done twice under its key")
	}
	if op.OperationID == "depositDossier" {
		return // its key is kept beside the letter: TestARepetitionMeetsADepositUnderWay
	}
	tag, err := x.Owner(t).Exec(t.Context(), `update api_answer set answer = null, locked_until = now() + interval '1 hour' where tenant = $1 and key = $2`, tenant.ID, key)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%d answers kept, %v", tag.RowsAffected(), err)
	}
	if busy := ask().is(409, "request-in-flight"); busy.header.Get("Retry-After") == "" {
		t.Errorf("%v", busy.header)
	}
}

// TestExamplesFitTheirSchemas holds every other example of the document to
// what it illustrates: parameters, bodies, properties of what is sent and of
// what is answered.
func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	o, _ := described(t)
	registry, n := o.Components.Schemas, 0
	var fits func(where string, s *huma.Schema, examples ...any)
	fits = func(where string, s *huma.Schema, examples ...any) {
		for _, example := range append(examples, s.Examples...) {
			if example == nil {
				continue
			}
			n++
			res := &huma.ValidateResult{}
			huma.Validate(registry, s, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, asJSON(t, example), res)
			for _, err := range res.Errors {
				t.Errorf("%s: the example %v does not fit: %v", where, example, err)
			}
		}
		for name, p := range s.Properties {
			fits(where+"."+name, p)
		}
		if s.Items != nil {
			fits(where+"[]", s.Items)
		}
	}
	for name, s := range registry.Map() {
		fits(name, s)
	}
	for _, item := range o.Paths {
		for _, op := range operations(item) {
			for _, p := range op.Parameters {
				fits(op.OperationID+" "+p.Name, p.Schema, p.Example)
			}
			if op.RequestBody != nil {
				for _, m := range op.RequestBody.Content {
					fits(op.OperationID, m.Schema, m.Example)
				}
			}
			for status, r := range op.Responses {
				for _, m := range r.Content {
					if m.Schema != nil {
						fits(op.OperationID+" "+status, m.Schema, m.Example)
					}
				}
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d examples were found", n)
	}
}

// asJSON is a value as a client would have read it.
func asJSON(t *testing.T, v any) (out any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
