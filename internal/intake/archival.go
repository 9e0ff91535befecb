package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// maxMetadata bounds the XMP packet that is read: a claim stands in a few kilobytes.
const maxMetadata = 1 << 20

// archival returns the PDF/A claim of a document: "1b", "2u", "3a", "4", or nothing. It is a claim: see the conformance
// suite for a judge.
func archival(doc *model.Context) string {
	catalog, err := doc.Catalog()
	if err != nil {
		return ""
	}
	stream, _, err := doc.DereferenceStreamDict(catalog["Metadata"])
	if err != nil || stream == nil || len(stream.Raw) > maxMetadata {
		return ""
	}
	if err := stream.Decode(); err != nil {
		return ""
	}
	return claim(stream.Content[:min(len(stream.Content), maxMetadata)])
}

// claim reads pdfaid:part and pdfaid:conformance (ISO 19005-1, 6.7.11; -2 and -3, 6.6.4), written as elements or as
// attributes. Names are read as they are: the prefix is prescribed, and some packets end badly.
func claim(xmp []byte) string {
	said := map[string]string{}
	open := ""
	for d := xml.NewDecoder(bytes.NewReader(xmp)); ; {
		token, err := d.RawToken()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			open = ""
			if t.Name.Space == "pdfaid" {
				open = t.Name.Local
			}
			for _, a := range t.Attr {
				if a.Name.Space == "pdfaid" {
					said[a.Name.Local] = strings.TrimSpace(a.Value)
				}
			}
		case xml.CharData:
			if open != "" {
				said[open] += strings.TrimSpace(string(t))
			}
		case xml.EndElement:
			open = ""
		}
	}
	part, conformance := said["part"], strings.ToLower(said["conformance"])
	if len(part) != 1 || part[0] < '1' || part[0] > '9' || len(conformance) > 1 || strings.Trim(conformance, "abuef") != "" {
		return ""
	}
	return part + conformance
}

// joinable says why the pages of annex may not follow those of a PDF/A letter without costing it the format; empty when
// they may. Colours are only right when both files mean the same by them, and structure is not carried over.
func joinable(letter, annex *model.Context) string {
	want, have := archival(letter), archival(annex)
	switch {
	case want == "":
		return ""
	case have == "":
		return "the annex is not PDF/A"
	case want[0] != have[0]:
		return "the annex is PDF/A-" + have + ", the letter PDF/A-" + want
	case strings.HasSuffix(want, "a"):
		return "the letter is PDF/A-" + want + ": its structure would no longer cover every page"
	case strings.HasSuffix(want, "u") && strings.HasSuffix(have, "b"):
		return "the text of the annex may have no Unicode"
	case intent(letter) != intent(annex):
		return "the colours of the annex are measured otherwise"
	}
	return ""
}

// intent is the digest of the colour profile of the first PDF/A output intent.
func intent(doc *model.Context) (digest [sha256.Size]byte) {
	catalog, err := doc.Catalog()
	if err != nil {
		return digest
	}
	all, err := doc.DereferenceArray(catalog["OutputIntents"])
	if err != nil {
		return digest
	}
	for _, o := range all {
		d, err := doc.DereferenceDict(o)
		if err != nil || name(d["S"]) != "GTS_PDFA1" {
			continue
		}
		profile, _, err := doc.DereferenceStreamDict(d["DestOutputProfile"])
		if err != nil || profile == nil || profile.Decode() != nil {
			continue
		}
		return sha256.Sum256(profile.Content)
	}
	return digest
}

// hidesLayers says that a layer is off when the document opens: its pages, elsewhere, would show it.
func hidesLayers(doc *model.Context) bool {
	catalog, err := doc.Catalog()
	if err != nil {
		return false
	}
	layers, err := doc.DereferenceDict(catalog["OCProperties"])
	if err != nil || layers == nil {
		return false
	}
	normal, err := doc.DereferenceDict(layers["D"])
	if err != nil || normal == nil {
		return false
	}
	off, err := doc.DereferenceArray(normal["OFF"])
	base, _ := normal["BaseState"].(types.Name)
	return err != nil || len(off) > 0 || base != "" && base != "ON"
}
