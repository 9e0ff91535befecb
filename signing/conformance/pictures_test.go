//go:build slow

package conformance_test

import (
	"os"
	"path/filepath"
	"testing"

	"parapheur/signing"
)

// pictures are the images of a block: a coat of arms and a handwritten signature.
type pictures struct{ arms, griffe []byte }

// withImages stands between the name of a document and that of the images in its blocks.
const withImages = " + images: "

// adorned has the documents in which an image could do harm signed with each kind of image file: every part and level of
// PDF/A, with an output intent of three, four or one colour and without any, and an ordinary file of either PDF.
func adorned(t *testing.T, all []input) []input {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata/pictures", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	kept := func(name string, use signing.PictureUse) []byte { // as the product keeps what somebody brings
		b, err := signing.RewritePicture(read(name), use)
		if err != nil {
			t.Fatal(name, err)
		}
		return b
	}
	sets := []struct {
		name string
		pictures
	}{
		{"colours, a photo", pictures{kept("arms-rgb.png", signing.Arms), kept("hand-photo.jpg", signing.Griffe)}},
		{"transparent", pictures{read("arms-transparent.png"), read("hand-transparent.png")}},
		{"greys", pictures{read("arms-grey.png"), read("hand-grey.jpg")}},
		{"transparent greys, palette", pictures{read("arms-grey-transparent.png"), read("arms-palette.png")}},
		{"profile, gamma", pictures{read("arms-profile.png"), read("hand-gamma.png")}},
		{"four inks, 16 bits", pictures{read("arms-inks.jpg"), read("arms-deep.png")}},
	}
	var out []input
	for _, in := range all {
		if !in.pdfa && in.name != "ghostscript-1.7" && in.name != "pdf 2.0" {
			continue
		}
		for _, s := range sets {
			out = append(out, input{name: in.name + withImages + s.name, file: in.file, pdfa: in.pdfa, once: s.name != "transparent", pictures: s.pictures})
		}
	}
	return out
}
