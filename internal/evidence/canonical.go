package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// canonical is the one JSON encoding of a file of the package: fields in the order of the type, no white space, no HTML
// escaping, no final newline.
func canonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// parseCanonical decodes raw into v and wants that encoding v again gives raw: one reading, and no other.
func parseCanonical(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("not in its form: %w", err)
	}
	again, err := canonical(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, raw) {
		return fmt.Errorf("not canonical")
	}
	return nil
}
