package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

// TestEventPageInEnglish lists every kind of event for those who do not read
// French; one without words fails.
func TestEventPageInEnglish(t *testing.T) {
	t.Parallel()
	words := englishEvents()
	var b strings.Builder
	b.WriteString("# Events\n\n[Version française](evenements.md), with the shape of a message. The same by `GET /api/v1/events` and by webhooks, in the order of the town's\njournal. Others may come: ignore those you do not know. Written by `go test ./api -update`.\n\n| type | what happened |\n|---|---|\n")
	for _, kind := range append(dossiers.EventKinds(), dossiers.KindTest) {
		if words[kind] == "" {
			t.Errorf("no English words for the event %s", kind)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, words[kind])
	}
	generated(t, "events.en.md", b.String())
}

// TestErrorPageInEnglish lists the problems that programs meet. A new type is
// put there or among those of people only.
func TestErrorPageInEnglish(t *testing.T) {
	t.Parallel()
	words, people := englishErrors(), ofPeople()
	var b strings.Builder
	b.WriteString("# Errors\n\n[Version française](erreurs.md), with every type. All follow RFC 9457 (`application/problem+json`): `type` is stable and leads to its\nexplanation, `detail` says in French what to do, for the people who will read it, `errors` names the fields, `trace_id` is to be quoted to the\nadministrator. What was sent is never repeated. Below are the types that a program meets. Written by `go test ./api -update`.\n\n| type | status | what to do |\n|---|---|---|\n")
	all := problem.All()
	slices.SortStableFunc(all, func(a, b problem.Problem) int { return strings.Compare(a.Type, b.Type) })
	for _, p := range all {
		switch text, told := words[p.Type]; {
		case told:
			fmt.Fprintf(&b, "| `%s` | %d | %s |\n", p.Type, p.Status, text)
		case !slices.ContainsFunc(people, func(prefix string) bool { return strings.HasPrefix(p.Type, prefix) }):
			t.Errorf("%s is neither said in English nor only met by people", p.Type)
		}
	}
	generated(t, "errors.en.md", b.String())
}

// ofPeople begin the types that only somebody at a page meets: gestures,
// passkeys, decisions, sign-in.
func ofPeople() []string {
	return []string{
		"account-", "acted-since", "already-decided", "author-only", "batch-refused", "certificate-revoked", "document-changed", "gesture-", "invitation-", "key-activation",
		"last-passkey", "mail-not-sent", "mandate-missing", "must-read", "no-power", "no-recipient", "no-refusal", "no-return", "no-signing-key", "not-longer", "not-your-desk", "oneself",
		"opinion-awaited", "panel-expired", "passkey-", "preview-unavailable", "reason-needed", "recused", "sign-in-needed", "sign-on-", "statement-refused",
		"step-closed", "stronger-key", "unread", "wrong-decision", "awaiting-timestamp", "document-unreadable",
	}
}

