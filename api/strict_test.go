package api

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2/validation"

	"parapheur/internal/towntest"
)

// TestJSONThatSaysTwoThings sends texts that encoding/json would take, and
// read otherwise than who wrote them: each is refused where it is wrong, and
// the letter keeps its words.
func TestJSONThatSaysTwoThings(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", func(m map[string]any) { m["start"] = false })
	for name, c := range map[string]struct{ body, where string }{
		"ISO-8859-1":              {"{\"note\":\"R\xe9ponse\"}", "body"},
		"the same name twice":     {`{"note":"a","note":"b"}`, "body.note"},
		"half a character":        {`{"note":"a\ud83d"}`, "body.note"},
		"the wrong half":          {`{"note":"a\udc69"}`, "body.note"},
		"half, then another":      {`{"note":"\ud83d\u0041"}`, "body.note"},
		"the character that ends": {`{"note":"a\u0000"}`, "body.note"},
		"two texts":               {`{"note":"a"} {"note":"b"}`, "body"},
		"cut":                     {`{"note":"a"`, "body"},
		"UTF-16":                  {"{\x00\"\x00n\x00", "body"},
	} {
		var p Problem
		a := h.ask(t, http.MethodPatch, d.URL, strings.NewReader(c.body), "If-Match", "*", "Content-Type", jsonMedia).is(400, "bad-request")
		a.into(&p)
		if len(p.Errors) != 1 || p.Errors[0].Location != c.where || p.Errors[0].Message == "Cette valeur n’est pas acceptée." {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}
	var p Problem
	h.ask(t, http.MethodPatch, d.URL, strings.NewReader(`{"Note":"a"}`), "If-Match", "*", "Content-Type", jsonMedia).is(422).into(&p)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.Note" {
		t.Errorf("another case: %+v", p.Errors)
	}
	whole := h.ask(t, http.MethodPatch, d.URL, strings.NewReader("\xef\xbb\xbf"+`{"note":"\ud83d\udc69 \\ud800 é"}`), "If-Match", "*", "Content-Type", jsonMedia).is(200).dossier()
	if whole.Note != "👩 \\ud800 é" || whole.Title != d.Title {
		t.Errorf("%q, %q", whole.Note, whole.Title)
	}
}

// TestDepositThatSaysTwoThings is the same for the JSON part of a deposit,
// where nothing may be left behind.
func TestDepositThatSaysTwoThings(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	before := h.stored(t)
	for name, c := range map[string]struct{ from, to, where string }{
		"ISO-8859-1":       {`"title":"`, "\"title\":\"R\xe9ponse ", "dossier"},
		"started or not":   {`{`, `{"start":false,"start":true,`, "dossier.start"},
		"twice, deeper":    {`{`, `{"metadata":{"montant":"1","montant":"2"},`, "dossier.metadata.montant"},
		"half a character": {`"title":"`, `"title":"\ud800`, "dossier.title"},
		"nul in a place":   {`{`, `{"signature_places":[{"step":"\u0000","page":0,"x":1,"y":1}],`, "dossier.signature_places[0].step"},
		"nul in a drafter": {`{`, `{"drafter":"a\u0000@ville.fr",`, "dossier.drafter"},
	} {
		parts := sampleParts(t)
		parts[0].body = bytes.Replace(parts[0].body, []byte(c.from), []byte(c.to), 1)
		var p Problem
		h.send(t, "cle-deux-fois", parts).is(400, "bad-request").into(&p)
		if len(p.Errors) != 1 || p.Errors[0].Location != c.where {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}
	if after := h.stored(t); after != before {
		t.Errorf("%d files are kept", after-before)
	}
	h.send(t, "cle-deux-fois", sampleParts(t)).is(201) // the key was not spent
}

func sampleParts(t *testing.T) []part {
	return []part{metaPart(t, letterMeta()), {"document", towntest.Sample(t, sample)}}
}

// TestAddressesThatCannotBeRead asks with what is no text, and with two values
// where one is meant: neither is an answer about something else, nor ours.
func TestAddressesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	for query, where := range map[string]string{
		"?q=%ff": "query.q", "?external_reference=a%00": "query.external_reference", "?type=%ff%fe": "query.type", "?q=r%e9ponse": "query.q",
		"?phase=draft&phase=running": "query.phase", "?q=%zz": "query", "?q=a;b": "query", "?%ff=1": "query",
		"?updated_after=hier": "query.updated_after",
	} {
		var p Problem
		h.ask(t, http.MethodGet, "/api/v1/dossiers"+query, nil).is(422, "invalid-input").into(&p)
		if len(p.Errors) != 1 || p.Errors[0].Location != where {
			t.Errorf("%s: %+v", query, p.Errors)
		}
	}
	h.ask(t, http.MethodGet, "/api/v1/circuits/a%00b/findings", nil).is(404, "not-found")
	h.ask(t, http.MethodGet, "/api/v1/dossiers/%ff", nil).is(404, "not-found")
	if h.log.Len() != 0 {
		t.Errorf("refusals are logged as ours: %s", h.log)
	}
}

// TestUnknownMethods wants a problem that names the methods there are, or that
// there is nothing.
func TestUnknownMethods(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	for _, method := range []string{"PROPFIND", "FOO", http.MethodOptions, http.MethodTrace, http.MethodDelete} {
		a := h.ask(t, method, "/api/v1/me", nil).is(405, "method-not-allowed")
		if !slices.Equal(a.header.Values("Allow"), []string{"GET", "HEAD"}) {
			t.Errorf("%s: Allow %q", method, a.header.Values("Allow"))
		}
		h.ask(t, method, "/api/v1/nowhere", nil).is(404, "not-found")
	}
}

