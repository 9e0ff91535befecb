package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A program is the built binary serving a fresh demonstration town.
type program struct {
	binary string
	data   string
	origin string
	links  map[string]string // role -> enrolment link
	apiKey string
	root   string // PEM of the demonstration root
	sample string // folder of the sample letters
}

// build makes the program as a newcomer does.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "parapheur")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/parapheur")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// startDemo runs "parapheur demo" on an empty folder and reads what it says.
func startDemo(t *testing.T) *program {
	t.Helper()
	p := &program{binary: build(t), data: t.TempDir(), links: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, p.binary, "demo", "--listen", "127.0.0.1:0", "--data", p.data)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("the program ends with %v", err)
		}
	})
	p.read(t, out)
	t.Logf("first page after %v", time.Since(began).Round(time.Millisecond))
	return p
}

var spaces = regexp.MustCompile(`\s{2,}`)

// read takes in the welcome, up to its last line.
func (p *program) read(t *testing.T, out io.Reader) {
	t.Helper()
	lines, beside := bufio.NewScanner(out), false // what follows is of the sandbox beside the town
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if _, origin, ok := strings.Cut(line, "(démonstration) : "); ok && p.origin == "" {
			p.origin = origin
		}
		field := spaces.Split(line, 2)
		beside = beside || strings.Contains(line, "(spécimens sans valeur)")
		if len(field) == 2 && !beside {
			p.note(field[0], strings.TrimSpace(field[1]))
		}
		if strings.Contains(line, "Ctrl+C") {
			go io.Copy(io.Discard, out) //nolint:errcheck // whatever else it says
			return
		}
	}
	t.Fatal("the program ended before its welcome")
}

func (p *program) note(what, value string) {
	switch {
	case strings.Contains(value, "/enrolement/"):
		p.links[what] = value
	case strings.HasPrefix(what, "Clé d’API"):
		p.apiKey = value
	case strings.HasPrefix(what, "Lettres"):
		p.sample = value
	case strings.HasPrefix(what, "Racine"):
		p.root = value
	}
}
