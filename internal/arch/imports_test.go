package arch

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "parapheur/"

const (
	chi      = "github.com/go-chi/chi/v5"
	huma     = "github.com/danielgtaylor/huma/v2"
	pgx      = "github.com/jackc/pgx/v5"
	rates    = "golang.org/x/time/rate"
	uuid     = "github.com/google/uuid"
	webauthn = "github.com/go-webauthn/webauthn"
	tsp      = "github.com/digitorus/timestamp"
)

// A rule is what one package may import.
type rule struct {
	own   string // packages of this module, or * for all but api and web
	third string // prefixes of other modules
	std   string // if set, the only standard packages
	never string // standard packages that are not for it
}

// pure is what a package may use of the standard library that reads no clock
// and does no input or output by itself.
const pure = "bufio bytes cmp crypto/sha256 encoding/base64 encoding/binary encoding/hex encoding/json errors fmt io iter slices strings time unicode/utf8"

// rules is the layout. A package which is not listed fails the test: a new
// package begins by stating its place.
func rules() map[string]rule {
	const handlers = "net/http database/sql"
	return map[string]rule{
		// The core: pure decisions, pure memory.
		"circuits":          {own: "circuits/calendar", std: pure},
		"circuits/calendar": {std: pure},
		"journal":           {std: pure},
		// The law of who may act for whom.
		"circuits/delegation": {own: "circuits", std: pure},

		// Who decided, what is signed, with which keys.
		"approvals":                   {own: "approvals/proof", third: webauthn, never: handlers},
		"approvals/proof":             {third: "github.com/fxamacker/cbor/v2", never: handlers},
		"signing":                     {own: "internal/specimen signing/internal/appearance signing/internal/cms signing/internal/content signing/internal/pdf signing/internal/revisions", third: "golang.org/x/crypto", never: handlers},
		"signing/internal/content":    {own: "signing/internal/pdf", third: "golang.org/x/image", never: handlers},
		"signing/internal/appearance": {own: "signing/internal/content signing/internal/pdf", third: "golang.org/x/text", never: handlers},
		"signing/internal/cms":        {third: "golang.org/x/crypto", never: handlers},
		"signing/internal/pdf":        {never: handlers},
		"signing/internal/revisions":  {own: "signing/internal/pdf", never: handlers},
		"signing/internal/pdftest":    {},
		"signing/internal/signtest":   {third: tsp + " golang.org/x/crypto"},
		"certs":                       {own: "internal/egress internal/specimen", third: tsp + " golang.org/x/crypto software.sslmate.com/src/go-pkcs12 github.com/russellhaering/goxmldsig github.com/beevik/etree github.com/ThalesGroup/crypto11 github.com/miekg/pkcs11"},

		// The use cases.
		"dossiers": {own: "approvals approvals/proof circuits circuits/calendar circuits/delegation journal signing internal/assertion internal/conditions internal/evidence internal/facts internal/specimen internal/segments internal/slip internal/trial", third: uuid + " golang.org/x/crypto/argon2", never: handlers},

		// The surfaces.
		"api": {own: "circuits circuits/delegation dossiers internal/conditions internal/hosting internal/trial journal internal/live internal/peer internal/problem internal/rates", third: chi + " " + huma + " " + rates},
		"web": {own: "circuits circuits/calendar circuits/delegation dossiers internal/conditions internal/hosting internal/specimen internal/townfile internal/trial journal internal/live internal/peer internal/problem internal/rates", third: chi + " " + rates},

		// The parts behind the use cases.
		"internal/segments":   {},
		"internal/peer":       {never: "database/sql"},
		"internal/rates":      {third: rates, never: handlers},
		"internal/sandbox":    {own: "approvals/proof dossiers", third: "github.com/fxamacker/cbor/v2", never: handlers},
		"internal/specimen":   {std: "crypto/x509 encoding/asn1 slices strings"},
		"internal/blobs":      {own: "internal/segments", third: "github.com/minio/minio-go/v7"},
		"internal/child":      {never: handlers},
		"internal/trial":      {own: "circuits circuits/calendar circuits/delegation internal/conditions internal/facts", std: "cmp crypto/sha256 errors fmt maps reflect regexp slices strconv strings time", never: handlers},
		"internal/facts":      {own: "circuits circuits/calendar circuits/delegation", std: pure},
		"internal/townfile":   {own: "dossiers", third: "go.yaml.in/yaml/v3", never: handlers},
		"internal/conditions": {third: "cel.dev/cel-go", std: "errors fmt regexp slices strconv strings time", never: handlers},
		"internal/egress":     {never: "database/sql"},
		"internal/qtsp":       {own: "certs", never: "database/sql"},
		"internal/evidence":   {own: "approvals/proof circuits circuits/delegation internal/specimen journal signing", never: handlers},
		"internal/intake":     {own: "internal/child", third: "github.com/pdfcpu/pdfcpu golang.org/x/text", never: handlers},
		"internal/keyring":    {own: "approvals/proof certs circuits dossiers journal signing", never: "database/sql"},
		"internal/live":       {own: "dossiers", never: handlers},
		"internal/metrics":    {third: chi + " " + pgx + " github.com/prometheus/client_golang"},
		"internal/hosting":    {own: "approvals approvals/proof circuits dossiers internal/specimen journal", third: uuid, never: handlers},
		"internal/postgres":   {own: "approvals circuits circuits/calendar circuits/delegation internal/conditions internal/hosting internal/trial dossiers journal internal/keyring", third: pgx + " " + uuid, never: "net/http"},
		"internal/preview":    {own: "circuits dossiers internal/render", never: handlers},
		"internal/problem":    {own: "approvals circuits circuits/delegation dossiers internal/blobs internal/intake"},
		"internal/render":     {own: "internal/child", third: "github.com/klippa-app/go-pdfium github.com/tetratelabs/wazero", never: handlers},
		"internal/notice":     {own: "dossiers", never: handlers},
		"internal/work":       {own: "circuits dossiers internal/notice", third: pgx + " github.com/riverqueue/river", never: "net/http"},
		"internal/pgdev":      {third: pgx},
		"migrations":          {third: pgx + " github.com/pressly/goose/v3 github.com/riverqueue/river"},

		// What programs of others are told and asked.
		"internal/assertion": {third: "github.com/golang-jwt/jwt/v5", never: handlers},
		"internal/mailer":    {third: "github.com/wneessen/go-mail", never: handlers},
		"internal/oidc":      {own: "dossiers", third: "github.com/coreos/go-oidc/v3 golang.org/x/oauth2", never: "database/sql"},
		"internal/webhook":   {own: "dossiers internal/egress"},
		"examples/gec":       {},
		"api/client":         {},
		"internal/slip":      {third: "golang.org/x/image", never: handlers},
		// What other products' clients speak.
		"internal/compat":            {own: "dossiers internal/conditions internal/peer internal/problem internal/rates"},
		"internal/compat/iparapheur": {own: "circuits dossiers internal/compat"},
		"internal/compat/maarch":     {own: "circuits dossiers internal/compat", third: "golang.org/x/text"},
		"internal/compat/scim":       {own: "circuits dossiers internal/compat"},

		// Where it is put together, and what tests share.
		"internal/wiring":          {own: "*", third: pgx},
		"internal/demo":            {own: "certs circuits circuits/delegation dossiers internal/conditions internal/postgres internal/wiring", third: pgx + " " + uuid},
		"cmd/parapheur":            {own: "* api web", third: chi},
		"internal/arch":            {},
		"internal/blobs/blobstest": {own: "internal/blobs"},
		"internal/pdftest":         {},
		"internal/browsertest":     {third: "github.com/chromedp"},
		"internal/tooltest":        {},
		"internal/heaptest":        {},
		"internal/pgtest":          {own: "internal/pgdev", third: pgx},
		"internal/towntest":        {own: "approvals/proof dossiers internal/demo internal/pgdev internal/pgtest internal/tooltest internal/wiring migrations", third: pgx + " github.com/descope/virtualwebauthn"},
		"internal/measure":         {},
		"e2e":                      {},
		"docs":                     {},
	}
}

