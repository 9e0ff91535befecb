package main

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page of settings and the program tell the same: every flag has its line
// with its variable and its default, and no line speaks of a flag that is gone.
func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := settings(section(t, string(raw), "## `serve` and `demo`"))
	var c config
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	c.flags(fs)
	fs.VisitAll(func(f *flag.Flag) {
		s, ok := lines[f.Name]
		if !ok {
			t.Errorf("docs/configuration.md has no line for --%s", f.Name)
			return
		}
		delete(lines, f.Name)
		if want := variable(f.Name); s.variable != want {
			t.Errorf("--%s: the variable is %s, the page says %s", f.Name, want, s.variable)
		}
		if f.DefValue != "" && !strings.Contains(s.initial, "`"+f.DefValue+"`") {
			t.Errorf("--%s: the default is %s, the page says %s", f.Name, f.DefValue, s.initial)
		}
	})
	for name := range lines {
		t.Errorf("docs/configuration.md speaks of --%s, which does not exist", name)
	}
}

// The variable that the page names is the one that is read, and a flag wins.
func TestVariablesAreRead(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PARAPHEUR_TSA_ROOTS": "racines.pem", "PARAPHEUR_WORKERS": "7", "PARAPHEUR_LISTEN": ":1"}
	var c config
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	c.flags(fs)
	if err := parse(fs, []string{"--listen", ":2"}, func(k string) string { return env[k] }, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if c.tsaRoots != "racines.pem" || c.workers != 7 || c.listen != ":2" {
		t.Errorf("read %q, %d, %q; want racines.pem, 7, :2", c.tsaRoots, c.workers, c.listen)
	}
}

// A setting is one line of the page.
type setting struct{ variable, initial string }

var line = regexp.MustCompile("^\\| `--([a-z0-9-]+)` \\| `([A-Z0-9_]+)` \\| ([^|]*) \\|")

func settings(page string) map[string]setting {
	out := map[string]setting{}
	for l := range strings.Lines(page) {
		if m := line.FindStringSubmatch(l); m != nil {
			out[m[1]] = setting{m[2], m[3]}
		}
	}
	return out
}

// section returns the text below a heading, up to the next one.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	parts := strings.Split(page, "\n## ")
	i := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix("## "+p, heading+"\n") })
	if i < 0 {
		t.Fatalf("the page has no section %q", heading)
	}
	return parts[i]
}

func variable(name string) string {
	return "PARAPHEUR_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
