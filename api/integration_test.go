package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

// generated compares a page of docs/integration with what the program says, or
// writes it again.
func generated(t *testing.T, name, want string) {
	t.Helper()
	path := "../docs/integration/" + name
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s is not what the interface does: run go test ./api -update, and read the difference", path)
	}
}

// TestAccessMatrix asks for every operation with no key, with a key of no
// right, with each single scope, with every scope, and from another town, and
// holds the page to what came. What is told is what admission answers: 401,
// 403, 404, or "oui" when the operation itself was reached.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.putBoth(t, "cle-0001", nil)
	abroad := "Bearer " + h.otherTown(t)
	keys := map[string]string{}
	for _, scope := range dossiers.Scopes() {
		keys[scope] = "Bearer " + h.newKey(t, "Seulement "+scope, scope)
	}
	keys[dossiers.ScopeSandbox] = "Bearer " + h.forcedKey(t, dossiers.ScopeSandbox)
	o := newServer(Options{Office: h.Office, Log: nil}).spec.openapi
	var b strings.Builder
	b.WriteString("# Qui peut quoi\n\nÉcrit par un test qui demande chaque opération à une collectivité réelle (`go test ./api -update`) : sans clé, avec chaque droit seul,\navec la clé d’une autre collectivité, et un dossier à la collectivité voisine. « oui » : l’opération a été atteinte.\n\n")
	b.WriteString("| opération | demande | droit | sans clé | autres droits | ce droit | clé d’ailleurs | dossier d’ailleurs |\n|---|---|---|---|---|---|---|---|\n")
	for _, path := range sortedKeys(o.Paths) {
		for _, op := range operations(o.Paths[path]) {
			target := base + strings.NewReplacer("{id}", d.ID, "{n}", "2", "{message}", "msg_1").Replace(path)
			ask := func(headers ...string) string {
				a := h.ask(t, op.Method, target, bodyOf(op.OperationID), append([]string{"If-Match", "*", "Content-Type", "application/json", "Idempotency-Key", "matrice-01"}, headers...)...)
				var p Problem
				if a.status >= 400 && op.Method != http.MethodHead {
					a.into(&p)
				}
				refusedAtTheDoor := a.status == 401 || a.status == 403 && p.Type == problems+"insufficient-scope"
				if p.Type == problems+"not-a-sandbox" {
					return "403 (bac à sable seulement)"
				}
				if refusedAtTheDoor || a.status == 404 {
					return fmt.Sprint(a.status)
				}
				return "oui"
			}
			own, needed, others := "toute clé", "oui", "oui"
			if scopes := op.Security[1][oauth]; len(scopes) > 0 {
				own = "`" + scopes[0] + "`"
				others = "403"
				for _, scope := range dossiers.Scopes() {
					if scope != scopes[0] && ask("Authorization", keys[scope]) != "403" {
						others = "**" + scope + "**"
					}
				}
				if needed = ask("Authorization", keys[scopes[0]]); needed == "404" {
					needed = "404 (pas le sien)"
				}
			}
			elsewhere := "–"
			if strings.Contains(path, "{id}") {
				elsewhere = ask("Authorization", abroad, "Host", "ailleurs.exemple")
				if elsewhere != "404" && op.Tags[0] != tagSandbox { // refused before anything is looked for
					t.Errorf("%s answers %s about what another town has", op.OperationID, elsewhere)
				}
			}
			fmt.Fprintf(&b, "| `%s` | `%s %s` | %s | %s | %s | %s | %s | %s |\n", op.OperationID, op.Method, path, own,
				ask("Authorization", ""), others, needed, ask("Authorization", abroad), elsewhere)
		}
	}
	if strings.Contains(b.String(), "**") {
		t.Errorf("a scope opens what another names: %s", b.String())
	}
	generated(t, "access-matrix.md", b.String())
}

// bodyOf is a body that the operation accepts, so that what is looked for is
// what refuses.
func bodyOf(operation string) io.Reader {
	bodies := map[string]string{
		"fileDossier": `{"metadata":{}}`, "supersedeDossier": `{"by":"019b0000-0000-7000-8000-000000000000"}`, "recycleDossier": `{}`,
		"playSandboxDecision": `{"person":"dgs","decision":"visa"}`, "setSandboxClock": `{"advance":"P1D"}`,
		"describeDossier": `{}`, "withdrawDossier": `{}`, "addComment": `{"text":"x"}`, "addDispatch": `{"channel":"courrier","status":"sent"}`,
		"addPanel": `{}`, "orderAnnexes": `{"annexes":[]}`, "forecastDossier": `{"type":"courrier-simple"}`, "changeWebhook": `{}`, "replayWebhook": `{"after":0}`,
		"changeAbsence": absenceBody, "changeDelegation": delegationBody, "changeImpediment": impedimentBody, "recordRecusal": `{"person":"x@y.fr","motive":"x"}`,
	}
	if body, ok := bodies[operation]; ok {
		return strings.NewReader(body)
	}
	return nil
}

const (
	absenceBody    = `{"person":"x@y.fr","from":"2026-07-13","to":"2026-07-24"}`
	impedimentBody = `{"person":"x@y.fr","declared_by":"x@y.fr","motive":"x","from":"2026-07-13"}`
	delegationBody = `{"number":"2026-041","basis":"L2122-19","signed":"2026-03-28","from":"2026-04-01",
		"delegator":{"person":"x@y.fr","quality":"Maire"},"delegate":{"person":"x@y.fr","quality":"DGS"}}`
)

