package appearance

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync"
)

// ErrPicture refuses an image that is not a PNG or JPEG within the limits.
var ErrPicture = errors.New("appearance: image refused")

// Limits of an image that somebody uploads.
const (
	maxPictureBytes  = 12 << 20 // telephones take photographs of 8 MB
	maxPicturePixels = 16 << 20
	maxPictureSide   = 8192
	// keptSide is the longest side that is embedded, in pixels: more than 300 dots per inch in the
	// largest place that a block gives.
	keptSide = 560
)

// Picture is a coat of arms, a logo or the image of a handwritten signature, decoded and reduced. It
// is immutable.
type Picture struct {
	pix  *image.NRGBA // without white or transparent margins
	sum  [sha256.Size]byte
	jpeg bool // the source was one: a photograph or a scan, without transparency
}

// maxPictures bounds the memory of the pictures kept, at most 1.3 MB each: a town uses one coat of
// arms and a few handwritten signatures.
const maxPictures = 16

var (
	picturesMu sync.Mutex
	pictures   = map[[sha256.Size]byte]*Picture{}
)

// NewPicture decodes a PNG or a JPEG within limits, or fails with [ErrPicture]. The margins that are
// white or transparent are cut off; transparency is kept. A photograph is held as its telephone was.
func NewPicture(b []byte) (*Picture, error) {
	if len(b) > maxPictureBytes {
		return nil, fmt.Errorf("%w: %d bytes, %d allowed", ErrPicture, len(b), maxPictureBytes)
	}
	sum := sha256.Sum256(b)
	picturesMu.Lock()
	p := pictures[sum]
	picturesMu.Unlock()
	if p != nil {
		return p, nil
	}
	d, err := decodePicture(b)
	if err != nil {
		return nil, err
	}
	pix := d.reduced(keptSide)
	if pix == nil {
		return nil, fmt.Errorf("%w: blank", ErrPicture)
	}
	p = &Picture{pix: pix, sum: sum, jpeg: d.jpeg}
	picturesMu.Lock()
	defer picturesMu.Unlock()
	if len(pictures) >= maxPictures {
		clear(pictures)
	}
	pictures[sum] = p
	return p, nil
}

// decoded is an image as its file has it.
type decoded struct {
	img         image.Image
	jpeg        bool
	orientation int // how it is to be held, from 1 to 8
}

// reduced returns the image upright, without its margins, its longest side of so many pixels at most; nil when it is blank.
func (d decoded) reduced(side int) *image.NRGBA { return turned(reduced(d.img, side), d.orientation) }

func decodePicture(b []byte) (decoded, error) {
	d := decoded{orientation: upright}
	config, decode := png.DecodeConfig, png.Decode
	if bytes.HasPrefix(b, []byte("\xFF\xD8")) {
		config, decode = jpeg.DecodeConfig, jpeg.Decode
		d.jpeg, d.orientation = true, orientation(b)
	}
	c, err := config(bytes.NewReader(b))
	if err != nil {
		return d, fmt.Errorf("%w: neither PNG nor JPEG: %w", ErrPicture, err)
	}
	most := maxPicturePixels
	switch c.ColorModel {
	case color.NRGBA64Model, color.RGBA64Model, color.Gray16Model: // two bytes a sample: 128 MB otherwise
		most /= 2
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPictureSide || c.Height > maxPictureSide || c.Width*c.Height > most {
		return d, fmt.Errorf("%w: %d x %d pixels", ErrPicture, c.Width, c.Height)
	}
	if d.img, err = decode(bytes.NewReader(b)); err != nil {
		return d, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	return d, nil
}

// reduced cuts the margins and averages the pixels down to a longest side; nil for a blank image.
func reduced(img image.Image, side int) *image.NRGBA {
	box := inked(img)
	if box.Empty() {
		return nil
	}
	w, h := box.Dx(), box.Dy()
	if longest := max(w, h); longest > side {
		w, h = max(1, w*side/longest), max(1, h*side/longest)
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			from := image.Pt(box.Min.X+x*box.Dx()/w, box.Min.Y+y*box.Dy()/h)
			to := image.Pt(max(from.X+1, box.Min.X+(x+1)*box.Dx()/w), max(from.Y+1, box.Min.Y+(y+1)*box.Dy()/h))
			out.SetNRGBA(x, y, average(img, image.Rectangle{Min: from, Max: to}))
		}
	}
	return out
}

// average mixes pixels by their alpha, so that an edge does not take the colour of what is transparent.
func average(img image.Image, box image.Rectangle) color.NRGBA {
	var r, g, b, a, n uint64
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			pr, pg, pb, pa := img.At(x, y).RGBA() // premultiplied
			r, g, b, a, n = r+uint64(pr), g+uint64(pg), b+uint64(pb), a+uint64(pa), n+1
		}
	}
	if a == 0 {
		return color.NRGBA{R: 255, G: 255, B: 255}
	}
	part := func(v uint64) uint8 { return uint8(min(255, (v*255+a/2)/a)) }
	return color.NRGBA{R: part(r), G: part(g), B: part(b), A: uint8((a + n*128) / (n * 257))}
}

