package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"parapheur/internal/demo"
)

func (h *hall) replace(t *testing.T, path string, body any, headers ...string) answer {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return h.ask(t, http.MethodPut, base+path, bytes.NewReader(raw), append(headers, "Content-Type", "application/json")...)
}

// A program draws a circuit, is told what is wrong with it, tries it and
// publishes it; who read an older draft overwrites nothing.
func TestACircuitByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.Person(t, demo.DGS)
	var g SetupTown
	h.ask(t, http.MethodGet, base+"/organisation", nil).is(200).into(&g)
	dgs, mayor := g.Desks[slices.IndexFunc(g.Desks, func(d SetupDesk) bool { return d.Name == demo.DeskDGS })].Code, g.Desks[slices.IndexFunc(g.Desks, func(d SetupDesk) bool { return d.Name == demo.DeskMayor })].Code
	step := func(id, kind, desk, when string) map[string]any {
		return map[string]any{"id": id, "kind": kind, "desk": desk, "title": id, "when": when}
	}
	steps := []any{step("avis", "avis", dgs, "annexes > 0"), step("visa", "visa", dgs, ""), step("signature", "signature", mayor, "")}
	definition := map[string]any{"definition": map[string]any{"name": "Par programme", "steps": steps}}
	const path = "/organisation/circuits/par-programme"
	h.replace(t, path+"/draft", definition, "If-Match", "*").is(200)
	var read CircuitDefinition
	h.ask(t, http.MethodGet, base+path, nil).is(200).into(&read)
	if read.Edition == "" || len(read.Definition["steps"].([]any)) != 3 {
		t.Fatalf("%+v", read)
	}
	h.replace(t, path+"/draft", definition, "If-Match", `"0000"`).is(412, "stale-version")
	h.replace(t, path+"/draft", definition).is(428, "precondition-required")
	h.replace(t, path+"/draft", map[string]any{"definition": map[string]any{"name": "Par programme", "stepz": steps}}, "If-Match", "*").is(422, "invalid-input")
	h.replace(t, path+"/draft", map[string]any{"definition": map[string]any{"name": "X", "steps": []any{step("a", "visa", "rien", "")}}}, "If-Match", "*").is(422, "invalid-input")

	var found Findings
	h.ask(t, http.MethodGet, base+"/circuits/par-programme/findings", nil).is(200).into(&found)
	if found.Ready || !slices.ContainsFunc(found.Data, func(f Finding) bool {
		return f.Gravity == "bloquant" && f.Code == "no_passkey" && f.Step == "signature"
	}) {
		t.Errorf("the mayor has no passkey: %+v", found)
	}
	h.tell(t, path+"/publication", map[string]any{}, "If-Match", `"`+read.Edition+`"`).is(409, "circuit-not-ready")
	h.Person(t, demo.Mayor)

	var p TrialPath
	h.tell(t, "/circuits/par-programme/rehearsals", map[string]any{"metadata": map[string]any{"annexes": "0"}, "drafter": demo.Drafter, "on": "2026-05-04"}).is(200).into(&p)
	if !p.Complete || p.Steps[0].Outcome != "skipped" || p.Steps[1].Outcome != "taken" || !slices.Equal(p.Steps[1].Who, []string{"Philippe Rousseau"}) || p.Ends == nil {
		t.Errorf("%+v", p)
	}
	h.tell(t, "/circuits/par-programme/rehearsals", map[string]any{"metadata": map[string]any{"inconnu": "0"}}).is(422, "invalid-input")

	h.tell(t, path+"/publication", map[string]any{"types": []string{"courrier-simple"}}, "If-Match", `"`+read.Edition+`"`).is(200)
	var all TownCircuits
	h.ask(t, http.MethodGet, base+"/organisation/circuits", nil).is(200).into(&all)
	k := slices.IndexFunc(all.Data, func(c TownCircuit) bool { return c.Code == "par-programme" })
	if k < 0 || all.Data[k].InForce != 1 || all.Data[k].Draft || !slices.Equal(all.Data[k].Types, []string{"Courrier simple"}) {
		t.Errorf("%+v", all)
	}
}
