package intake

import (
	_ "embed" // the font of stamps
	"fmt"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
	"golang.org/x/text/encoding/charmap"
)

// A Stamp is lines of text put on one page, set against the right of a box that the caller knows to be free.
type Stamp struct {
	Page int `json:"page"` // from 1
	// The box, as fractions of the page as it is shown, from its top left.
	X, Y, W, H float64
	// Lines are the text, in characters of Windows-1252: see [Stampable].
	Lines []string `json:"lines"`
}

// Stampable says that a stamp can hold the text: every character is in its font.
func Stampable(text string) bool {
	_, err := charmap.Windows1252.NewEncoder().String(text)
	return err == nil && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// stampFont is Public Sans, cut down to the characters of Windows-1252: a stamp must not cost a PDF/A its conformance,
// and so brings its font along (ISO 19005-1, 6.3.4).
//
//go:embed font/PublicSans-WinAnsi.ttf
var stampFont []byte

// stampWidths are the widths of the characters 32 to 255 of Windows-1252 in stampFont, in thousandths of the size.
func stampWidths() [224]int {
	return [224]int{
		243, 251, 426, 603, 658, 904, 708, 248, 302, 309, 394, 554, 242, 378, 225, 350,
		612, 407, 596, 630, 628, 640, 622, 600, 648, 624, 226, 240, 546, 554, 546, 521,
		831, 710, 670, 688, 694, 620, 594, 733, 766, 283, 388, 682, 578, 886, 754, 734,
		636, 748, 676, 674, 594, 700, 672, 954, 688, 607, 637, 303, 350, 303, 473, 518,
		218, 553, 596, 544, 596, 566, 396, 622, 576, 248, 262, 562, 303, 865, 577, 566,
		596, 596, 391, 507, 389, 580, 504, 786, 564, 535, 480, 328, 263, 332, 568, 0,
		600, 0, 242, 456, 425, 768, 458, 458, 324, 1304, 674, 278, 1118, 0, 637, 0,
		0, 240, 232, 419, 410, 316, 555, 1117, 344, 912, 507, 278, 948, 0, 480, 607,
		243, 252, 542, 613, 540, 612, 263, 490, 296, 817, 409, 454, 554, 378, 539, 328,
		463, 554, 367, 402, 218, 586, 559, 230, 231, 240, 406, 478, 792, 866, 918, 518,
		710, 710, 710, 710, 710, 710, 974, 688, 620, 620, 620, 620, 283, 283, 283, 283,
		707, 754, 734, 734, 734, 734, 734, 540, 750, 700, 700, 700, 700, 607, 650, 590,
		553, 553, 553, 553, 553, 553, 914, 544, 566, 566, 566, 566, 242, 242, 242, 302,
		585, 577, 566, 566, 566, 566, 566, 554, 586, 580, 580, 580, 580, 535, 590, 535,
	}
}

const (
	stampSize    = 9    // points, when the box lets it
	stampLeading = 1.25 // of the size

	// Names in the resources of a page that no producer uses.
	fontKey  = "PrphStamp"
	colorKey = "PrphGray"
)

// stamper adds stamps to the pages of one document.
type stamper struct {
	doc         *model.Context
	pages       []page
	font, begin types.IndirectRef
}

func stampAll(doc *model.Context, pages []page, stamps []Stamp, specimen bool) error {
	if len(stamps) == 0 && !specimen {
		return nil
	}
	s := &stamper{doc: doc, pages: pages}
	if err := s.prepare(); err != nil {
		return err
	}
	for _, one := range stamps {
		if one.Page < 1 || one.Page > len(pages) {
			return fmt.Errorf("stamp on page %d of %d", one.Page, len(pages))
		}
		if err := s.stamp(pages[one.Page-1], one); err != nil {
			return fmt.Errorf("stamp page %d: %w", one.Page, err)
		}
	}
	if specimen {
		return s.markSpecimen()
	}
	return nil
}

// prepare adds the font (ISO 32000-2, 9.6.3, 9.8) and what saves the graphics state before a page's own contents.
func (s *stamper) prepare() error {
	file, err := s.stream(types.Dict{"Length1": types.Integer(len(stampFont))}, stampFont)
	if err != nil {
		return err
	}
	const base = "PRPHST+PublicSans-Regular"
	descriptor, err := s.doc.IndRefForNewObject(types.Dict{
		"Type": types.Name("FontDescriptor"), "FontName": types.Name(base), "Flags": types.Integer(32), // nonsymbolic
		"FontBBox": types.NewIntegerArray(-157, -206, 1248, 988), "ItalicAngle": types.Integer(0), "Ascent": types.Integer(950),
		"Descent": types.Integer(-225), "CapHeight": types.Integer(723), "StemV": types.Integer(88), "FontFile2": file,
	})
	if err != nil {
		return err
	}
	widths := stampWidths()
	font, err := s.doc.IndRefForNewObject(types.Dict{
		"Type": types.Name("Font"), "Subtype": types.Name("TrueType"), "BaseFont": types.Name(base), "FirstChar": types.Integer(32),
		"LastChar": types.Integer(255), "Widths": types.NewIntegerArray(widths[:]...), "Encoding": types.Name("WinAnsiEncoding"),
		"FontDescriptor": *descriptor,
	})
	if err != nil {
		return err
	}
	s.font = *font
	s.begin, err = s.stream(types.Dict{}, []byte("q\n"))
	return err
}

// stream adds a compressed stream.
func (s *stamper) stream(d types.Dict, content []byte) (types.IndirectRef, error) {
	d["Filter"] = types.Name("FlateDecode")
	one := types.StreamDict{Dict: d, Content: content, FilterPipeline: []types.PDFFilter{{Name: "FlateDecode"}}}
	if err := one.Encode(); err != nil {
		return types.IndirectRef{}, err
	}
	ref, err := s.doc.IndRefForNewObject(one)
	if err != nil {
		return types.IndirectRef{}, err
	}
	return *ref, nil
}

func (s *stamper) stamp(p page, one Stamp) error {
	drawing, err := draw(p, one)
	if err != nil {
		return err
	}
	return s.put(p, drawing)
}

// put adds a drawing after what a page holds.
func (s *stamper) put(p page, drawing []byte) error {
	end, err := s.stream(types.Dict{}, drawing)
	if err != nil {
		return err
	}
	contents, err := s.contents(p)
	if err != nil {
		return err
	}
	resources, err := s.resources(p)
	if err != nil {
		return err
	}
	p.dict["Contents"] = append(append(types.Array{s.begin}, contents...), end)
	p.dict["Resources"] = resources
	return nil
}

// contents lists the content streams a page has.
func (s *stamper) contents(p page) (types.Array, error) {
	o, ok := p.dict.Find("Contents")
	if !ok {
		return nil, nil
	}
	held, err := s.doc.Dereference(o)
	if err != nil {
		return nil, err
	}
	if list, ok := held.(types.Array); ok {
		return list, nil
	}
	if held == nil {
		return nil, nil
	}
	return types.Array{o}, nil
}

// resources gives the page a dictionary of its own: the one it had may be shared.
func (s *stamper) resources(p page) (types.Dict, error) {
	out, err := s.copied(p.resources)
	if err != nil {
		return nil, err
	}
	fonts, err := s.copied(out["Font"])
	if err != nil {
		return nil, err
	}
	fonts[fontKey] = s.font
	spaces, err := s.copied(out["ColorSpace"])
	if err != nil {
		return nil, err
	}
	// A calibrated gray is right with every output intent and without any (ISO 19005-1, 6.2.3).
	spaces[colorKey] = types.Array{types.Name("CalGray"), types.Dict{
		"WhitePoint": types.NewNumberArray(0.9505, 1, 1.089), "Gamma": types.Float(2.2),
	}}
	spaces[redKey] = red()
	out["Font"], out["ColorSpace"] = fonts, spaces
	return out, nil
}

func (s *stamper) copied(o types.Object) (types.Dict, error) {
	d, err := s.doc.DereferenceDict(o)
	if err != nil {
		return nil, err
	}
	out := types.Dict{}
	for k, v := range d {
		out[k] = v
	}
	return out, nil
}

// draw is the content stream of a stamp. It begins by restoring the state saved before the page's own contents, and is
// marked as what it is: no part of the text (ISO 32000-2, 14.8.2.2).
func draw(p page, one Stamp) ([]byte, error) {
	width, height := p.size()
	left, bottom := one.X*width, (1-one.Y-one.H)*height
	boxWidth, boxHeight := one.W*width, one.H*height
	lines, widths, widest := make([]string, len(one.Lines)), make([]float64, len(one.Lines)), 1.0
	for i, text := range one.Lines {
		encoded, err := charmap.Windows1252.NewEncoder().String(text)
		if err != nil {
			return nil, fmt.Errorf("a stamp cannot show %q: %w", text, err)
		}
		lines[i], widths[i] = encoded, textWidth(encoded)
		widest = max(widest, widths[i])
	}
	size := min(stampSize, boxWidth/widest*1000, boxHeight/(stampLeading*float64(max(len(lines), 1))))
	var b strings.Builder
	m := p.shown()
	fmt.Fprintf(&b, "\nQ\n/Artifact<</Type/Pagination>>BDC\nq %g %g %g %g %.3f %.3f cm\nBT /%s cs 0 sc /%s %.3f Tf\n", m[0], m[1], m[2], m[3], m[4], m[5], colorKey, fontKey, size)
	for i, text := range lines {
		x := left + boxWidth - widths[i]*size/1000
		y := bottom + boxHeight - size*(stampLeading*float64(i)+0.95)
		fmt.Fprintf(&b, "1 0 0 1 %.3f %.3f Tm <%X> Tj\n", x, y, text)
	}
	b.WriteString("ET Q\nEMC\n")
	return []byte(b.String()), nil
}

// textWidth is in thousandths of the size.
func textWidth(encoded string) (width float64) {
	all := stampWidths()
	for i := range len(encoded) {
		if c := int(encoded[i]); c >= 32 {
			width += float64(all[c-32])
		}
	}
	return width
}
