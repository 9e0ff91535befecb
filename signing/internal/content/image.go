package content

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"

	"golang.org/x/image/ccitt"

	"parapheur/signing/internal/pdf"
)

// Limits of the images that are looked into: only those that span most of a page, such as a scan.
const (
	maxPixels    = 40 << 20 // A4 at 600 dots per inch
	maxAllPixels = 96 << 20 // of all the images of a document
	maxImageData = 64 << 20 // bytes, decoded
	columns      = 96       // cells in which ink is looked for
	rows         = 128
)

// image keeps where an image is. An image that spans most of the page is a scan or a background: what
// is dark in it is what it draws.
func (in *interpreter) image(s *pdf.Stream) {
	where := in.ctm.bound(pdf.Rect{X1: 1, Y1: 1}).Intersect(in.visible)
	if !in.isBackground(where) {
		in.add(where)
		return
	}
	dark, ok := in.ink(s)
	if !ok {
		in.out.Complete = false
		return
	}
	for y := range rows {
		for x := 0; x < columns; x++ {
			if !dark[y][x] {
				continue
			}
			from := x
			for x < columns && dark[y][x] {
				x++
			}
			// The first row of an image is at the top of the unit square.
			in.add(in.ctm.bound(pdf.Rect{X0: float64(from) / columns, X1: float64(x) / columns, Y0: 1 - float64(y+1)/rows, Y1: 1 - float64(y)/rows}))
		}
	}
}

// cells says where an image has ink.
type cells [rows][columns]bool

// raster is an image whose samples can be read.
type raster struct {
	width, height int
	luminance     func(x, y int) uint8 // 0 is black
}

// inkLevel is the luminance under which a sample is ink: pencil is, a watermark is not.
const inkLevel = 170

// ink finds the dark cells of an image; false when its coding is not one that can be read here.
func (in *interpreter) ink(s *pdf.Stream) (*cells, bool) {
	pix, ok := in.raster(s)
	if !ok {
		return nil, false
	}
	mask := raster{}
	if m, isStream := in.resolve(s.Dict.Get("SMask")).(*pdf.Stream); isStream {
		if mask, ok = in.raster(m); !ok {
			return nil, false
		}
	}
	var out cells
	for y := range pix.height {
		for x := range pix.width {
			if pix.luminance(x, y) >= inkLevel {
				continue
			}
			if mask.width > 0 && mask.luminance(x*mask.width/pix.width, y*mask.height/pix.height) < 40 {
				continue
			}
			out[y*rows/pix.height][x*columns/pix.width] = true
		}
	}
	return &out, true
}

// raster decodes an image: JPEG, fax, or samples of 1 or 8 bits in grey, RGB or a palette.
func (in *interpreter) raster(s *pdf.Stream) (raster, bool) {
	w, okW := in.number(s.Dict.Get("Width"))
	h, okH := in.number(s.Dict.Get("Height"))
	if !okW || !okH || w < 1 || h < 1 || w*h > maxPixels || !in.afford(int(w*h)) {
		return raster{}, false
	}
	filter := in.resolve(s.Dict.Get("Filter"))
	if a, ok := filter.(pdf.Array); ok && len(a) == 1 {
		filter = in.resolve(a[0])
	}
	switch n, _ := filter.(pdf.Name); n.Decoded() {
	case "DCTDecode", "DCT":
		return in.jpeg(s)
	case "CCITTFaxDecode", "CCF":
		return in.fax(s, int(w), int(h))
	}
	data, err := in.doc.Decode(s, maxImageData)
	if err != nil {
		return raster{}, false
	}
	return in.samples(s.Dict, data, int(w), int(h))
}

// afford spends pixels, and refuses those that are too many for one document.
func (r *Reader) afford(pixels int) bool {
	r.pixels -= pixels
	return r.pixels >= 0
}

