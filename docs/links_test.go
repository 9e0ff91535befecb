// Package docs holds the documents of the project; its tests keep their links
// and lists true.
package docs

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// link finds the target of [text](target), of ![text](target) and of
// <img src="target">.
var link = regexp.MustCompile(`(?:\]\(|<img src=")([^()\s"]+)(?:\s+"[^"]*")?["\)]`)

// Every relative link of every document leads to a file of the project and,
// where it names one, to a heading of that file.
func TestLinks(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, page := range pages(t) {
		for _, target := range linksOf(read(t, page)) {
			seen++
			if why := broken(t, page, target); why != "" {
				t.Errorf("%s: link to %q: %s", page, target, why)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d links found: the test does not see them", seen)
	}
}

// The test sees what it is for.
func TestLinksAreSeen(t *testing.T) {
	t.Parallel()
	text := "# Le titre\n[a](b.md) ![c](d.png \"e\")\n```\n[no](code)\n```\n`[no](inline)` [f](#le-titre)\n<img src=\"g.png\" alt=\"h\">\n"
	if got, want := linksOf(text), []string{"b.md", "d.png", "#le-titre", "g.png"}; !slices.Equal(got, want) {
		t.Errorf("links %q, want %q", got, want)
	}
	if got, want := headings("# Ce qu’il faut, d’abord\n## `code` (1)\n"), []string{"ce-quil-faut-dabord", "code-1"}; !slices.Equal(got, want) {
		t.Errorf("headings %q, want %q", got, want)
	}
	if why := broken(t, "design.md", "no-such-file.md"); why == "" {
		t.Error("a broken link passes")
	}
	if why := broken(t, "design.md", "design.md#no-such-heading"); why == "" {
		t.Error("a link to a missing heading passes")
	}
}

// pages are the Markdown files of the project, relative to this folder; what
// runs left in data, tour and bin is not ours.
func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "*/*.md", "../*.md", "../*/*.md", "../web/static/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if !slices.Contains([]string{"docs", "data", "tour", "bin"}, filepath.Base(filepath.Dir(f))) {
				out = append(out, filepath.Clean(f))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// linksOf returns the link targets of a page, those of code left out.
func linksOf(text string) (out []string) {
	code := regexp.MustCompile("`[^`]*`")
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		// The text of a link may be code: only the target matters.
		line = code.ReplaceAllStringFunc(line, func(s string) string {
			if strings.Contains(s, "](") {
				return ""
			}
			return s
		})
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			out = append(out, m[1])
		}
	}
	return out
}

// broken says why a link leads nowhere, or nothing.
func broken(t *testing.T, page, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		return err.Error()
	}
	if u.IsAbs() {
		return ""
	}
	path := page
	if u.Path != "" {
		path = filepath.Join(filepath.Dir(page), filepath.FromSlash(u.Path))
	}
	if _, err := os.Stat(path); err != nil {
		return "no such file"
	}
	if u.Fragment != "" && strings.HasSuffix(path, ".md") && !slices.Contains(headings(read(t, path)), u.Fragment) {
		return "no such heading"
	}
	return ""
}

// headings returns the anchors of a page as forges make them.
func headings(text string) (out []string) {
	for line := range strings.Lines(text) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title)))
	}
	return out
}