// testOnly are packages that no program may contain.
var testOnly = []string{"internal/arch", "internal/blobs/blobstest", "internal/browsertest", "internal/heaptest", "internal/pdftest", "internal/pgtest", "internal/tooltest", "internal/towntest", "signing/internal/pdftest", "signing/internal/signtest"}

type listed struct {
	ImportPath, Dir                    string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) (out []listed) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", module+"...")
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(b)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	if len(out) < 20 {
		t.Fatalf("%d packages found", len(out))
	}
	return out
}

func TestImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		seen[name] = true
		if strings.HasPrefix(name, "tools/") {
			continue // of the workshop, in no program
		}
		r, ok := rules()[name]
		if !ok {
			t.Errorf("%s has no place: add it to the table", name)
			continue
		}
		for _, imp := range p.Imports {
			if !r.allows(imp) {
				t.Errorf("%s must not import %s", name, imp)
			}
		}
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if !testMay(name, imp) {
				t.Errorf("the tests of %s must not import %s", name, imp)
			}
		}
	}
	for name := range rules() {
		if !seen[name] {
			t.Errorf("%s has a place and does not exist", name)
		}
	}
}

// allows reports whether the rule lets imp in.
func (r rule) allows(imp string) bool {
	if own, ok := strings.CutPrefix(imp, module); ok {
		listed := strings.Fields(r.own)
		if slices.Contains(listed, own) {
			return true
		}
		return slices.Contains(listed, "*") && own != "api" && own != "web" && !slices.Contains(testOnly, own)
	}
	if host, _, _ := strings.Cut(imp, "/"); strings.Contains(host, ".") {
		return r.third == "*" || slices.ContainsFunc(strings.Fields(r.third), func(m string) bool {
			return imp == m || strings.HasPrefix(imp, m+"/")
		})
	}
	if r.std != "" && !slices.Contains(strings.Fields(r.std), imp) {
		return false
	}
	return !slices.Contains(strings.Fields(r.never), imp)
}

