package api

import (
	"slices"
	"strings"
	"testing"

	"parapheur/internal/demo"
)

// A program duplicates a circuit, keeps cases with it, compares it with the
// one in force, and takes versions out of use; who read an older draft throws
// nothing away.
func TestDraftsByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.Person(t, demo.DGS)
	h.Person(t, demo.Mayor)
	const all = "/organisation/circuits"
	h.tell(t, all, object{"name": "Copie", "from": "rien"}).is(404, "not-found")
	h.tell(t, all, object{"name": ""}).is(422, "invalid-input")
	body := object{"name": "Courrier de l’état civil", "from": "courrier-simple"}
	a := h.tell(t, all, body, "Idempotency-Key", "circuit-0001").is(201)
	var made CircuitDefinition
	a.into(&made)
	const path = all + "/courrier-de-l-etat-civil"
	if a.header.Get("Location") != base+path || made.Edition == "" || len(made.Definition["steps"].([]any)) != 2 {
		t.Errorf("%+v, %v", made, a.header)
	}
	if h.tell(t, all, body, "Idempotency-Key", "circuit-0001").is(201).header.Get("Idempotency-Replayed") != "true" {
		t.Error("begun twice")
	}

	// Cases.
	var kept KeptCase
	h.replace(t, path+"/cases/simple", object{"metadata": object{"annexes": "0"}, "drafter": demo.Drafter}).is(200).into(&kept)
	if !kept.Holds || len(kept.Expect) != 2 || kept.Drafter != demo.Drafter {
		t.Errorf("%+v", kept)
	}
	h.replace(t, path+"/cases/simple", object{"metadata": object{"inconnu": "0"}}).is(422, "invalid-input")
	h.replace(t, path+"/cases/simple", object{"drafter": "inconnue@x.fr"}).is(422, "invalid-input")
	h.replace(t, all+"/rien/cases/simple", object{}).is(404, "not-found")

	// The draft changes: the case fails, and keeps it from being published.
	steps := made.Definition["steps"].([]any)
	steps[0].(map[string]any)["when"] = "annexes > 0"
	h.replace(t, path+"/draft", object{"definition": made.Definition}, "If-Match", a.header.Get("ETag")).is(200)
	var cases KeptCases
	h.get(t, path+"/cases").is(200).into(&cases)
	if cases.Holds || len(cases.Data) != 1 || cases.Data[0].Holds || len(cases.Data[0].Steps) != 1 {
		t.Errorf("%+v", cases)
	}
	h.tell(t, path+"/publication", object{}, "If-Match", "*").is(409, "circuit-not-ready")
	h.tell(t, path+"/publication", object{}).is(428, "precondition-required")
	h.tell(t, path+"/publication", object{}, "If-Match", a.header.Get("ETag")).is(412, "stale-version")
	h.remove(t, path+"/cases/simple").is(204)
	h.remove(t, path+"/cases/simple").is(404, "not-found")

	// The draft is thrown away by who read it.
	h.remove(t, path+"/draft").is(428, "precondition-required")
	h.remove(t, path+"/draft", "If-Match", a.header.Get("ETag")).is(412, "stale-version")
	h.remove(t, path+"/draft", "If-Match", "*").is(204)
	h.get(t, path).is(404, "not-found")
}

// The next version is begun, compared, published; the older one is retired,
// once types no longer take it.
func TestVersionsByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.Person(t, demo.DGS)
	h.Person(t, demo.Mayor)
	const path = "/organisation/circuits/courrier-simple"
	var draft CircuitDefinition
	a := h.tell(t, path+"/draft", nil).is(200)
	a.into(&draft)
	if again := h.tell(t, path+"/draft", nil).is(200); again.header.Get("ETag") != a.header.Get("ETag") {
		t.Error("a draft that is there was begun again")
	}
	draft.Definition["name"] = "Courrier ordinaire"
	steps := draft.Definition["steps"].([]any)
	steps[0].(map[string]any)["days"] = 3
	h.replace(t, path+"/draft", object{"definition": draft.Definition}, "If-Match", a.header.Get("ETag")).is(200)
	var c Comparison
	h.get(t, path+"/comparison?from=1").is(200).into(&c)
	if c.Same || !slices.Equal(c.Whole, []string{"le nom"}) || c.Steps[0].Change != "altered" || !slices.Equal(c.Steps[0].Fields, []string{"le délai"}) || c.Steps[1].Change != "same" {
		t.Errorf("%+v", c)
	}
	h.get(t, path+"/comparison?from=1&to=1").is(200).into(&c)
	if !c.Same {
		t.Errorf("%+v", c)
	}
	h.get(t, path+"/comparison?from=9&to=1").is(404, "not-found")
	h.tell(t, path+"/publication", object{}, "If-Match", "*").is(200)
	h.get(t, path+"/comparison?from=1").is(404, "no-draft") // no draft

	h.tell(t, path+"/versions/9/retirement", nil).is(404, "not-found")
	if r := h.tell(t, path+"/versions/2/retirement", nil).is(422, "invalid-input"); !strings.Contains(string(r.body), "prend encore ce circuit") {
		t.Errorf("%s", r.body)
	}
	for range 2 {
		h.tell(t, path+"/versions/1/retirement", nil).is(204)
	}
	var all TownCircuits
	h.get(t, "/organisation/circuits").is(200).into(&all)
	i := slices.IndexFunc(all.Data, func(c TownCircuit) bool { return c.Code == "courrier-simple" })
	if v := all.Data[i]; v.InForce != 2 || !v.Versions[0].Retired || v.Versions[1].Retired {
		t.Errorf("%+v", v)
	}
}
