package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"parapheur/signing"
)

// maxPicture is the largest image file that is read; signing refuses it before that.
const maxPicture = 16 << 20

// block fills in what the visible block says and where it goes.
func (q *padesSignature) block(opt *signing.Options) error {
	opt.Field = signing.Field{Name: q.field, Invisible: q.invisible}
	places := 0
	for _, given := range []bool{q.place != "", len(q.tags) > 0, q.invisible} {
		if given {
			places++
		}
	}
	if places > 1 {
		return mistake("--place, --tag ou --invisible, un seul des trois")
	}
	opt.Field.Tags = q.tags
	if q.place != "" {
		if err := parsePlace(q.place, &opt.Field); err != nil {
			return err
		}
	}
	var err error
	if opt.Griffe, err = readPicture(q.image); err != nil {
		return err
	}
	opt.Arms, err = readPicture(q.arms)
	return err
}

func readPicture(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("image : %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, maxPicture))
	if err != nil {
		return nil, fmt.Errorf("image %s : %w", path, err)
	}
	return b, nil
}

// parsePlace reads page,x,y,width,height in points, or page,x%,y%.
func parsePlace(s string, f *signing.Field) error {
	parts := strings.Split(s, ",")
	if len(parts) != 3 && len(parts) != 5 {
		return mistake("--place : page,x,y,largeur,hauteur en points, ou page,x%%,y%%")
	}
	var n [5]float64
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if len(parts) == 3 && i > 0 {
			var percent bool
			if p, percent = strings.CutSuffix(p, "%"); !percent {
				return mistake("--place : « %s » n’est pas un pourcentage", p)
			}
		}
		var err error
		if n[i], err = strconv.ParseFloat(p, 64); err != nil || !(n[i] >= 0 && n[i] <= 1e5) {
			return mistake("--place : « %s » n’est pas une mesure", p)
		}
	}
	if n[0] != float64(int(n[0])) {
		return mistake("--place : « %s » n’est pas une page", parts[0])
	}
	f.Page = int(n[0])
	if len(parts) == 3 {
		if n[1] > 100 || n[2] > 100 {
			return mistake("--place : les pourcentages vont de 0 à 100")
		}
		f.At = &signing.Point{X: n[1], Y: n[2]}
		return nil
	}
	if n[3] == 0 || n[4] == 0 {
		return mistake("--place : largeur et hauteur non nulles")
	}
	f.Rect = &signing.Rect{X0: n[1], Y0: n[2], X1: n[1] + n[3], Y1: n[2] + n[4]}
	return nil
}

// padesPlacement is where the block is, in JSON. Its form is stable.
type padesPlacement struct {
	Field  string         `json:"field"`
	Page   int            `json:"page"`
	Rect   []float64      `json:"rect,omitempty"`   // x0, y0, x1, y1 in points; absent when invisible
	Notice signing.Notice `json:"notice,omitempty"` // moved, smaller, other_page, invisible
}

func placed(p signing.Placement) *padesPlacement {
	out := &padesPlacement{Field: p.Field, Page: p.Page, Notice: p.Notice}
	if r := p.Rect; r != (signing.Rect{}) {
		out.Rect = []float64{r.X0, r.Y0, r.X1, r.Y1}
	}
	return out
}
