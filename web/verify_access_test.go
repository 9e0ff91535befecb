package web_test

import (
	"bytes"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/browsertest"
	"parapheur/internal/demo"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// A sending is one file of the form; nobody chooses it when it has no name.
type sending struct {
	field, name string
	body        []byte
}

// verify sends the form as a browser without script and without session does.
func (c *client) verify(files []sending, changes ...change) *httptest.ResponseRecorder {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("csrf", "")
	for _, f := range files {
		w, _ := m.CreateFormFile(f.field, f.name)
		_, _ = w.Write(f.body)
	}
	_ = m.Close()
	return c.do(http.MethodPost, "/verifier", m.FormDataContentType(), &b, changes...)
}

// public is a town of software people behind the pages, and one letter that they signed, with its evidence.
func public(t *testing.T) (nobody *client, dir string, letter, evidence []byte) {
	t.Helper()
	hall := towntest.New(t, func(c *wiring.Config) { c.MaxDocument = 1 << 20 })
	d := hall.Deposit(t)
	mayor := hall.Person(t, demo.Mayor)
	if _, err := hall.Person(t, demo.DGS).Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := mayor.Decide(t, d.ID, "signature", ""); err != nil {
		t.Fatal(err)
	}
	hall.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	var zip bytes.Buffer
	if err := hall.Office.Evidence(t.Context(), mayor.Viewer(t), d.ID, &zip); err != nil {
		t.Fatal(err)
	}
	handler := web.New(web.Options{Office: hall.Office, Live: hall.Hub, Log: hall.Config.Log})
	at := &town{origin: towntest.Origin, host: "localhost:8080", handler: handler}
	return &client{at: at}, hall.Config.DataDir, hall.Read(t, mayor.Viewer(t), d.ID, 1, ""), zip.Bytes()
}

// TestVerify sends what people may, without a session: the verdict is told, and nothing of it is left.
func TestVerify(t *testing.T) {
	t.Parallel()
	nobody, dir, letter, zip := public(t)
	plain := readSample(t)
	altered := bytes.Clone(letter)
	altered[len(plain)/2] ^= 1
	before := kept(t, dir)
	for _, one := range []struct {
		name   string
		files  []sending
		status int
		says   []string
	}{
		{"signed", []sending{{"document", "Lettre <b>.pdf", letter}, {"evidence", "", nil}}, 200, []string{"Démonstration, sans valeur", "Lettre &lt;b&gt;.pdf", "PAdES B-LTA"}},
		{"with evidence", []sending{{"document", "l.pdf", letter}, {"evidence", "p.zip", zip}}, 200, []string{"Démonstration, sans valeur", "Les décisions, dans leur ordre", "preuve exacte"}},
		{"altered", []sending{{"document", "l.pdf", altered}}, 200, []string{"Cette lettre n’est pas valide", "Démonstration, sans valeur"}},
		{"bad evidence", []sending{{"document", "l.pdf", letter}, {"evidence", "p.zip", zip[:100]}}, 200, []string{"Le dossier de preuve ne tient pas"}},
		{"unsigned", []sending{{"document", "l.pdf", plain}}, 200, []string{"Ce PDF n’est pas signé"}},
		{"damaged", []sending{{"document", "l.pdf", letter[:200]}}, 200, []string{"Ce PDF n’a pas pu être lu"}},
		{"not a PDF", []sending{{"document", "l.docx", []byte("PK\x03\x04")}}, 422, []string{"Ce fichier n’est pas un PDF"}},
		{"oversized", []sending{{"document", "l.pdf", append(bytes.Clone(letter), make([]byte, 1<<20)...)}}, 422, []string{"dépasse la limite de 1\u00a0Mo"}},
		{"nothing chosen", []sending{{"document", "", nil}}, 422, []string{"Choisissez le PDF"}},
		{"two letters", []sending{{"document", "a.pdf", letter}, {"document", "b.pdf", letter}}, 422, []string{"Un seul fichier"}},
	} {
		w := nobody.verify(one.files)
		if w.Code != one.status {
			t.Errorf("%s: %d, want %d: %.300s", one.name, w.Code, one.status, w.Body)
		}
		for _, says := range one.says {
			if !strings.Contains(w.Body.String(), says) {
				t.Errorf("%s: without %q", one.name, says)
			}
		}
		if strings.Contains(w.Body.String(), `class="verdict ok"`) || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: told as valid, or a session was opened", one.name)
		}
		headers(t, one.name, w)
	}
	if after := kept(t, dir); after != before {
		t.Errorf("%d files are left", after-before)
	}
}

// TestVerifyIsGuarded asks from elsewhere, and too often.
func TestVerifyIsGuarded(t *testing.T) {
	t.Parallel()
	hall := towntest.New(t)
	nobody := &client{at: &town{origin: towntest.Origin, host: "localhost:8080", handler: web.New(web.Options{Office: hall.Office, Live: hall.Hub, Log: hall.Config.Log})}}
	files := []sending{{"document", "l.pdf", readSample(t)}}
	if w := nobody.verify(files, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); w.Code != http.StatusForbidden {
		t.Errorf("from another site: %d", w.Code)
	}
	if w := nobody.do(http.MethodPost, "/verifier", "text/plain", strings.NewReader("x")); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no form: %d", w.Code)
	}
	for range 60 {
		w := nobody.verify([]sending{{"document", "", nil}})
		if w.Code == http.StatusTooManyRequests {
			if w.Header().Get("Retry-After") == "" {
				t.Error("without Retry-After")
			}
			return
		}
	}
	t.Error("60 verifications in a row were let through")
}

// kept counts the files under a folder.
func kept(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestVerifyInBrowser chooses files as a visitor does, with script.
func TestVerifyInBrowser(t *testing.T) {
	at := newTown(t)
	dir := t.TempDir()
	for name, body := range map[string][]byte{"lettre.pdf": readSample(t), "notes.txt": []byte("bonjour")} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	visitor := at.person(t, browsertest.Open(t), 390, 844)
	visitor.present(false)
	visitor.open("/connexion")
	visitor.tap(`[data-nav="verifier"]:not(.nav *)`)
	visitor.until("the form", `document.querySelector("form[data-verify]")`)
	visitor.tap(`[data-go="verify"]`)
	visitor.until("nothing was chosen", `document.querySelector("#document-e:not([hidden])")?.textContent.includes("Choisissez")`)
	visitor.choose("#document", filepath.Join(dir, "notes.txt"))
	visitor.until("no PDF", `document.querySelector("#document-e:not([hidden])")?.textContent.includes("PDF")`)
	visitor.choose("#document", filepath.Join(dir, "lettre.pdf"))
	visitor.until("the name", `document.querySelector("[data-picked]").textContent.includes("lettre.pdf") && document.querySelector("#document-e").hidden`)
	visitor.tap(`[data-go="verify"]`)
	visitor.until("the verdict", `document.activeElement?.id === "v-t" && document.activeElement.textContent.includes("pas signé")`)
	visitor.accessible("verdict")
}
