package webhook

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"parapheur/internal/tooltest"
)

// TestGuideVerifiesWhatIsSent runs the few lines of Python that the guides give
// on what is signed here: they accept it under either secret of a renewal, and
// nothing that was changed, is old, or is signed by a stranger.
func TestGuideVerifiesWhatIsSent(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "python3")
	first, second, stranger := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210"), []byte("another secret of 32 bytes, maybe")
	const id, body = "msg_1", `{"type":"dossier.completed"}`
	now := time.Now()
	whsec := func(raw []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(raw) }
	for _, page := range []string{"README.md", "README.en.md"} {
		text, err := os.ReadFile("../../docs/integration/" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "```python\n")
		code, _, found := strings.Cut(rest, "```")
		if !found {
			t.Fatalf("%s: no lines of Python", page)
		}
		for _, c := range []struct {
			what, secret, body, want string
			at                       time.Time
		}{
			{"the new secret", whsec(first), body, "True", now},
			{"the old secret", whsec(second), body, "True", now},
			{"a stranger's secret", whsec(stranger), body, "False", now},
			{"another body", whsec(first), `{"type":"dossier.refused"}`, "False", now},
			{"an old message", whsec(first), body, "False", now.Add(-time.Hour)},
		} {
			script := code + fmt.Sprintf("\nprint(genuine(%q, {'webhook-id': %q, 'webhook-timestamp': '%d', 'webhook-signature': %q}, %q.encode()))\n",
				c.secret, id, c.at.Unix(), Signature(id, c.at, []byte(body), first, second), c.body)
			out, err := exec.CommandContext(t.Context(), "python3", "-c", script).CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
				t.Errorf("%s, %s: %s, %v", page, c.what, got, err)
			}
		}
	}
}