// inked is the smallest rectangle with everything that is neither transparent nor white.
func inked(img image.Image) image.Rectangle {
	b, out := img.Bounds(), image.Rectangle{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, a := img.At(x, y).RGBA()
			white := 0xFFFF - a // the paper seen through
			if a < 0x0800 || min(r+white, g+white, bl+white) > 0xF500 {
				continue
			}
			if p := image.Rect(x, y, x+1, y+1); out.Empty() {
				out = p
			} else {
				out = out.Union(p)
			}
		}
	}
	return out
}

// fit returns the size of the picture within a box, in points, its proportions kept.
func (p *Picture) fit(width, height float64) (w, h float64) {
	s := min(width/float64(p.pix.Rect.Dx()), height/float64(p.pix.Rect.Dy()))
	return s * float64(p.pix.Rect.Dx()), s * float64(p.pix.Rect.Dy())
}

// embeddedPicture is a picture as PDF streams.
type embeddedPicture struct {
	colour, alpha []byte // alpha is nil when the picture is opaque
	dct           bool
}

var (
	embeddedMu       sync.Mutex
	embeddedPictures = map[string]*embeddedPicture{} // by digest and flatness
)

// embedded compresses the picture, or finds it again: deflating takes longer than signing. flat lays
// the picture on white, for the documents in which nothing may be transparent.
func (p *Picture) embedded(flat bool) (*embeddedPicture, error) {
	key := fmt.Sprintf("%x %t", p.sum, flat)
	embeddedMu.Lock()
	e := embeddedPictures[key]
	embeddedMu.Unlock()
	if e != nil {
		return e, nil
	}
	e, err := p.embed(flat)
	if err != nil {
		return nil, err
	}
	embeddedMu.Lock()
	defer embeddedMu.Unlock()
	if len(embeddedPictures) >= 2*maxPictures {
		clear(embeddedPictures)
	}
	embeddedPictures[key] = e
	return e, nil
}

func (p *Picture) embed(flat bool) (*embeddedPicture, error) {
	if p.jpeg {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, p.pix, &jpeg.Options{Quality: 88}); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPicture, err)
		}
		return &embeddedPicture{colour: b.Bytes(), dct: true}, nil
	}
	n := p.pix.Rect.Dx() * p.pix.Rect.Dy()
	colour, alpha, opaque := make([]byte, 0, 3*n), make([]byte, 0, n), true
	for i := range n {
		c := p.pix.Pix[4*i : 4*i+4]
		a := int(c[3])
		opaque = opaque && a == 255
		for _, v := range c[:3] {
			if flat || a == 0 {
				v = uint8((int(v)*a + 255*(255-a)) / 255)
			}
			colour = append(colour, v)
		}
		alpha = append(alpha, c[3])
	}
	e := &embeddedPicture{colour: deflate(colour)}
	if !flat && !opaque {
		e.alpha = deflate(alpha)
	}
	return e, nil
}

// objects returns the image XObject and its mask; base is the index of the first among
// [Objects].Extra.
func (p *Picture) objects(base int, flat bool) ([]Object, error) {
	e, err := p.embedded(flat)
	if err != nil {
		return nil, err
	}
	size := fmt.Sprintf("<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8", p.pix.Rect.Dx(), p.pix.Rect.Dy())
	filter := "FlateDecode"
	if e.dct {
		filter = "DCTDecode"
	}
	colour := Object{Stream: e.colour, Dict: func(ref func(int) string) string {
		mask := ""
		if e.alpha != nil {
			mask = "/SMask " + ref(base+1)
		}
		return fmt.Sprintf("%s/ColorSpace%s/Interpolate false%s/Filter/%s/Length %d>>", size, calRGB, mask, filter, len(e.colour))
	}}
	if e.alpha == nil {
		return []Object{colour}, nil
	}
	return []Object{colour, {Stream: e.alpha, Dict: func(func(int) string) string {
		return fmt.Sprintf("%s/ColorSpace/DeviceGray/Filter/FlateDecode/Length %d>>", size, len(e.alpha))
	}}}, nil
}
