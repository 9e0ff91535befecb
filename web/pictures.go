package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
)

// A picturePage is /ma-griffe, or /administration/armoiries.
type picturePage struct {
	frame
	Griffe  bool   // of a person, not the arms of the town
	At      string // address of the page
	Set     string // since when an image is in use; empty without
	Preview string // address of the block as it will be
	Alt     string // of the preview
	Unsaid  bool   // no desk of the person signs: the preview has no quality
	Whole   bool   // the ground of a griffe is kept
	MaxSize string
	Said    string
	Problem string
	File    field
}

func (*picturePage) template() string { return "image" }

func griffeRoutes(s *server) func(chi.Router) {
	return s.pictureRoutes(dossiers.PictureGriffe, "/ma-griffe")
}

func armsRoutes(s *server) func(chi.Router) {
	return s.pictureRoutes(dossiers.PictureArms, "/administration/armoiries")
}

// pictureRoutes are the addresses of one kind of image, and of no other's.
func (s *server) pictureRoutes(k dossiers.PictureKind, at string) func(chi.Router) {
	return func(r chi.Router) {
		r.Get("/", s.someone(func(v *visit, w http.ResponseWriter, r *http.Request) error {
			said := map[string]string{
				"griffe-posee": "Votre griffe est enregistrée. Elle sera sur les lettres que vous signerez.", "griffe-retiree": "Votre griffe est effacée. Les lettres déjà signées la gardent.",
				"arms-posee": "Les armoiries sont enregistrées. Elles seront sur les prochaines lettres signées.", "arms-retiree": "Les armoiries sont effacées. Les lettres déjà signées les gardent.",
			}[string(k)+"-"+r.URL.Query().Get("dit")]
			return s.showPicture(v, w, r, http.StatusOK, k, &picturePage{At: at, Said: said})
		}))
		r.Post("/", s.uploader(func(v *visit, w http.ResponseWriter, r *http.Request) error { return s.setPicture(v, w, r, k, at) }))
		r.Post("/retirer", s.someone(func(v *visit, w http.ResponseWriter, r *http.Request) error {
			if err := s.Office.RemovePicture(r.Context(), v.viewer, k); err != nil && !errors.Is(err, dossiers.ErrNotFound) {
				return err
			}
			http.Redirect(w, r, at+"?dit=retiree", http.StatusSeeOther)
			return nil
		}))
		r.Get("/apercu.png", s.someone(func(v *visit, w http.ResponseWriter, r *http.Request) error {
			png, err := s.Office.BlockPreview(r.Context(), v.viewer, k, previewWidth)
			if err != nil {
				return err
			}
			h := w.Header()
			h.Set("Content-Type", "image/png")
			h.Set("Content-Length", strconv.Itoa(len(png)))
			h.Set("Cache-Control", "no-store") // a hand, on a machine that others may use
			_, err = w.Write(png)
			return ignoreGone(err)
		}))
	}
}

// previewWidth is that of the sheet of a block, in pixels: twice what is shown.
const previewWidth = 1100

func (s *server) showPicture(v *visit, w http.ResponseWriter, r *http.Request, status int, k dossiers.PictureKind, p *picturePage) error {
	_, since, err := s.Office.PictureFile(r.Context(), v.viewer, k)
	if err != nil && !errors.Is(err, dossiers.ErrNotFound) {
		return err
	}
	if err == nil {
		p.Set = s.calendar(v).full(since)
	}
	p.Preview = p.At + "/apercu.png?v=" + strconv.FormatInt(since.UnixMicro(), 36)
	p.fill(k)
	if k == dossiers.PictureGriffe {
		p.frame = s.frame(v, "Ma griffe", "mes-cles")
		p.Unsaid = len(v.viewer.Person.Seats) == 0
	} else {
		p.frame = s.frame(v, "Armoiries", "administration")
	}
	p.Scripts = []string{"js/picture.js"}
	return s.show(w, r, status, p)
}

// fill says what does not change from one visit to another.
func (p *picturePage) fill(k dossiers.PictureKind) {
	p.Griffe, p.MaxSize = k == dossiers.PictureGriffe, size(dossiers.MaxPicture)
	p.Alt = "Bloc de signature d’exemple, avec les armoiries de la collectivité"
	switch {
	case p.Griffe && p.Set != "":
		p.Alt = "Votre bloc de signature, avec votre griffe au-dessus de votre nom"
	case p.Griffe:
		p.Alt = "Votre bloc de signature, sans griffe"
	case p.Set == "":
		p.Alt = "Bloc de signature d’exemple, sans armoiries"
	}
}

// setPicture takes an image in, or shows the page again with why not.
func (s *server) setPicture(v *visit, w http.ResponseWriter, r *http.Request, k dossiers.PictureKind, at string) error {
	file, ink, err := receivePicture(v, r)
	if err != nil {
		return err
	}
	err = s.Office.SetPicture(r.Context(), v.viewer, k, file, !ink)
	if invalid, ok := isField(err); ok {
		return s.showPicture(v, w, r, http.StatusUnprocessableEntity, k, &picturePage{At: at, Whole: !ink, File: field{Error: typeset(invalid.Reason)}})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, at+"?dit=posee", http.StatusSeeOther)
	return nil
}

// receivePicture reads the form: its token first, then the image, of which no
// more is read than what shows that it is too large; ink says that its ground
// is to be left out.
func receivePicture(v *visit, r *http.Request) (file []byte, ink bool, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, false, &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	trusted := false
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, fmt.Errorf("read an image: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(part, dossiers.MaxPicture+1))
		if err != nil {
			return nil, false, fmt.Errorf("read an image: %w", err)
		}
		switch part.FormName() {
		case "csrf":
			trusted = sameToken(string(raw), v.session.CSRF)
		case "image":
			file = raw
		case "ink":
			ink = true
		}
		if !trusted {
			return nil, false, errForged
		}
	}
	if !trusted {
		return nil, false, errForged
	}
	return file, ink, nil
}
