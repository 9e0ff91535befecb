package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"parapheur/dossiers"
)

const (
	maxField  = 16 << 10 // bytes of one text field of an upload form
	maxFiles  = 20       // of one field
	maxValues = 100      // of one text field
)

// An upload is a form with files, read as it streams in. The token comes
// first: nothing is stored for a form that is not ours.
type upload struct {
	fields  map[string]string
	values  url.Values // the same, with several values of one name
	files   map[string][]dossiers.Received
	refused map[string]string // field: why its file was refused, for people
	merge   []string          // ranks of the annexes to join, or "all"
}

// receive reads an upload. Files that are refused are named in the result;
// the error is for what is no fault of theirs.
func (s *server) receive(v *visit, r *http.Request) (upload, error) {
	up := upload{fields: map[string]string{}, values: url.Values{}, files: map[string][]dossiers.Received{}, refused: map[string]string{}}
	parts, err := r.MultipartReader()
	if err != nil {
		return up, &dossiers.InvalidError{Field: "form", Reason: "Le formulaire n’a pas pu être lu."}
	}
	trusted := sameToken(r.Header.Get("X-CSRF-Token"), v.session.CSRF)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return up, fmt.Errorf("read an upload: %w", err)
		}
		if part.FileName() == "" {
			value, err := io.ReadAll(io.LimitReader(part, maxField))
			if err != nil {
				return up, fmt.Errorf("read an upload: %w", err)
			}
			up.fields[part.FormName()] = string(value)
			if len(up.values[part.FormName()]) < maxValues {
				up.values.Add(part.FormName(), string(value))
			}
			if part.FormName() == "merge" && len(up.merge) < maxFiles {
				up.merge = append(up.merge, string(value))
			}
			trusted = trusted || part.FormName() == "csrf" && sameToken(string(value), v.session.CSRF)
			continue
		}
		if !trusted {
			return up, errForged
		}
		if err := s.receiveFile(v, r, part, &up); err != nil {
			return up, err
		}
	}
	if !trusted {
		return up, errForged
	}
	return up, nil
}

func (s *server) receiveFile(v *visit, r *http.Request, part *multipart.Part, up *upload) error {
	name := part.FormName()
	if len(up.files[name]) >= maxFiles {
		up.refused[name] = "Un dossier porte au plus 20 annexes."
		return nil
	}
	got, err := s.Office.Receive(r.Context(), v.tenant, part.FileName(), part)
	if err == nil {
		up.files[name] = append(up.files[name], got)
		return nil
	}
	var whole *http.MaxBytesError
	if p := problemOf(err); p.Status < http.StatusInternalServerError && !errors.As(err, &whole) {
		up.refused[name] = "«\u00a0" + part.FileName() + "\u00a0»" + nbsp + ": " + p.Title + ". " + p.Detail
		return nil
	}
	return err
}

// joined are the ranks of the annexes to join. What is no number becomes a
// rank that no annex has, which the office refuses.
func (up upload) joined() []int {
	var out []int
	for _, rank := range up.merge {
		if rank == "all" {
			for i := range up.files["annexes"] {
				out = append(out, i+1)
			}
			continue
		}
		n, err := strconv.Atoi(rank)
		if err != nil {
			n = -1
		}
		out = append(out, n)
	}
	return out
}

// stampFrom reads the fields of a stamp.
func stampFrom(f map[string]string) stampForm {
	return stampForm{Text: field{Value: f["stamp"]}, Town: f["stamp_town"] != "", Date: f["stamp_date"] != "", All: f["stamp_pages"] == "all"}
}

// asked is the stamp of the form, or nil when nothing of it is filled.
func (s stampForm) asked() *dossiers.Stamp {
	if s.Text.Value == "" && !s.Town && !s.Date {
		return nil
	}
	return &dossiers.Stamp{Text: s.Text.Value, Town: s.Town, Date: s.Date, AllPages: s.All}
}

// lowerRight is where signatures usually are.
const lowerRight = "bas-droite"

// A blockPlace is a place that a drafter may choose, as the upper left corner
// of a block in percent of the page.
type blockPlace struct {
	code, label string
	x, y        float64
}

func blockPlaces() []blockPlace {
	return []blockPlace{
		{"haut-gauche", "En haut à gauche", 7, 6},
		{"haut-droite", "En haut à droite", 55, 6},
		{"milieu-gauche", "Au milieu à gauche", 7, 44},
		{"milieu-droite", "Au milieu à droite", 55, 44},
		{"bas-gauche", "En bas à gauche", 7, 82},
		{lowerRight, "En bas à droite", 55, 82},
	}
}

// whereFrom reads the fields of a place.
func whereFrom(f map[string]string) whereForm {
	return whereForm{Chosen: f["where"] == "page", Page: field{Value: strings.TrimSpace(f["where_page"])}, At: f["where_at"]}
}

// asked is the place of the form: none when the letter decides. A page that is
// no number is one that no letter has, which the office refuses.
func (f whereForm) asked() []dossiers.Place {
	if !f.Chosen {
		return nil
	}
	out := dossiers.Place{Kind: dossiers.PlaceSignature}
	if f.Page.Value != "" {
		var err error
		if out.Page, err = strconv.Atoi(f.Page.Value); err != nil || out.Page < 1 {
			out.Page = -1
		}
	}
	for _, p := range blockPlaces() {
		if f.Is(p.code) {
			out.X, out.Y = p.x, p.y
		}
	}
	return []dossiers.Place{out}
}
