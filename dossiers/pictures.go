package dossiers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/internal/segments"
	"parapheur/signing"
)

// A PictureKind is what an image of a signature block is.
type PictureKind string

// The images of blocks.
const (
	PictureArms   PictureKind = "arms"   // the coat of arms of the town, in every block
	PictureGriffe PictureKind = "griffe" // the handwritten signature of a person, in theirs
)

// The kinds under which images are journaled.
const (
	KindArmsSet       = "arms.set"
	KindArmsRemoved   = "arms.removed"
	KindGriffeSet     = "griffe.set"
	KindGriffeRemoved = "griffe.removed"
)

// MaxPicture bounds an image that is brought, in bytes.
const MaxPicture = 12 << 20

// A Picture is an image as it is kept: written anew from what was brought.
type Picture struct {
	Kind   PictureKind
	Person circuits.PersonID // whose griffe it is; nobody's for the arms
	SHA256 circuits.Digest   // of the image
	Sealed []byte            // the image, under the vault
	At     time.Time
}

// Pictures keeps the images of blocks. Everything is of one town.
type Pictures interface {
	// Picture returns the image in use or, named by a digest, one that a letter
	// under way was laid out with; ErrNotFound without any.
	Picture(ctx context.Context, t TenantID, k PictureKind, p circuits.PersonID, named circuits.Digest) (Picture, error)
	// SetPicture puts an image in use, journaled without its bytes. The one
	// before is kept as long as a letter under way was laid out with it.
	SetPicture(ctx context.Context, t TenantID, x Picture, by circuits.Actor) error
	// RemovePicture erases the image in use and those before it, journaled;
	// ErrNotFound without any in use.
	RemovePicture(ctx context.Context, t TenantID, k PictureKind, p circuits.PersonID, by circuits.Actor, at time.Time) error
}

// pictureKind is what the vault knows images by.
const pictureKind = "picture"

// owns says whose image v may see and change: administrators the arms, and
// everybody their own griffe, which nobody else ever sees.
func (v Viewer) owns(k PictureKind) (circuits.PersonID, error) {
	if k == PictureArms {
		return "", v.administers() // programs: see Office.SetArms
	}
	p, err := v.person()
	if err != nil || k != PictureGriffe {
		return "", errors.Join(err, ErrForbidden)
	}
	return p.ID, nil
}

// SetPicture puts an image in the blocks of the letters signed from now on: PNG
// or JPEG, of MaxPicture at most. It is written anew; of a handwritten
// signature the ink alone, unless whole. What is no such image is an
// *InvalidError.
func (o *Office) SetPicture(ctx context.Context, v Viewer, k PictureKind, file []byte, whole bool) error {
	owner, err := v.owns(k)
	if err != nil {
		return err
	}
	if k == PictureArms {
		return o.SetArms(ctx, v, file, func(circuits.Digest) error { return nil })
	}
	use := signing.Arms
	if !whole {
		use = signing.Griffe
	}
	made, err := signing.RewritePicture(file, use)
	if err != nil {
		return refusedPicture(file, use, err)
	}
	x := Picture{Kind: k, Person: owner, SHA256: sha256.Sum256(made), At: o.now()}
	if x.Sealed, err = o.Vault.Seal(v.Tenant, pictureKind, x.SHA256.String(), made); err != nil {
		return fmt.Errorf("seal an image: %w", err)
	}
	if now, err := o.Store.Picture(ctx, v.Tenant.ID, k, owner, circuits.Digest{}); err == nil && now.SHA256 == x.SHA256 {
		return nil // the same again
	}
	return o.Store.SetPicture(ctx, v.Tenant.ID, x, v.Actor(""))
}

// refusedPicture says what is wrong with an image, and what to do.
func refusedPicture(file []byte, use signing.PictureUse, err error) error {
	why := "Cette image ne se lit pas. Enregistrez-la en PNG ou en JPEG et recommencez."
	switch {
	case !errors.Is(err, signing.ErrPicture):
		return err
	case len(file) == 0:
		why = "Choisissez une image, en PNG ou en JPEG."
	case len(file) > MaxPicture:
		why = "Cette image est trop lourde : 12 Mo au plus."
	case strings.Contains(err.Error(), "pixels"):
		why = "Cette image est trop grande : 16 millions de pixels et 8192 de côté au plus. Réduisez-la et recommencez."
	case strings.HasSuffix(err.Error(), "blank") && use == signing.Griffe:
		why = "Rien ne s’y distingue du papier. Photographiez-la de plus près, ou décochez « Retirer le fond de la photo »."
	case strings.HasSuffix(err.Error(), "blank"):
		why = "Cette image est vide : rien ne s’y distingue du fond."
	}
	return &InvalidError{"picture", why}
}

