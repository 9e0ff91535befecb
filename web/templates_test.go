package web

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"parapheur/dossiers"
)

// TestEveryTemplateHasASample fails when a page is written and never shown.
func TestEveryTemplateHasASample(t *testing.T) {
	t.Parallel()
	s := newPreview(t)
	shown := map[string]bool{}
	for _, one := range samples(s) {
		shown[templateName(one.page)] = true
	}
	for name := range s.pages {
		if !shown[name] {
			t.Errorf("template %s has no sample", name)
		}
	}
}

// TestPagesAreSound executes every sample page and reads what came out as a
// browser would: well-formed, nothing inline, every address of ours served.
func TestPagesAreSound(t *testing.T) {
	t.Parallel()
	s := newPreview(t)
	for _, one := range samples(s) {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			body, err := s.pages.execute(one.page)
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, body)
			doc, err := html.Parse(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for n := range doc.Descendants() {
				if n.Type == html.ElementNode {
					sound(t, s, n, ids)
				}
			}
			if bytes.Contains(body, []byte("ZgotmplZ")) {
				t.Error("html/template refused a value")
			}
			if m := regexp.MustCompile(`(«[^\s\x{00a0}&]? )|( »)|([\pL»] [;:?!](\s|<))`).Find(textOf(doc)); m != nil {
				t.Errorf("a breaking space in French punctuation: %q", m)
			}
		})
	}
}

// sound looks at one element.
func sound(t *testing.T, s *server, n *html.Node, ids map[string]bool) {
	t.Helper()
	attr := map[string]string{}
	for _, a := range n.Attr {
		attr[a.Key] = a.Val
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			t.Errorf("<%s %s=…> is inline", n.Data, a.Key)
		}
	}
	if id, ok := attr["id"]; ok {
		if ids[id] {
			t.Errorf("id %q twice", id)
		}
		ids[id] = true
	}
	if n.Data == "style" || n.Data == "script" && attr["src"] == "" {
		t.Errorf("inline <%s>", n.Data)
	}
	if n.Data == "form" && strings.EqualFold(attr["method"], "post") && !hasToken(n) {
		t.Errorf("the form to %s carries no token", attr["action"])
	}
	for _, key := range []string{"src", "href"} {
		url, _, _ := strings.Cut(attr[key], "#")
		if strings.HasPrefix(url, "/static/") {
			if _, ok := s.assets.files[url]; !ok {
				t.Errorf("%s is not served", url)
			}
		}
	}
	if n.Data == "use" {
		_, symbol, _ := strings.Cut(attr["href"], "#")
		sprite := s.assets.files[s.assets.url("img/icons.svg")].raw
		if !bytes.Contains(sprite, []byte(`id="`+symbol+`"`)) {
			t.Errorf("no icon %q", symbol)
		}
	}
}

func hasToken(form *html.Node) bool {
	for n := range form.Descendants() {
		if n.Data == "input" && strings.Contains(render(n), `name="csrf"`) {
			return true
		}
	}
	return false
}

func render(n *html.Node) string {
	var b strings.Builder
	if err := html.Render(&b, n); err != nil {
		return err.Error()
	}
	return b.String()
}

func textOf(doc *html.Node) []byte {
	var b bytes.Buffer
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "textarea" {
			b.WriteString(n.Data)
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// wellFormed holds every element that must be closed to its end tag.
func wellFormed(t *testing.T, body []byte) {
	t.Helper()
	void := map[string]bool{"meta": true, "link": true, "input": true, "br": true, "img": true, "use": true, "path": true, "rect": true}
	var open []string
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			if len(open) > 0 {
				t.Errorf("never closed: %v", open)
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !void[string(name)] {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		case html.TextToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// TestPeopleWriteNoMarkup puts markup in what people type and looks for it.
func TestPeopleWriteNoMarkup(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>"><img src=x onerror=alert(1)>`
	s := newPreview(t)
	v := sampleView()
	v.Title, v.Recipient, v.Note, v.TypeName, v.Documents[1].Name = evil, evil, evil, evil, evil+".pdf"
	v.Path[0].Desk, v.Path[2].Step.Title = evil, evil
	types := sampleTypes()
	types[0].Name, types[0].Path[0].Desk, types[0].Path[0].Step.Title, types[0].Path[0].Holders[0].Name = evil, evil, evil, evil
	letter := newLetterPage(v, mayor(), sampleNow())
	rows := sampleRows()
	rows[0].Title, rows[0].Recipient = evil, evil
	for name, p := range map[string]page{
		"letter": letter, "circuits": circuitSamples(func(dossiers.Person, string, string) frame { return frame{} })["circuit"],
		"bins":     newBinsPage(mayor(), dossiers.BinToDo, nil, rows, sampleNow()),
		"decision": newDecisionPage(actOf("refuser"), v, mayor(), 2), "deposit": &depositPage{LetterTitle: field{Value: evil}, Types: typeChoices(types, "", evil)},
	} {
		body, err := s.pages.execute(p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if bytes.Contains(body, []byte("<script>alert")) || bytes.Contains(body, []byte("<img src=x")) {
			t.Errorf("%s: markup goes through", name)
		}
	}
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	s := newPreview(t)
	name := s.assets.url("js/decision.js")
	for _, one := range []struct {
		name, path, encoding string
		status               int
	}{
		{"gzip when asked", name, "gzip", 200},
		{"plain otherwise", name, "", 200},
		{"another hash is another file", strings.Replace(name, "app-", "app-0", 1), "", 404},
		{"nothing outside the trees", "/static/LICENCES.md", "", 404},
		{"no way up", s.assets.app + "/../LICENCES.md", "", 404},
	} {
		r := httptest.NewRequest("GET", one.path, nil)
		r.Header.Set("Accept-Encoding", one.encoding)
		w := httptest.NewRecorder()
		s.assets.ServeHTTP(w, r)
		if w.Code != one.status {
			t.Errorf("%s: %d, want %d", one.name, w.Code, one.status)
		}
		if got := w.Header().Get("Content-Encoding"); w.Code == 200 && got != one.encoding {
			t.Errorf("%s: encoding %q", one.name, got)
		}
		if cache := w.Header().Get("Cache-Control"); w.Code == 200 && !strings.Contains(cache, "immutable") {
			t.Errorf("%s: cache %q", one.name, cache)
		}
	}
	for path, f := range s.assets.files {
		if f.kind == "application/octet-stream" && !strings.HasSuffix(path, ".pfb") {
			t.Errorf("%s has no media type", path)
		}
	}
}

// TestScriptsWriteNoMarkup keeps markup out of scripts: what people typed is
// only ever text.
func TestScriptsWriteNoMarkup(t *testing.T) {
	t.Parallel()
	banned := regexp.MustCompile(`innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage`)
	err := fs.WalkDir(staticFiles, "static/app/js", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(staticFiles, name)
		for i, line := range strings.Split(string(raw), "\n") {
			if banned.MatchString(line) {
				t.Errorf("%s:%d: %s", name, i+1, line)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/dossiers/1": "/dossiers/1", "/bannettes?bannette=suivis": "/bannettes?bannette=suivis", "": "/", "//evil.example": "/",
		"https://evil.example": "/", `/\evil.example`: "/", "javascript:alert(1)": "/", "/connexion?retour=/x": "/", "/a\r\nb": "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %q, want %q", in, got, want)
		}
	}
}
