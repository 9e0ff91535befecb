package dossiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"parapheur/circuits"
	"parapheur/signing"
)

// prepare lays the signature out: where it was asked for at the deposit, else
// on the tag that the letter bears for this step, else in the empty field that
// its template left, else in free space.
func (w *sealing) prepare(ctx context.Context, opt signing.Options) (*signing.Prepared, error) {
	asked, err := w.o.Store.Places(ctx, w.tenant.ID, w.dossier.ID)
	if err != nil {
		return nil, err
	}
	if x, ok := placeFor(asked, w.dossier.State.Circuit.Steps[w.step].ID, w.dossier.Main().Pages); ok {
		opt.Field = signing.Field{Page: x.Page, At: &signing.Point{X: x.X, Y: x.Y}}
		return signing.Prepare(ctx, w.base, opt)
	}
	names, err := w.names(ctx)
	if err != nil {
		return nil, err
	}
	opt.Field = signing.Field{Tags: tagsOf(names, w.decision.Verdict)}
	p, err := signing.Prepare(ctx, w.base, opt)
	if !errors.Is(err, signing.ErrTag) {
		return p, err
	}
	opt.Field = signing.Field{}
	empty, err := signing.EmptyFields(w.base)
	if err != nil {
		return nil, err
	}
	if opt.Field.Name = fieldFor(names, w.decision.Verdict, empty); opt.Field.Name != "" {
		p, err := signing.Prepare(ctx, w.base, opt)
		if !errors.Is(err, signing.ErrField) {
			return p, err
		}
		opt.Field.Name = "" // one that cannot be filled is left as it is
	}
	return signing.Prepare(ctx, w.base, opt)
}

// names are those by which a letter may speak of the step: the code of the desk
// that decides, then the identifier of the step.
func (w *sealing) names(ctx context.Context) ([]string, error) {
	var out []string
	add := func(name string) {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && len(name) <= maxTagName && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	revision, err := w.o.Store.OrganisationRevision(ctx, w.tenant.ID)
	if err != nil {
		return nil, err
	}
	g, err := w.o.setUp(ctx, w.tenant.ID, revision)
	if err != nil {
		return nil, err
	}
	step := w.dossier.State.Circuit.Steps[w.step]
	for _, id := range []circuits.DeskID{w.decision.By.Desk, step.Desk} {
		if d, ok := find(g.Desks, func(d DeskSetup) bool { return d.ID == id }); ok {
			add(d.Code)
		}
	}
	add(string(step.ID))
	return out, nil
}

// maxTagName bounds the name in a tag, in bytes.
const maxTagName = 100

// tagWord is the word of a letter for what a decision puts there.
func tagWord(v circuits.Verdict) string {
	if v == circuits.Seals {
		return "cachet"
	}
	return "signature"
}

// tagsOf lists the tags at which a step's block goes, the most precise first:
// "#signature:maire#", "#signature#".
func tagsOf(names []string, v circuits.Verdict) []string {
	word := tagWord(v)
	var out []string
	for _, n := range names {
		out = append(out, "#"+word+":"+n+"#")
	}
	return append(out, "#"+word+"#")
}

// fieldFor chooses among the empty fields of a letter: the one named after the
// step, else the first that is named after no seal, or for a seal the one that is.
func fieldFor(names []string, v circuits.Verdict, empty []string) string {
	for _, n := range append(slices.Clone(names), tagWord(v)) {
		for _, f := range empty {
			if strings.EqualFold(f, n) {
				return f
			}
		}
	}
	if v == circuits.Seals {
		return ""
	}
	for _, f := range empty {
		if !strings.EqualFold(f, tagWord(circuits.Seals)) {
			return f
		}
	}
	return ""
}

// stepLevel reads the level that a step of a circuit requires; nothing requires
// nothing.
func stepLevel(s string) (signing.Level, error) {
	if s == "" {
		return signing.BB, nil
	}
	short := strings.TrimPrefix(strings.TrimPrefix(s, "PAdES-BASELINE-"), "B-")
	i := slices.Index([]string{"B", "T", "LT", "LTA"}, short)
	if i < 0 {
		return 0, fmt.Errorf("level %q of a step: %w", s, ErrInvalid)
	}
	return []signing.Level{signing.BB, signing.BT, signing.BLT, signing.BLTA}[i], nil
}
