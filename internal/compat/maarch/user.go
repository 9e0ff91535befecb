package maarch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// A user is somebody of the town at a desk, as the client knows them.
type user struct {
	ID         int64    `json:"id"`
	Firstname  string   `json:"firstname"`
	Lastname   string   `json:"lastname"`
	Login      string   `json:"login"`
	Email      string   `json:"email"`
	Substitute bool     `json:"substitute"`
	Modes      []string `json:"signatureModes"` // the last one is the default
}

// modes are the ways of signing that are offered: others display poorly.
func modes() []string { return []string{"eidas", "stamp"} }

// newUser names a desk too, where the same person holds several.
func newUser(s dossiers.Signatory) user {
	u := user{ID: s.Number, Firstname: s.Person.GivenName, Lastname: s.Person.FamilyName, Login: s.Person.Email, Email: s.Person.Email, Modes: modes()}
	if len(s.Person.Seats) > 1 {
		u.Lastname += " (" + s.Seat.Quality + ")"
	}
	return u
}

// seated lists who may be given a step.
func (f facade) seated(c *compat.Caller) ([]dossiers.Signatory, error) {
	all, err := f.Office.Signatories(c.R.Context(), c.Connected)
	var out []dossiers.Signatory
	for _, s := range all {
		if s.Desk != "" {
			out = append(out, s)
		}
	}
	return out, err
}

func (f facade) users(c *compat.Caller) error {
	all, err := f.seated(c)
	if err != nil {
		return err
	}
	list := []user{}
	for _, s := range all {
		list = append(list, newUser(s))
	}
	return answer(c, map[string]any{"users": list})
}

// known finds the user of a path.
func (f facade) known(c *compat.Caller) (dossiers.Signatory, bool, error) {
	all, err := f.Office.Signatories(c.R.Context(), c.Connected)
	if err != nil {
		return dossiers.Signatory{}, false, err
	}
	want := number(c.R)
	for _, s := range all {
		if s.Number == want {
			return s, true, nil
		}
	}
	refuse(c.W, c.R, http.StatusBadRequest, "Cet utilisateur n’existe pas dans le parapheur.")
	return dossiers.Signatory{}, false, nil
}

func (f facade) user(c *compat.Caller) error {
	s, ok, err := f.known(c)
	if err != nil || !ok {
		return err
	}
	face, err := picture(s.Number)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"user": struct {
		user
		Picture string `json:"picture"`
	}{newUser(s), face}})
}

func (f facade) picture(c *compat.Caller) error {
	s, ok, err := f.known(c)
	if err != nil || !ok {
		return err
	}
	face, err := picture(s.Number)
	if err != nil {
		return err
	}
	return answer(c, map[string]string{"picture": face})
}

