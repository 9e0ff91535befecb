package web

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// forever is how long a browser may keep what an address with its digest
// names.
const forever = "private, max-age=31536000, immutable"

// document returns the dossier and document number of an address.
func document(r *http.Request) (dossiers.ID, int, error) {
	n, err := strconv.Atoi(chi.URLParam(r, "n"))
	if err != nil || n < 1 {
		return "", 0, dossiers.ErrNotFound
	}
	return dossiers.ID(chi.URLParam(r, "id")), n, nil
}

// content sends the bytes of a document: what a decision hashes, what the
// viewer shows, what is downloaded.
func (s *server) content(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, n, err := document(r)
	if err != nil {
		return err
	}
	c, err := s.Office.Content(r.Context(), v.viewer, id, n, r.URL.Query().Get("version"))
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // read only
	digest, mark := c.Chosen.SHA256.String(), r.URL.Query().Get("v")
	if !strings.HasPrefix(digest, mark) {
		return circuits.ErrStale // the page that asks shows another version
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("ETag", `"`+digest+`"`)
	h.Set("Cache-Control", "private, no-cache")
	if len(mark) >= 16 {
		h.Set("Cache-Control", forever)
	}
	disposition := "inline"
	if r.URL.Query().Has("telecharger") {
		disposition = "attachment"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": fileName(c.Name, c.Chosen.Number > 0)}))
	http.ServeContent(w, r, "", time.Time{}, c)
	return nil
}

// fileName names a document as it is saved: a signed letter says so.
func fileName(name string, signed bool) string {
	base := strings.TrimSuffix(name, path.Ext(name))
	if base == "" {
		base = "lettre"
	}
	if signed {
		base += "-signe"
	}
	return base + ".pdf"
}

// pageImage sends the picture of a page.
func (s *server) pageImage(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, n, err := document(r)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(chi.URLParam(r, "page"))
	if err != nil || number < 1 {
		return dossiers.ErrNotFound
	}
	png, err := s.Office.PageImage(r.Context(), v.viewer, id, n, number, pageWidth)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(png)))
	h.Set("Cache-Control", "private, max-age=60")
	if r.URL.Query().Get("v") != "" {
		h.Set("Cache-Control", forever)
	}
	_, err = w.Write(png)
	return ignoreGone(err)
}

// pageWidth is the width of page pictures, in pixels: sharp on a phone at
// three points a pixel, and on a screen of a desk.
const pageWidth = 1240

// text is the reading of a document as text.
func (s *server) text(v *visit, w http.ResponseWriter, r *http.Request) error {
	id, n, err := document(r)
	if err != nil {
		return err
	}
	d, err := s.Office.View(r.Context(), v.viewer, id)
	if err != nil {
		return err
	}
	texts, err := s.Office.PageTexts(r.Context(), v.viewer, id, n)
	if err != nil && !errors.Is(err, dossiers.ErrUnavailable) {
		return err
	}
	p := newTextPage(d.Title, string(id), texts)
	p.frame = s.frame(v, d.Title+", en texte", "bannettes")
	return s.show(w, r, http.StatusOK, p)
}

func newTextPage(title, id string, texts []string) *textPage {
	p := &textPage{Back: "/dossiers/" + id, Letter: title, Missing: true}
	for i, t := range texts {
		page := textLeaf{Number: i + 1, Paragraphs: paragraphs(t)}
		p.Missing = p.Missing && len(page.Paragraphs) == 0
		p.Pages = append(p.Pages, page)
	}
	return p
}

// paragraphs finds paragraphs in the lines of a page: a blank line ends one,
// and so does a line well short of the longest.
func paragraphs(text string) []string {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	longest := 0
	for _, l := range lines {
		longest = max(longest, len([]rune(strings.TrimSpace(l))))
	}
	var out []string
	var current []string
	end := func() {
		if len(current) > 0 {
			out = append(out, strings.Join(current, " "))
			current = nil
		}
	}
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l == "" {
			end()
			continue
		}
		current = append(current, l)
		if len([]rune(l))*4 < longest*3 {
			end()
		}
	}
	end()
	return out
}

// evidence sends the evidence file of a dossier.
func (s *server) evidence(v *visit, w http.ResponseWriter, r *http.Request) error {
	id := dossiers.ID(chi.URLParam(r, "id"))
	d, err := s.Office.View(r.Context(), v.viewer, id)
	if err != nil {
		return err
	}
	return s.download(w, r, "application/zip", fmt.Sprintf("preuve-%d.zip", d.Number), func(out io.Writer) error {
		return s.Office.Evidence(r.Context(), v.viewer, id, out)
	})
}

// download streams what write makes. An error before the first byte becomes a
// page; after it, the connection breaks, for half a file must not pass for a
// whole one.
func (s *server) download(w http.ResponseWriter, r *http.Request, kind, name string, write func(io.Writer) error) error {
	out := &firstWrite{ResponseWriter: w, before: func(h http.Header) {
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "private, no-store")
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, name))
	}}
	err := write(out)
	if err != nil && out.begun {
		s.Log.ErrorContext(r.Context(), "download interrupted", slog.String("file", name), slog.Any("err", err))
		panic(http.ErrAbortHandler)
	}
	return err
}

// firstWrite sets headers when the first byte comes, so that an error before
// it can still be told as a page.
type firstWrite struct {
	http.ResponseWriter
	before func(http.Header)
	begun  bool
}

// Write implements io.Writer.
func (f *firstWrite) Write(b []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.before(f.Header())
	}
	return f.ResponseWriter.Write(b)
}
