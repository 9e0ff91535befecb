package signing

import (
	"fmt"

	"parapheur/signing/internal/pdf"
)

// EmptyFields lists the signature fields of a document that nobody has signed and that [Field].Name
// may name, in the order of the document: what a template left for its signatories.
func EmptyFields(doc Source) ([]string, error) {
	d, err := pdf.Open(doc, doc.Size())
	if err != nil {
		return nil, fmt.Errorf("empty fields: %w", err)
	}
	fields, err := d.Fields()
	if err != nil {
		return nil, fmt.Errorf("empty fields: %w", err)
	}
	var names []string
	for _, f := range fields {
		if f.Type.Is("Sig") && f.Ref != (pdf.Ref{}) && f.Terminal && len(f.Widgets) == 1 && f.Name != "" && f.Value == nil {
			names = append(names, f.Name)
		}
	}
	return names, nil
}