// RemovePicture erases an image: the letters signed from now on go without, and
// those that are signed keep theirs. ErrNotFound without any.
func (o *Office) RemovePicture(ctx context.Context, v Viewer, k PictureKind) error {
	owner, err := v.owns(k)
	if err != nil {
		return err
	}
	if k == PictureArms {
		return o.RemoveArms(ctx, v, func(circuits.Digest) error { return nil })
	}
	return o.Store.RemovePicture(ctx, v.Tenant.ID, k, owner, v.Actor(""), o.now())
}

// PictureFile returns an image as it is kept, and since when; ErrNotFound
// without any.
func (o *Office) PictureFile(ctx context.Context, v Viewer, k PictureKind) ([]byte, time.Time, error) {
	owner, err := v.owns(k)
	if err != nil {
		return nil, time.Time{}, err
	}
	x, file, err := o.picture(ctx, v.Tenant, k, owner, circuits.Digest{})
	return file, x.At, err
}

// picture opens an image of a town.
func (o *Office) picture(ctx context.Context, t Tenant, k PictureKind, p circuits.PersonID, named circuits.Digest) (Picture, []byte, error) {
	x, err := o.Store.Picture(ctx, t.ID, k, p, named)
	if err != nil {
		return x, nil, err
	}
	file, err := o.Vault.Open(t, pictureKind, x.SHA256.String(), x.Sealed)
	if err != nil {
		return x, nil, fmt.Errorf("open an image: %w", err)
	}
	return x, file, nil
}

// BlockPreview draws the signature block of the viewer as it will be, as a PNG
// of about width pixels, on a sheet of its own: the words of today, the arms of
// the town and, for PictureGriffe, their handwritten signature.
func (o *Office) BlockPreview(ctx context.Context, v Viewer, k PictureKind, width int) ([]byte, error) {
	if _, err := v.owns(k); err != nil {
		return nil, err
	}
	p, err := v.person()
	if err != nil {
		return nil, err
	}
	year, month, day := o.Now().In(o.location()).Date()
	today := time.Date(year, month, day, 10, 0, 0, 0, o.location()) // one picture a day
	opt := signing.Options{Claims: signing.Claims{Name: "Prénom Nom", Quality: "Maire", Town: v.Tenant.Place, Time: today}}
	if k == PictureGriffe {
		opt.Claims.Name, opt.Claims.Quality = p.Name(), quality(p)
		if _, opt.Griffe, err = o.picture(ctx, v.Tenant, k, p.ID, circuits.Digest{}); err != nil && !isNotFound(err) {
			return nil, err
		}
	}
	if _, opt.Arms, err = o.picture(ctx, v.Tenant, PictureArms, "", circuits.Digest{}); err != nil && !isNotFound(err) {
		return nil, err
	}
	sheet := blankSheet()
	tail, _, err := signing.Sketch(ctx, sheet, opt)
	if err != nil {
		return nil, fmt.Errorf("preview of a block: %w", err)
	}
	whole := segments.Concat(sheet, bytes.NewReader(tail))
	pdf, err := io.ReadAll(io.NewSectionReader(whole, 0, whole.Size()))
	if err != nil {
		return nil, fmt.Errorf("preview of a block: %w", err)
	}
	return o.Render.Page(ctx, sha256.Sum256(pdf), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pdf)), nil }, 1, width)
}

// quality is that of the first seat of somebody, as blocks say it.
func quality(p Person) string {
	for _, s := range p.Seats {
		if s.Quality != "" {
			return s.Quality
		}
	}
	return ""
}

// blankSheet is a PDF of one empty page, a little larger than any block.
func blankSheet() *bytes.Reader {
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 156]/Resources<<>>>>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	table := "0000000000 65535 f \n"
	for i, x := range objects {
		table += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, x)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table, len(objects)+1, start)
	return bytes.NewReader(b.Bytes())
}

// adorn puts into the options of a signature the images of its block, and their
// digests beside what is kept: laid out anew for the same decision, the block
// shows the same ones, and does without one that was erased meanwhile. A seal is
// nobody's and shows nobody's hand.
func (w *sealing) adorn(ctx context.Context, opt *signing.Options, next *Sealing) error {
	again := w.kept.Prepared != nil
	add := func(k PictureKind, p circuits.PersonID, named *circuits.Digest, into *[]byte) error {
		if again && named.IsZero() {
			return nil
		}
		x, file, err := w.o.picture(ctx, w.tenant, k, p, *named)
		if isNotFound(err) {
			*named = circuits.Digest{}
			return nil
		}
		*named, *into = x.SHA256, file
		return err
	}
	if err := add(PictureArms, "", &next.Arms, &opt.Arms); err != nil {
		return err
	}
	if opt.Claims.Seal {
		return nil
	}
	return add(PictureGriffe, w.decision.By.Person, &next.Griffe, &opt.Griffe)
}