// testMay reports whether the tests of a package may import imp: tests are
// wider, but those of the core stay in the core, and api and web stay apart.
func testMay(name, imp string) bool {
	own, ours := strings.CutPrefix(imp, module)
	switch name {
	case "circuits", "journal":
		return !ours || own == name || strings.HasPrefix(own, name+"/")
	case "api":
		return own != "web"
	case "web":
		return own != "api" && !strings.HasPrefix(imp, huma)
	}
	return true
}

// TestRules makes the rules fail, so that they are known to be able to.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct{ name, imp string }{
		{"circuits", "context"},
		{"circuits", "net/http"},
		{"circuits", module + "journal"},
		{"circuits", uuid},
		{"journal", module + "circuits"},
		{"journal", "os"},
		{"signing", module + "certs"},
		{"signing", module + "circuits"},
		{"signing", "net/http"},
		{"certs", module + "signing"},
		{"certs", module + "dossiers"},
		{"approvals/proof", webauthn + "/protocol"},
		{"approvals", module + "dossiers"},
		{"dossiers", pgx},
		{"dossiers", module + "certs"},
		{"dossiers", module + "internal/problem"},
		{"dossiers", "net/http"},
		{"api", module + "internal/postgres"},
		{"api", module + "web"},
		{"api", module + "signing"},
		{"web", module + "internal/postgres"},
		{"web", module + "api"},
		{"web", huma},
		{"web", huma + "/adapters/humachi"},
		{"internal/live", pgx + "/pgxpool"},
		{"internal/postgres", module + "api"},
		{"internal/postgres", module + "signing"},
		{"internal/wiring", module + "web"},
		{"cmd/parapheur", module + "internal/towntest"},
	} {
		r, ok := rules()[bad.name]
		if !ok {
			t.Errorf("%s has no rule", bad.name)
		}
		if r.allows(bad.imp) {
			t.Errorf("%s may import %s", bad.name, bad.imp)
		}
	}
	for _, bad := range []struct{ name, imp string }{
		{"circuits", module + "internal/pgtest"}, {"api", module + "web"}, {"web", module + "api"}, {"web", huma},
	} {
		if testMay(bad.name, bad.imp) {
			t.Errorf("the tests of %s may import %s", bad.name, bad.imp)
		}
	}
}
