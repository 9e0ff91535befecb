package dossiers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parapheur/circuits"
	"parapheur/signing"
)

// maxPlaces bounds the places of one deposit.
const maxPlaces = 30

// What would give way when a block is laid out, as notices about the letter.
const (
	NoticeBlockMoved     NoticeCode = "block_moved"
	NoticeBlockSmaller   NoticeCode = "block_smaller"
	NoticeBlockOtherPage NoticeCode = "block_other_page"
	NoticeBlockInvisible NoticeCode = "block_invisible"
)

// noticeOf is the code of what gave way; empty for nothing.
func noticeOf(n signing.Notice) NoticeCode {
	return map[signing.Notice]NoticeCode{
		signing.NoticeMoved: NoticeBlockMoved, signing.NoticeSmaller: NoticeBlockSmaller,
		signing.NoticeOtherPage: NoticeBlockOtherPage, signing.NoticeInvisible: NoticeBlockInvisible,
	}[n]
}

// blockFrench says what gave way; empty for a code of something else.
func blockFrench(c NoticeCode) string {
	return map[NoticeCode]string{
		NoticeBlockMoved:     "La place demandée est occupée\u00a0: le bloc de signature ira au plus près.",
		NoticeBlockSmaller:   "La place manque\u00a0: le bloc de signature sera réduit au nom et à la date.",
		NoticeBlockOtherPage: "La page demandée n’a pas de place libre\u00a0: le bloc de signature sera sur une autre.",
		NoticeBlockInvisible: "Aucune page n’a de place libre\u00a0: la lettre sera signée sans bloc visible.",
	}[c]
}

// checkPlaces refuses places that are on no page.
func checkPlaces(all []Place) error {
	if len(all) > maxPlaces {
		return &InvalidError{"signature_places", fmt.Sprintf("Une lettre reçoit au plus %d places de signature.", maxPlaces)}
	}
	seen := map[circuits.StepID]bool{}
	for _, p := range all {
		if _, err := line("signature_places", string(p.Step), 0, 100); err != nil {
			return err
		}
		switch {
		case p.Page < 0 || p.Page > 100_000:
			return &InvalidError{"signature_places", "La page se compte à partir de 1\u00a0; 0 désigne la dernière."}
		case !(p.X >= 0 && p.X <= 100 && p.Y >= 0 && p.Y <= 100): // NaN is in none
			return &InvalidError{"signature_places", "La place se donne en pourcentage de la page\u00a0: de 0 à 100, depuis son coin supérieur gauche."}
		case p.Kind != PlaceSignature:
			return &InvalidError{"signature_places", "Seul un bloc de signature se place."}
		case seen[p.Step]:
			return &InvalidError{"signature_places", "Une étape n’a qu’une place."}
		}
		seen[p.Step] = true
	}
	return nil
}

// stepsOf refuses places for steps that the circuit taken has not, or that put
// no block. A draft has no circuit yet: what fits none is left aside then.
func stepsOf(all []Place, c circuits.Definition) error {
	if len(c.Steps) == 0 {
		return nil
	}
	for _, p := range all {
		signs := slices.ContainsFunc(c.Steps, func(st circuits.Step) bool {
			return st.ID == p.Step && (st.Kind == circuits.Signature || st.Kind == circuits.Seal)
		})
		if p.Step != "" && !signs {
			return &InvalidError{"signature_places", "L’étape «\u00a0" + string(p.Step) + "\u00a0» n’est pas une étape de signature de ce circuit."}
		}
	}
	return nil
}

// placeFor is where the block of a step was asked for, in a letter of so many
// pages: for this very step, or else for any. A page that the letter has not,
// a corrected version being shorter, asks for nothing.
func placeFor(all []Place, step circuits.StepID, pages int) (Place, bool) {
	for _, id := range []circuits.StepID{step, ""} {
		for _, p := range all {
			if p.Kind == PlaceSignature && p.Step == id && (p.Page <= pages || pages == 0) {
				return p, true
			}
		}
	}
	return Place{}, false
}

// foreseeTime bounds how long a deposit looks for what would give way.
const foreseeTime = 2 * time.Second

// foreseen tells, at the deposit, which of the places asked for are taken: the
// drafter may choose another before anybody decides. What cannot be foreseen,
// or not in time, is told once it is signed.
func (o *Office) foreseen(ctx context.Context, t Tenant, d Draft) (out []DocumentNotice, err error) {
	if len(d.Places) == 0 {
		return nil, nil
	}
	letter, err := o.openRevision(ctx, received(1, d.Main, o.now()).Revision)
	if err != nil {
		return nil, err
	}
	defer letter.Close() //nolint:errcheck // read only
	opt := signing.Options{Claims: signing.Claims{Name: "Prénom Nom de Famille", Quality: "Maire", Town: t.Place, Time: o.Now()}}
	if _, opt.Arms, err = o.picture(ctx, t, PictureArms, "", circuits.Digest{}); err != nil && !isNotFound(err) {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, foreseeTime)
	defer cancel()
	for _, p := range d.Places {
		if p.Page > d.Main.Pages {
			out = append(out, DocumentNotice{1, Notice{Code: NoticeBlockOtherPage, Page: p.Page}})
			continue
		}
		opt.Field = signing.Field{Page: p.Page, At: &signing.Point{X: p.X, Y: p.Y}}
		found, err := signing.Locate(ctx, letter, opt)
		if code := noticeOf(found.Notice); err == nil && code != "" {
			out = append(out, DocumentNotice{1, Notice{Code: code, Page: p.Page}})
		}
	}
	return out, nil
}

// A Block is a signature block of a letter, as it was laid out.
type Block struct {
	Step   circuits.StepID
	Title  string // of the step
	Page   int    // from 1; 0 without a visible block
	Rect   signing.Rect
	Notice signing.Notice // what gave way
}

// Blocks lists the blocks of a letter's signatures in its current version, in
// the order of the circuit, those under way included.
func (o *Office) Blocks(ctx context.Context, v Viewer, id ID) ([]Block, error) {
	d, err := o.visible(ctx, v, id)
	if err != nil {
		return nil, err
	}
	asked, err := o.Store.Places(ctx, v.Tenant.ID, id)
	if err != nil {
		return nil, err
	}
	var out []Block
	for i, st := range d.State.Circuit.Steps {
		if i >= len(d.State.Steps) || d.State.Steps[i].Status != circuits.Done && d.State.Steps[i].Status != circuits.Sealing || st.Kind != circuits.Signature && st.Kind != circuits.Seal {
			continue
		}
		kept, err := o.Store.Sealing(ctx, v.Tenant.ID, id, d.State.Version, i)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var p signing.Prepared
		if err := p.UnmarshalBinary(kept.Prepared); err != nil {
			continue // of a form that this version does not read any more
		}
		b := Block{Step: st.ID, Title: st.Title, Notice: p.Notice()}
		if _, page, rect := p.Placement(); rect != (signing.Rect{}) {
			b.Page, b.Rect = page, rect
		}
		if x, ok := placeFor(asked, st.ID, 0); ok && x.Page > d.Main().Pages && b.Notice == signing.NoticeNone {
			b.Notice = signing.NoticeOtherPage // the page asked for is no more
		}
		out = append(out, b)
	}
	return out, nil
}