// TestErrorPage lists every problem.
func TestErrorPage(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Les erreurs\n\nToutes suivent la RFC 9457 (`application/problem+json`) : `type` est stable et mène à son explication, `detail` dit quoi faire, `errors`\nnomme les champs, `trace_id` se cite à l’administrateur. Ce qui a été envoyé n’est jamais répété. Écrit par `go test ./api -update`.\n\n| type | statut | titre | que faire |\n|---|---|---|---|\n")
	all := problem.All()
	slices.SortStableFunc(all, func(a, b problem.Problem) int { return strings.Compare(a.Type, b.Type) })
	for _, p := range all {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", p.Type, p.Status, p.Title, p.Detail)
	}
	generated(t, "erreurs.md", b.String())
}

// TestEventPage lists every kind of event; one without words fails.
func TestEventPage(t *testing.T) {
	t.Parallel()
	words := eventWords()
	var b strings.Builder
	b.WriteString("# Les évènements\n\nLes mêmes par `GET /api/v1/events` et par les notifications, dans l’ordre du journal de la collectivité. D’autres peuvent s’ajouter :\nignorez ceux que vous ne connaissez pas. Écrit par `go test ./api -update`.\n\n| type | ce qui s’est passé |\n|---|---|\n")
	for _, kind := range append(dossiers.EventKinds(), dossiers.KindTest) {
		if words[kind] == "" {
			t.Errorf("no words for the event %s", kind)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, words[kind])
	}
	b.WriteString("\n## Le message d’une notification\n\n```json\n{\"type\":\"dossier.completed\",\"timestamp\":\"2026-03-02T09:00:00.123456Z\",\n \"data\":{\"seq\":4413,\"dossier\":\"0198c0de-…\",\"number\":12,\"external_reference\":\"GEC-2026-00123\",\"state\":\"completed\",\"version\":1,\n         \"revision\":9,\"url\":\"https://parapheur.mairie.fr/api/v1/dossiers/0198c0de-…\"}}\n```\n\n`state`, `version` et `revision` sont ceux du dossier quand le message a été écrit : il a pu changer depuis. En-têtes : `webhook-id` (le même à\nchaque essai : gardez-le pour reconnaître une répétition), `webhook-timestamp` (refusez au-delà de cinq minutes), `webhook-signature`\n(`v1,` et HMAC-SHA256 de `id.timestamp.corps` ; deux signatures pendant un renouvellement).\n")
	generated(t, "evenements.md", b.String())
}

func eventWords() map[string]string {
	return map[string]string{
		"dossier.deposited": "La lettre est déposée", "dossier.started": "Elle entre dans son circuit", "dossier.step_decided": "Quelqu’un a décidé à une étape : visa, signature, avis…",
		"dossier.refused": "La lettre est refusée et revient à son rédacteur", "dossier.timestamp_awaited": "Une signature décidée attend son horodatage",
		"dossier.sealing_awaited": "Une signature décidée attend ce qui lui manque (certificat, horodatage, révocation)", "dossier.signed": "La signature est apposée sur le PDF",
		"dossier.decision_undone": "Une décision est reprise par son auteur", "dossier.withdrawn": "La lettre est retirée de son circuit", "dossier.corrected": "Une version corrigée remplace la lettre",
		"dossier.completed": "Le circuit est terminé : la lettre peut être récupérée", "dossier.step_opened": "Une étape s’ouvre : quelqu’un doit agir", "dossier.step_skipped": "Une étape est sans objet",
		"dossier.step_blocked": "Personne ne peut agir à une étape", "dossier.turn_refused": "Un des bureaux d’une étape à plusieurs refuse ; les autres peuvent suffire",
		"dossier.step_bypassed": "Un administrateur fait passer une étape bloquée, avec son motif", "dossier.read": "Une personne a lu la lettre", "dossier.opinion_asked": "Un avis est demandé",
		"dossier.opinion_given": "Un avis est donné", "dossier.opinion_expired": "Un avis n’est pas venu à temps", "dossier.transferred": "Une étape est passée à quelqu’un d’autre",
		"dossier.redirected": "Une étape est réorientée", "dossier.recused": "Quelqu’un se déporte", "dossier.superseded": "Un autre dossier remplace celui-ci", "dossier.recycled": "La lettre repart dans un circuit",
		"dossier.circuit_ended": "Un circuit se termine et en annonce un autre", "dossier.chained": "Le circuit suivant commence", "dossier.migrated": "Le dossier passe à une autre version de son circuit",
		"dossier.reminded": "Un rappel est envoyé", "dossier.escalated": "Une étape en retard passe à quelqu’un d’autre", "dossier.overdue": "L’échéance est passée", "dossier.renewed": "La preuve de la signature est renouvelée",
		"dossier.archived": "Le dossier est archivé", "dossier.annexes_changed": "Les annexes changent : ajoutée, remplacée, retirée ou dans un autre ordre", dossiers.KindAmended: "L’objet, le destinataire ou le mot change", dossiers.KindNoted: "Une remarque est ajoutée",
		dossiers.KindDispatched: "Un envoi est inscrit", dossiers.KindTest: "Essai d’une notification : dans aucun journal",
	}
}