func englishErrors() map[string]string {
	return map[string]string{
		"active-content": "The town refuses what this PDF contains (a program, a launch…): `errors` says what. Deposit it without.", "address-refused": "The application is held to addresses, and this is none of them.",
		"already-recorded": "It was recorded before: nothing to do.", "already-signed": "A signature was decided: the letter and its annexes do not change any more.",
		"bad-request": "The request is malformed: JSON, multipart, a header or the cursor.", "circuit-not-ready": "Findings keep this circuit from being published: `errors` lists them.",
		"circuit-unsound": "The circuit of this type is incomplete: tell the administrator.", "client-refused": "OAuth 2: the client is not who it says.",
		"clock-back": "The clock of a sandbox only goes forward.", "not-a-sandbox": "Only a sandbox has this: the town is a real one.",
		"condition-unknown": "A condition of the circuit could not be evaluated: tell the administrator.", "conflict": "Somebody acted meanwhile: read again, then decide.",
		"correction-refused": "The circuit does not allow this correction: leave out `nature` or `from`.", "desk-choice": "The circuit lets choose a desk: name it in `chosen`.",
		"document-annex-not-joinable": "This annex cannot be merged: keep it apart.", "document-archive-format-lost": "The letter would stop being PDF/A: deposit without stamp and merge.",
		"document-damaged": "The PDF is damaged: export it again.", "document-dynamic-form": "An XFA form: print it to PDF.", "document-encrypted": "The PDF has a password: deposit it without.",
		"document-not-pdf": "The file is no PDF, whatever its name says.", "document-signature-would-break": "The PDF is signed: no stamp, no merge.", "document-signed-and-locked": "Its signatures allow no other: it may be an annex, not the letter.",
		"document-too-complex": "The PDF is too complex to be checked: print it to PDF.", "document-too-large": "Above the limit of one document.", "document-too-many-pages": "Too many pages.",
		"document-truncated": "The file is incomplete: send it again.", "drafter-only": "Only who deposited may do this.", "forbidden": "Known, yet not yours to do.",
		"stamp-not-placed":       "A page could not be drawn to find room for the stamp: deposit again in a moment, or without stamp.",
		"idempotency-key-reused": "The key served another request: take a new one.", "insufficient-scope": "The key lacks the scope that `WWW-Authenticate` names.",
		"internal": "Ours: quote `trace_id`; the same request may be sent again.", "invalid-input": "`errors` names each field and says why.", "key-needed": "No key, or one that opens nothing.",
		"metadata-missing": "The step needs metadata that are not filled.", "method-not-allowed": "See `Allow`.", "misconfigured": "Tell the operator.", "not-acceptable": "See the media types of the operation.",
		"no-draft":  "The circuit has no draft any more: it was published or dropped meanwhile. Read the circuit, and open a new draft if need be.",
		"not-found": "Nothing here that you may see.", "precondition-required": "Send `If-Match` with the `ETag` that you read, or `*`.", "reference-used": "`external_reference` is taken: `Location` is the dossier that has it.",
		"request-in-flight": "The same request is under way: wait `Retry-After`.", "request-too-large": "The body is above the limit.", "same-document": "The same bytes, or the same order: nothing to change.",
		"range-not-satisfiable": "The file ends before: `Content-Range` says its length. If it changed since the first byte, begin again.",
		"scope-refused":         "OAuth 2: a scope that the key does not have.", "signature-not-ready": "With `only_if_ready`: a signature could not be completed today; `errors` says whose.", "signatures-closed": "The PDF can take no signature any more.",
		"stale-version": "It changed since you read it: read again.", "state-conflict": "The dossier is not at a point where this can be done.", "too-many-requests": "Wait `Retry-After`.",
		"town-suspended": "The host suspended this town.", "unavailable": "Wait `Retry-After`, then send the same request again.", "unsignable": "The structure of the PDF cannot be signed: print it to PDF.",
		"unsupported-media-type": "See the media types of the operation.",
	}
}

func englishEvents() map[string]string {
	return map[string]string{
		"dossier.deposited": "The letter is deposited", "dossier.started": "It enters its circuit", "dossier.step_decided": "Somebody decided at a step: visa, signature, opinion…",
		"dossier.refused": "It is refused and returns to its drafter", "dossier.timestamp_awaited": "A decided signature waits for its time-stamp", "dossier.sealing_awaited": "A decided signature waits for what it lacks (certificate, time-stamp, revocation)",
		"dossier.signed": "The signature is on the PDF", "dossier.decision_undone": "A decision is taken back by its author", "dossier.withdrawn": "The letter is withdrawn from its circuit",
		"dossier.corrected": "A corrected version replaces the letter", "dossier.completed": "The circuit is over: fetch the letter", "dossier.step_opened": "A step opens: somebody must act", "dossier.step_skipped": "A step does not apply",
		"dossier.step_blocked": "Nobody can act at a step", "dossier.turn_refused": "One desk of a step of several refuses; the others may suffice", "dossier.step_bypassed": "An administrator lets the letter pass a blocked step, with a reason",
		"dossier.read": "Somebody read the letter", "dossier.opinion_asked": "An opinion is asked for", "dossier.opinion_given": "An opinion is given", "dossier.opinion_expired": "An opinion did not come in time",
		"dossier.transferred": "A step goes to somebody else", "dossier.redirected": "A step is redirected", "dossier.recused": "Somebody declares a conflict of interest", "dossier.superseded": "Another dossier replaces this one",
		"dossier.recycled": "The letter leaves again along a circuit", "dossier.circuit_ended": "A circuit ends and announces another", "dossier.chained": "The next circuit begins", "dossier.migrated": "The dossier passes to another version of its circuit",
		"dossier.reminded": "A reminder is sent", "dossier.escalated": "A late step goes to somebody else", "dossier.overdue": "The deadline has passed", "dossier.renewed": "The proof of the signature is renewed", "dossier.archived": "The dossier is archived",
		"dossier.annexes_changed": "The annexes change: added, replaced, removed or reordered", dossiers.KindAmended: "Title, recipient or note changes", dossiers.KindNoted: "A remark is added",
		dossiers.KindDispatched: "A dispatch is recorded", dossiers.KindTest: "A webhook is tried: in no journal",
	}
}
