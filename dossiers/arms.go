package dossiers

import (
	"context"
	"crypto/sha256"
	"errors"

	"parapheur/circuits"
	"parapheur/signing"
)

// An ArmsSetup is the coat of arms of a town as a configuration file holds it.
// Without image, the town is to have none.
type ArmsSetup struct {
	SHA256 circuits.Digest `json:"sha256,omitzero"` // of the image; zero: not said
	Image  []byte          `json:"image,omitempty"` // PNG or JPEG
	kept   *Picture        // what is made of it
}

// ArmsSet puts a coat of arms in the blocks of the letters signed from now on.
type ArmsSet struct {
	SHA256  circuits.Digest `json:"sha256"`
	Picture Picture         `json:"-"`
}

// ArmsRemoved erases it; letters that are signed keep theirs.
type ArmsRemoved struct{}

// Kind implements Amendment.
func (ArmsSet) Kind() string { return KindArmsSet }

// Kind implements Amendment.
func (ArmsRemoved) Kind() string { return KindArmsRemoved }

// Subject implements Amendment.
func (ArmsSet) Subject() string { return string(PictureArms) }

// Subject implements Amendment.
func (ArmsRemoved) Subject() string { return string(PictureArms) }

func (a ArmsSet) apply(g Organisation) Organisation {
	g.Arms = a.SHA256
	return g
}

func (ArmsRemoved) apply(g Organisation) Organisation {
	g.Arms = circuits.Digest{}
	return g
}

func (a ArmsSet) identified(func() (string, error)) (Amendment, error)     { return a, nil }
func (a ArmsRemoved) identified(func() (string, error)) (Amendment, error) { return a, nil }
func (ArmsSet) check(Organisation) error                                   { return nil } // made by us
func (ArmsRemoved) check(Organisation) error                               { return nil }

// armsPicture makes of a file the coat of arms that is kept.
func (o *Office) armsPicture(t Tenant, file []byte) (Picture, error) {
	made, err := signing.RewritePicture(file, signing.Arms)
	if err != nil {
		return Picture{}, refusedPicture(file, signing.Arms, err)
	}
	x := Picture{Kind: PictureArms, SHA256: sha256.Sum256(made), At: o.now()}
	x.Sealed, err = o.Vault.Seal(t, pictureKind, x.SHA256.String(), made)
	return x, err
}

// SetArms puts a coat of arms in the blocks of the letters signed from now on:
// see SetPicture. still is asked under the lock which one is in use, zero for
// none: its error is answered as it is, and nothing is changed. The one in use
// again changes nothing.
func (o *Office) SetArms(ctx context.Context, v Viewer, file []byte, still func(now circuits.Digest) error) error {
	if err := v.manages(); err != nil {
		return err
	}
	x, err := o.armsPicture(v.Tenant, file)
	if err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		if err := still(g.Arms); err != nil || g.Arms == x.SHA256 || g.Arms == sha256.Sum256(file) {
			return nil, err
		}
		return []Amendment{ArmsSet{SHA256: x.SHA256, Picture: x}}, nil
	})
}

// RemoveArms erases the coat of arms, under the rule of SetArms. ErrNotFound
// without any.
func (o *Office) RemoveArms(ctx context.Context, v Viewer, still func(now circuits.Digest) error) error {
	if err := v.manages(); err != nil {
		return err
	}
	return o.organise(ctx, v, func(g Organisation) ([]Amendment, error) {
		if g.Arms.IsZero() {
			return nil, ErrNotFound
		}
		return []Amendment{ArmsRemoved{}}, still(g.Arms)
	})
}

// Arms returns the coat of arms as it is kept; ErrNotFound without any.
func (o *Office) Arms(ctx context.Context, v Viewer) ([]byte, circuits.Digest, error) {
	if err := v.consults(); err != nil {
		return nil, circuits.Digest{}, err
	}
	x, file, err := o.picture(ctx, v.Tenant, PictureArms, "", circuits.Digest{})
	return file, x.SHA256, err
}

// SetupOf returns the set-up of the town as its configuration file says it,
// with the image of its arms, and the revision it is at.
func (o *Office) SetupOf(ctx context.Context, v Viewer) (Setup, int64, error) {
	g, err := o.Organisation(ctx, v)
	if err != nil {
		return Setup{}, 0, err
	}
	s := g.Setup()
	s.Town = v.Tenant.SIRET
	file, sum, err := o.Arms(ctx, v)
	switch {
	case err == nil:
		s.Arms = &ArmsSetup{SHA256: sum, Image: file}
	case isNotFound(err):
		s.Arms = nil // erased meanwhile
	default:
		return s, 0, err
	}
	return s, g.Revision, nil
}

// drawn makes of the arms of a set-up what would be kept, before any
// transaction.
func (o *Office) drawn(v Viewer, s Setup) (Setup, error) {
	if s.Arms == nil || s.Arms.kept != nil || len(s.Arms.Image) == 0 && s.Arms.SHA256.IsZero() {
		return s, nil
	}
	if sum := circuits.Digest(sha256.Sum256(s.Arms.Image)); !s.Arms.SHA256.IsZero() && sum != s.Arms.SHA256 {
		return s, &InvalidError{"arms", "Armoiries : l’image n’est pas celle dont l’empreinte est écrite (sha256). Recopiez-les ensemble, ou n’écrivez pas l’empreinte."}
	}
	x, err := o.armsPicture(v.Tenant, s.Arms.Image)
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return s, &InvalidError{"arms", "Armoiries : " + invalid.Reason}
	}
	if err != nil {
		return s, err
	}
	s.Arms = &ArmsSetup{SHA256: sha256.Sum256(s.Arms.Image), Image: s.Arms.Image, kept: &x}
	return s, nil
}

// armsPlanned compares the coat of arms. The image in use, and what it was made
// of, are the same.
func armsPlanned(g Organisation, s Setup, r *Reform) {
	switch {
	case s.Arms == nil:
	case s.Arms.kept == nil && !g.Arms.IsZero():
		r.Lines, r.amendments = append(r.Lines, ReformLine{Sign: "-", What: "armoiries de la collectivité"}), append(r.amendments, ArmsRemoved{})
	case s.Arms.kept == nil, s.Arms.SHA256 == g.Arms, s.Arms.kept.SHA256 == g.Arms:
	default:
		line := ReformLine{Sign: "+", What: "armoiries de la collectivité", Details: []string{"sha256 : rien → " + s.Arms.kept.SHA256.String()}}
		if !g.Arms.IsZero() {
			line.Sign, line.Details = "~", []string{"sha256 : " + g.Arms.String() + " → " + s.Arms.kept.SHA256.String()}
		}
		r.Lines, r.amendments = append(r.Lines, line), append(r.amendments, ArmsSet{SHA256: s.Arms.kept.SHA256, Picture: *s.Arms.kept})
	}
}