func (in *interpreter) jpeg(s *pdf.Stream) (raster, bool) {
	src, err := in.doc.StreamData(s)
	if err != nil {
		return raster{}, false
	}
	data, err := io.ReadAll(io.LimitReader(src, maxImageData))
	if err != nil {
		return raster{}, false
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if n := c.Width * c.Height; err != nil || n > maxPixels || n == 0 || !in.afford(n) {
		return raster{}, false
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return raster{}, false
	}
	out := raster{width: img.Bounds().Dx(), height: img.Bounds().Dy()}
	switch m := img.(type) {
	case *image.Gray:
		out.luminance = func(x, y int) uint8 { return m.Pix[y*m.Stride+x] }
	case *image.YCbCr:
		out.luminance = func(x, y int) uint8 { return m.Y[y*m.YStride+x] }
	default: // CMYK: inverted or not, depending on the producer
		return raster{}, false
	}
	return out, true
}

// fax decodes the scan of a copier: Group 4, or one-dimensional Group 3 (ISO 32000-2, 7.4.6).
func (in *interpreter) fax(s *pdf.Stream, w, h int) (raster, bool) {
	params := in.resolve(s.Dict.Get("DecodeParms"))
	if a, ok := params.(pdf.Array); ok && len(a) == 1 {
		params = in.resolve(a[0])
	}
	d, _ := params.(*pdf.Dict)
	k, _ := in.number(d.Get("K"))
	columns, ok := in.number(d.Get("Columns"))
	if !ok {
		columns = 1728
	}
	format := ccitt.Group4
	if k == 0 {
		format = ccitt.Group3
	}
	src, err := in.doc.StreamData(s)
	if err != nil || k > 0 || int(columns) != w {
		return raster{}, false
	}
	align, _ := in.resolve(d.Get("EncodedByteAlign")).(pdf.Raw)
	out := image.NewGray(image.Rect(0, 0, w, h))
	err = ccitt.DecodeIntoGray(out, io.LimitReader(src, maxImageData), ccitt.MSB, format, &ccitt.Options{Align: align == "true"})
	if err != nil {
		return raster{}, false
	}
	// A document that swaps black and white says so twice, here and in /Decode: ink is the rarer one.
	black := 0
	for _, v := range out.Pix {
		if v < inkLevel {
			black++
		}
	}
	swapped := black > len(out.Pix)/2
	return raster{width: w, height: h, luminance: func(x, y int) uint8 {
		if swapped {
			return 255 - out.Pix[y*out.Stride+x]
		}
		return out.Pix[y*out.Stride+x]
	}}, true
}

// samples reads uncompressed samples.
func (in *interpreter) samples(d *pdf.Dict, data []byte, w, h int) (raster, bool) {
	bits, _ := in.number(d.Get("BitsPerComponent"))
	if m, _ := in.resolve(d.Get("ImageMask")).(pdf.Raw); m == "true" {
		bits = 1
	}
	inverted := false
	if a, ok := in.resolve(d.Get("Decode")).(pdf.Array); ok && len(a) >= 2 {
		first, _ := in.number(a[0])
		inverted = first > 0
	}
	components, palette := in.colours(d.Get("ColorSpace"))
	row := (w*components*int(bits) + 7) / 8
	if components == 0 || len(data) < row*h || bits != 1 && bits != 8 || bits == 1 && components != 1 {
		return raster{}, false
	}
	out := raster{width: w, height: h}
	value := func(v uint8) uint8 { return v }
	if palette != nil {
		value = func(v uint8) uint8 { return palette[v] }
	}
	if inverted {
		straight := value
		value = func(v uint8) uint8 { return 255 - straight(v) }
	}
	switch {
	case bits == 1:
		out.luminance = func(x, y int) uint8 {
			v := data[y*row+x/8] >> (7 - x%8) & 1
			if palette == nil {
				v *= 255
			}
			return value(v)
		}
	case components == 1:
		out.luminance = func(x, y int) uint8 { return value(data[y*row+x]) }
	default:
		out.luminance = func(x, y int) uint8 {
			p := data[y*row+3*x:]
			return value(luminance(p[0], p[1], p[2]))
		}
	}
	return out, true
}

func luminance(r, g, b uint8) uint8 { return uint8((299*int(r) + 587*int(g) + 114*int(b)) / 1000) }

// colours returns the number of components of a colour space, and the luminances of a palette.
func (in *interpreter) colours(v pdf.Object) (int, *[256]uint8) {
	v = in.resolve(v)
	a, _ := v.(pdf.Array)
	name, _ := v.(pdf.Name)
	if len(a) > 0 {
		name, _ = in.resolve(a[0]).(pdf.Name)
	}
	switch name.Decoded() {
	case "", "DeviceGray", "CalGray", "G": // no colour space: a mask
		return 1, nil
	case "DeviceRGB", "CalRGB", "RGB":
		return 3, nil
	case "ICCBased":
		if len(a) == 2 {
			if s, ok := in.resolve(a[1]).(*pdf.Stream); ok {
				if n, _ := in.number(s.Dict.Get("N")); n == 1 || n == 3 {
					return int(n), nil
				}
			}
		}
	case "Indexed", "I":
		if len(a) == 4 {
			return in.indexed(a)
		}
	}
	return 0, nil
}

// indexed reads a palette over grey or RGB.
func (in *interpreter) indexed(a pdf.Array) (int, *[256]uint8) {
	if base, ok := in.resolve(a[1]).(pdf.Array); ok && len(base) > 0 {
		if n, _ := in.resolve(base[0]).(pdf.Name); n.Is("Indexed") {
			return 0, nil
		}
	}
	n, _ := in.colours(a[1])
	var table []byte
	switch t := in.resolve(a[3]).(type) {
	case pdf.Raw:
		table = t.Bytes()
	case *pdf.Stream:
		table, _ = in.doc.Decode(t, 4096) // one that cannot be read is black
	}
	if n == 0 {
		return 0, nil
	}
	var out [256]uint8
	for i := range out {
		if (i+1)*n > len(table) {
			break
		}
		if p := table[i*n:]; n == 1 {
			out[i] = p[0]
		} else {
			out[i] = luminance(p[0], p[1], p[2])
		}
	}
	return 1, &out
}
