package web

import (
	"encoding/json"
	"net/http"

	"parapheur/dossiers"
)

// manifest lets a phone keep the parapheur on its home screen.
func (s *server) manifest(w http.ResponseWriter, r *http.Request) {
	type picture struct {
		Source  string `json:"src"`
		Sizes   string `json:"sizes"`
		Type    string `json:"type"`
		Purpose string `json:"purpose,omitempty"`
	}
	name := "Parapheur"
	if t, err := s.Office.Tenant(r.Context(), r.Host); err == nil && t.Place != "" {
		name += " de " + t.Place
	}
	body, err := json.Marshal(struct {
		Name       string    `json:"name"`
		Short      string    `json:"short_name"`
		Language   string    `json:"lang"`
		Start      string    `json:"start_url"`
		Scope      string    `json:"scope"`
		Display    string    `json:"display"`
		Background string    `json:"background_color"`
		Theme      string    `json:"theme_color"`
		Icons      []picture `json:"icons"`
	}{
		name, "Parapheur", "fr", "/", "/", "standalone", "#eeefe9", "#f8f8f5",
		[]picture{
			{s.assets.url("img/icon.svg"), "any", "image/svg+xml", ""},
			{s.assets.url("img/icon-192.png"), "192x192", "image/png", ""},
			{s.assets.url("img/icon-512.png"), "512x512", "image/png", "any maskable"},
		},
	})
	if err != nil {
		s.fail(&visit{}, w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/manifest+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, err = w.Write(body)
	_ = ignoreGone(err)
}

func (s *server) favicon(w http.ResponseWriter, r *http.Request) {
	f := s.assets.files[s.assets.url("img/icon-192.png")]
	w.Header().Set("Cache-Control", "public, max-age=86400")
	f.serve(w, r)
}

// robots keeps search engines out: nothing here is public.
func (s *server) robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("User-agent: *\nDisallow: /\n"))
	_ = ignoreGone(err)
}

// accessibility is the declaration that the law asks for.
func (s *server) accessibility(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, http.StatusOK, &accessPage{frame: s.frame(v, "Déclaration d’accessibilité", "")})
}

// administers refuses whoever does not administer the town, before a page of
// the administration is made.
func administers(v *visit) error {
	if !v.viewer.Person.Admin {
		return dossiers.ErrForbidden
	}
	return nil
}