// picture draws somebody nobody could recognise: the product keeps no
// portraits. The shade tells two people apart.
func picture(n int64) (string, error) {
	const side = 64
	shades := []color.RGBA{{0x13, 0x5f, 0x7f, 255}, {0x5b, 0x3f, 0x8c, 255}, {0x2f, 0x6b, 0x3a, 255}, {0x8a, 0x4b, 0x14, 255}, {0x7a, 0x2e, 0x4d, 255}}
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.RGBA{0xee, 0xf1, 0xf4, 255}, shades[n%int64(len(shades))]})
	for y := range side {
		for x := range side {
			head := (x-32)*(x-32)+(y-24)*(y-24) < 12*12
			chest := (x-32)*(x-32)+(y-64)*(y-64) < 24*24
			if head || chest {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// The two refusals that the client's screen recognises.
const (
	loginExists = "Login already exists"
	forbidden   = "Privilege forbidden"
)

// createUser makes somebody known to the town, if the connector may. They can
// do nothing before an administrator invites them and gives them a desk.
func (f facade) createUser(c *compat.Caller) error {
	var in struct{ Lastname, Firstname, Login, Email string }
	if err := f.read(c, &in, nil); err != nil {
		return err
	}
	all, err := f.Office.Signatories(c.R.Context(), c.Connected)
	if err != nil {
		return err
	}
	for _, s := range all {
		local, _, _ := strings.Cut(s.Person.Email, "@")
		if strings.EqualFold(s.Person.Email, in.Email) || strings.EqualFold(s.Person.Email, in.Login) || strings.EqualFold(local, in.Login) {
			refuse(c.W, c.R, http.StatusBadRequest, loginExists)
			return nil
		}
	}
	made, err := f.Office.Introduce(c.R.Context(), c.Connected, dossiers.Person{GivenName: in.Firstname, FamilyName: in.Lastname, Email: in.Email})
	switch {
	case errors.Is(err, dossiers.ErrForbidden):
		refuse(c.W, c.R, http.StatusBadRequest, forbidden)
		return nil
	case err != nil:
		return err
	}
	return answer(c, map[string]int64{"id": made.Number}) // 200: the client takes 201 for a failure
}

// signatures takes the scanned signatures of a user, and does nothing with
// them: a picture proves nothing, and is never put on a letter here.
func (f facade) signatures(c *compat.Caller) error {
	_, ok, err := f.known(c)
	if err != nil || !ok {
		return err
	}
	var in struct {
		Signatures []struct {
			EncodedSignature string `json:"encodedSignature"`
		} `json:"signatures"`
	}
	check := func(s *compat.Sifted) error {
		for _, x := range in.Signatures {
			if _, err := s.Open(x.EncodedSignature); err != nil {
				return err
			}
		}
		return nil
	}
	if err := f.read(c, &in, check); err != nil {
		return err
	}
	c.W.WriteHeader(http.StatusNoContent) // strictly
	return nil
}

// autocomplete answers an array, with the ways in which each may sign.
func (f facade) autocomplete(c *compat.Caller) error {
	all, err := f.seated(c)
	if err != nil {
		return err
	}
	want := plain(c.R.URL.Query().Get("search"))
	list := []user{}
	for _, s := range all {
		u := newUser(s)
		if strings.Contains(plain(u.Firstname+" "+u.Lastname+" "+u.Firstname+" "+u.Email), want) {
			list = append(list, u)
		}
	}
	return answer(c, list)
}

// plain writes a name as one types it on a telephone: « Hélène d’Œuvre-Roy »
// is « helene d oeuvre roy ».
func plain(name string) string {
	letters := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, strings.ToLower(norm.NFKD.String(name)))
	letters = strings.NewReplacer("œ", "oe", "æ", "ae", "ß", "ss", "ø", "o", "ł", "l", "đ", "d", "'", " ", "’", " ", "-", " ", "\u2010", " ").Replace(letters)
	return strings.Join(strings.Fields(letters), " ")
}

// connectors says that nobody signs outside of the town.
func (f facade) connectors(c *compat.Caller) error {
	return answer(c, map[string]any{"otp": []any{}})
}

// read decodes a body of JSON and runs then while its documents are there.
func (f facade) read(c *compat.Caller, into any, then func(*compat.Sifted) error) error {
	return f.Receive(c, func(r *http.Request) error {
		s, err := compat.Sift(r.Body, f.Spool)
		if err != nil {
			return err
		}
		defer s.Close()          //nolint:errcheck // temporary files
		if !utf8.Valid(s.Text) { // what is no UTF-8 would be kept as other characters
			return &dossiers.InvalidError{Field: "body", Reason: "Le corps de la demande n’est pas en UTF-8 : il est sans doute écrit en ISO-8859-1 ou en Windows-1252."}
		}
		if err := json.Unmarshal(s.Text, into); err != nil {
			return &dossiers.InvalidError{Field: "body", Reason: "Le corps de la demande ne se lit pas : du JSON est attendu."}
		}
		if then == nil {
			return nil
		}
		return then(s)
	})
}
