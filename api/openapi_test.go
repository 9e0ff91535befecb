package api

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"parapheur/dossiers"
	"parapheur/internal/tooltest"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml again")

// described returns the document and the handler that serves it.
func described(t *testing.T) (*huma.OpenAPI, http.Handler) {
	t.Helper()
	s := newServer(Options{Office: &dossiers.Office{}, Log: slog.New(slog.DiscardHandler)})
	return s.spec.openapi, s.handler
}

func TestOpenAPIFileIsCurrent(t *testing.T) {
	t.Parallel()
	_, h := described(t)
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.yaml", nil))
	const golden = "../docs/openapi.yaml"
	if *update {
		if err := os.WriteFile(golden, res.Body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(res.Body.Bytes(), want) {
		t.Error("docs/openapi.yaml is not what the interface says of itself: run go test ./api -update, and read the difference")
	}
}

func TestEveryOperationIsExplained(t *testing.T) {
	t.Parallel()
	o, _ := described(t)
	for path, item := range o.Paths {
		for _, op := range operations(item) {
			if op.Summary == "" || op.Description == "" || op.OperationID == "" {
				t.Errorf("%s is not explained", path)
			}
			if len(op.Security) != 2 || op.Security[0][scheme] == nil || op.Security[1][oauth] == nil {
				t.Errorf("%s is open to anyone", path)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s: parameter %s is not explained", path, p.Name)
				}
			}
		}
		if item.Head != nil || item.Options != nil || item.Trace != nil {
			t.Errorf("%s has a method that describe does not read", path)
		}
	}
}

// TestNoOperationDecides holds the interface to its first rule: the document
// names no such operation and no such scope, and the package never reaches
// for the office's gestures.
//
// The operations under /sandbox/ are the one exception: they play test persons,
// whose passkeys are in software and sealed under the SIRET of their sandbox.
// They ask Options.Sandbox, which a real town has not, and never the office:
// TestSandboxRefusedInARealTown. Their scope opens nothing else, and only they
// have it.
func TestNoOperationDecides(t *testing.T) {
	t.Parallel()
	decides := regexp.MustCompile(`(?i)sign(?:$|[^e])|approv|visa|refus|reject|decid|decision|gesture|passkey|undo|seal`)
	o, _ := described(t)
	for path, item := range o.Paths {
		for _, op := range operations(item) {
			sandbox := strings.HasPrefix(path, "/sandbox/")
			if !sandbox && (decides.MatchString(path) || decides.MatchString(op.OperationID)) {
				t.Errorf("%s %s looks like a decision", op.Method, path)
			}
			for _, needs := range op.Security {
				for _, scope := range needs[oauth] {
					if sandbox != (scope == dossiers.ScopeSandbox) || !sandbox && !slices.Contains(dossiers.Scopes(), scope) {
						t.Errorf("%s: unknown scope %s", path, scope)
					}
				}
			}
		}
	}
	for _, scope := range dossiers.Scopes() {
		if decides.MatchString(scope) {
			t.Errorf("scope %s looks like a decision", scope)
		}
	}
	asked := officeMethods(t)
	// Hold and Examine verify a file that is sent: they read no dossier and
	// write nothing. What sets the town up enrols no passkey and names no
	// administrator: see TestProgramsMakeNoAdministrator.
	// Once, LogCall, Token and RevokeToken are about requests; those about
	// webhooks, notes and dispatches touch no circuit.
	// Circuits, Trial and RehearseNamed read and try circuits with letters that
	// do not exist; WrittenCircuit, WriteCircuit and PublishCircuit set the town
	// up: a circuit decides nothing, people at its desks do. The annexes change
	// under the rules of a correction: what was decided lapses.
	// SetupOf, Arms, SetArms, RemoveArms, AmendIf, MergeSetup, PlanAbsence, SetDepositRules, the drafts, versions and
	// cases of circuits set the town up too; KeepDocument, Kept, Arrete and
	// ImpedimentProof keep and give back the PDF of an arrêté. Recuse keeps
	// somebody from deciding, and lets nobody decide who could not. OwnKeys,
	// RenewKey and DropKey are the application's own credentials, never with more
	// rights than it has. Blocks, SearchJournal and ExportJournal read; LocationOf and Today
	// are the calendar.
	want := []string{
		"AddAnnex", "AddDispatch", "AddNote", "AddWebhook", "Admit", "AmendIf", "ApplySetup", "Arms", "Arrete", "Blocks", "ChangeWebhook", "CircuitVersion", "Circuits", "Content",
		"CorrectAs", "Deliveries", "Depart", "Deposit", "DepositRules", "DeskNames", "Dispatches", "DropCase", "DropDraft", "DropKey", "Events", "Evidence", "Examine",
		"ExportJournal", "Forecast", "Hold", "ImpedimentProof", "KeepDocument", "KeepNamedCase", "Kept", "LocationOf", "LogCall", "MergeSetup", "NewCircuit", "Notes",
		"Notices", "Once", "OnceSealed", "OpenDraft", "OrderAnnexes", "Organisation", "OwnKeys", "PanelToken", "PlanAbsence", "PlanSetup", "ProvisionDesk", "ProvisionPerson",
		"PublishCircuit", "Receive", "RecusalsOf", "Recuse", "Redeliver", "Redescribe", "RehearseNamed", "RemoveAnnex", "RemoveArms", "RemoveWebhook", "RenewKey", "ReplaceAnnex",
		"ReplayWebhook", "RetireCircuit", "RevokeToken", "RotateWebhook", "Search", "SearchJournal", "SetArms", "SetDepositRules", "SetMetadata", "SetupOf", "Slip", "Supersede", "Tenant",
		"TestWebhook", "Today", "Token", "Trial", "Types", "View", "Webhook", "Webhooks", "WishedCircuit", "Withdraw", "WriteCircuit", "WrittenCircuit",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("the interface asks the office for %q, want %q: state why here", asked, want)
	}
}

// officeMethods lists what the package calls on the office.
func officeMethods(t *testing.T) (names []string) {
	t.Helper()
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0) //nolint:staticcheck // the files of one folder
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkgs {
		for file, f := range p.Files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := call.X.(*ast.SelectorExpr); ok && x.Sel.Name == "Office" && !slices.Contains(names, call.Sel.Name) {
					names = append(names, call.Sel.Name)
				}
				return true
			})
		}
	}
	slices.Sort(names)
	return names
}