// TestPlacesOfWhatTheDomainRefuses holds what the domain refuses to the names
// that the form of a request gives: a program finds the field in one way.
func TestPlacesOfWhatTheDomainRefuses(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", func(m map[string]any) { m["start"] = false })
	where := func(a answer) string {
		var p Problem
		a.into(&p)
		if len(p.Errors) != 1 {
			t.Fatalf("%+v", p)
		}
		return p.Errors[0].Location
	}
	say := func(method, path, body string) answer {
		return h.ask(t, method, path, strings.NewReader(body), "If-Match", "*", "Content-Type", jsonMedia, "Idempotency-Key", "ou-est-ce-1")
	}
	for want, a := range map[string]answer{
		"body.title":  say(http.MethodPatch, d.URL, `{"title":"  "}`).is(422),
		"body.url":    say(http.MethodPost, "/api/v1/webhooks", `{"url":"http://10.0.0.1/"}`).is(422),
		"query.after": h.ask(t, http.MethodGet, "/api/v1/events?after=99999999", nil).is(422),
	} {
		if got := where(a); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	// What turns the direction of writing would have people sign something else
	// than what they read.
	if got := where(say(http.MethodPatch, d.URL, `{"title":"Avis \u202efdp.exe"}`).is(422)); got != "body.title" {
		t.Error(got)
	}
}

// TestNamesOfFilesAreNames deposits under names that are none, or that lie.
func TestNamesOfFilesAreNames(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", func(m map[string]any) { m["start"] = false })
	for sent, want := range map[string]string{
		"../../etc/lettre.pdf": "lettre.pdf", `C:\\Temp\\lettre.pdf`: "lettre.pdf", "..": "document.pdf", ". .": "document.pdf",
		"facture\u202efdp.exe": "facturefdp.exe", "a\u2028b.pdf": "ab.pdf", "été 👩‍⚖️.pdf": "été 👩‍⚖️.pdf", strings.Repeat("é", 500) + ".pdf": strings.Repeat("é", 116) + ".pdf",
	} {
		d = h.ask(t, http.MethodPut, d.URL+"/documents/1/content", bytes.NewReader(append(towntest.Sample(t, sample), strings.Repeat("\n", d.Version)...)),
			"If-Match", "*", "Content-Type", "application/pdf", "Content-Disposition", `attachment; filename="`+sent+`"`).is(200).dossier()
		if got := d.Documents[0].Name; got != want {
			t.Errorf("%q is kept as %q", sent, got)
		}
	}
}

// TestEveryWordOfValidationIsFrench goes through what the validation may say.
func TestEveryWordOfValidationIsFrench(t *testing.T) {
	t.Parallel()
	const unsaid = "Cette valeur n’est pas acceptée."
	for english, want := range map[string]string{
		validation.MsgUnexpectedProperty: "n’est pas prévue", validation.MsgExpectedRFC3339DateTime: "2026-05-15T09", validation.MsgExpectedRFC3339Date: "comme 2026-05-15.",
		validation.MsgExpectedRFC4122UUID: "UUID", validation.MsgExpectedRFC3986URI: "URI", validation.MsgExpectedRFC5322Email: "électronique",
		validation.MsgExpectedBoolean: "true", validation.MsgExpectedNumber: "nombre", validation.MsgExpectedInteger: "entier", validation.MsgExpectedString: "texte",
		validation.MsgExpectedBase64String: "base64", validation.MsgExpectedArray: "liste", validation.MsgExpectedObject: "objet", validation.MsgExpectedArrayItemsUnique: "qu’une fois",
		`expected value to be one of "a, b"`: "a, b", "expected number >= 1": "de 1.", "expected number <= 9": "de 9.", "expected length >= 1": "de 1.", "expected length <= 9": "de 9.",
		"expected string to match pattern ^P$": "^P$.", "expected array length >= 1": "de 1.", "expected array length <= 9": "de 9.",
		"expected required property title to be present": "nécessaire : title.", "unknown content type: text/plain": "format",
		"invalid date/time for format 2006-01-02T15:04:05.999999999Z07:00": "2026-05-15T09", "invalid boolean": "true", "invalid integer": "entier", "invalid float": "nombre",
	} {
		got := french(english)
		if got == unsaid || !strings.Contains(got, want) || strings.Contains(got, "expected") || strings.Contains(got, "present") {
			t.Errorf("%s: %q, want %q in it", english, got, want)
		}
	}
}

// FuzzDecodeJSON wants that what is taken is one text, read as it was written.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\ud83d\udc69",null]}`, `{"a":1,"a":2}`, `"\ud800"`, "\xef\xbb\xbf[]", `{"a":"\\ud800"}`, "[[[[", `"\u00`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v any
		if err := decodeJSON(raw, &v); err != nil {
			if fault, ok := jsonFaultOf(err.Error()); ok && fault.why == "" {
				t.Error("refused without a word")
			}
			return
		}
		var clean func(any)
		clean = func(v any) {
			switch v := v.(type) {
			case string:
				if strings.ContainsRune(v, 0) || strings.Contains(v, "\ufffd") && !bytes.Contains(raw, []byte("\ufffd")) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
					t.Errorf("%q became %q", raw, v)
				}
			case []any:
				for _, x := range v {
					clean(x)
				}
			case map[string]any:
				for k, x := range v {
					clean(k)
					clean(x)
				}
			}
		}
		clean(v)
	})
}