// TestDocumentationPage checks that the page explains everything, by itself.
func TestDocumentationPage(t *testing.T) {
	t.Parallel()
	o, h := described(t)
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/api/docs", nil))
	body, _ := io.ReadAll(res.Body)
	if res.Code != http.StatusOK || !strings.Contains(res.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%d, policy %q", res.Code, res.Header().Get("Content-Security-Policy"))
	}
	for _, bad := range []string{"<script", "<style", " style=", `src="`, `href="http`, "url(", "@import", "<no value>"} {
		if bytes.Contains(body, []byte(bad)) {
			t.Errorf("the page holds %s", bad)
		}
	}
	for path, item := range o.Paths {
		for _, op := range operations(item) {
			if !bytes.Contains(body, []byte(`id="`+op.OperationID+`"`)) {
				t.Errorf("%s is not on the page", path)
			}
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllSubmatch(body, -1) {
		if !bytes.Contains(body, []byte(`id="`+string(link[1])+`"`)) {
			t.Errorf("link to #%s leads nowhere", link[1])
		}
	}
	for path, want := range map[string]int{
		"/api": 303, "/api/docs/page.css": 200, "/api/v1/openapi.json": 200,
		"/api/problems/document-encrypted": 303, "/api/problems/unheard-of": 404,
	} {
		res := httptest.NewRecorder()
		h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, path, nil))
		if res.Code != want {
			t.Errorf("%s: got %d, want %d", path, res.Code, want)
		}
	}
}

// TestDocumentationShowsRequests holds the requests that the page shows to the
// examples that are sent to a real town, and to what a shell reads.
func TestDocumentationShowsRequests(t *testing.T) {
	t.Parallel()
	o, h := described(t)
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/api/docs", nil))
	page := html.UnescapeString(res.Body.String())
	var script strings.Builder
	for _, path := range sortedKeys(o.Paths) {
		for _, op := range operations(o.Paths[path]) {
			request := typed(op)
			if !strings.Contains(page, "<code>"+request+"</code>") || strings.Contains(request, "/{") {
				t.Errorf("%s: %s", op.OperationID, request)
			}
			script.WriteString(request + "\n")
		}
	}
	for id, want := range map[string]string{
		"depositDossier": `curl -H "Authorization: Bearer $CLE" \
  -H 'Idempotency-Key: 9f1c0a52-envoi-123' \
  -F 'dossier={"external_reference":"GEC-2026-0042","recipient":"M. Paul Lefèvre","title":"Réfection du trottoir, rue des Mariniers","type":"courrier-simple"};type=application/json' \
  -F 'document=@document.pdf;type=application/pdf' \
  "$URL/api/v1/dossiers"`,
		"describeDossier": `curl -X PATCH -H "Authorization: Bearer $CLE" \
  -H 'Idempotency-Key: 9f1c0a52-envoi-123' \
  -H 'If-Match: "7"' \
  -H 'Content-Type: application/json' \
  -d '{"note":"Urgent : le chantier commence lundi.","title":"Réfection du trottoir, rue des Mariniers (suite)"}' \
  "$URL/api/v1/dossiers/$ID"`,
		"removeAnnex": `curl -X DELETE -H "Authorization: Bearer $CLE" \
  -H 'Idempotency-Key: 9f1c0a52-envoi-123' \
  -H 'If-Match: "7"' \
  "$URL/api/v1/dossiers/$ID/documents/$N"`,
		"getDossier": `curl -H "Authorization: Bearer $CLE" \
  "$URL/api/v1/dossiers/$ID"`,
	} {
		if !strings.Contains(page, `<article id="`+id+`"`) || !strings.Contains(page, want) {
			t.Errorf("%s is not shown as %s", id, want)
		}
	}
	for _, name := range []string{"dossier.title", "dossier.signature_places", "dossier.only_if_ready"} {
		if !strings.Contains(page, "<code>"+name+"</code>") {
			t.Errorf("what a deposit takes is not on the page: %s", name)
		}
	}
	tooltest.Need(t, "bash")
	cmd := exec.CommandContext(t.Context(), "bash", "-n")
	cmd.Stdin = strings.NewReader(script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a shell does not read the requests: %v: %s", err, out)
	}
}
