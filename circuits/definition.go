package circuits

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// A Kind is what a step asks of its desk.
type Kind string

// The kinds of steps.
const (
	Visa      Kind = "visa"
	Signature Kind = "signature"
)

// Verdict returns the decision that satisfies a step of kind k.
func (k Kind) Verdict() Verdict {
	if k == Signature {
		return Signs
	}
	return GivesVisa
}

// A Step is what one desk must do.
type Step struct {
	ID    StepID `json:"id"`
	Kind  Kind   `json:"kind"`
	Desk  DeskID `json:"desk"`
	Title string `json:"title"` // as people read it: "Visa de la direction générale"
}

// A Definition is one immutable version of a circuit. Steps open one after
// the other, in order.
type Definition struct {
	Code    string `json:"code"`
	Version int    `json:"version"`
	Name    string `json:"name"`
	Steps   []Step `json:"steps"`
}

// Check says whether a dossier may travel d: at least one signature, steps
// with distinct identifiers, known kinds and desks. It answers ErrCircuit.
func (d Definition) Check() error {
	seen := map[StepID]bool{}
	signatures := 0
	for i, st := range d.Steps {
		switch {
		case st.ID == "" || seen[st.ID]:
			return fmt.Errorf("step %d: identifier %q empty or repeated: %w", i+1, st.ID, ErrCircuit)
		case st.Kind != Visa && st.Kind != Signature:
			return fmt.Errorf("step %d: kind %q: %w", i+1, st.Kind, ErrCircuit)
		case st.Desk == "":
			return fmt.Errorf("step %d: no desk: %w", i+1, ErrCircuit)
		case strings.TrimSpace(st.Title) == "":
			return fmt.Errorf("step %d: no title: %w", i+1, ErrCircuit)
		}
		seen[st.ID] = true
		if st.Kind == Signature {
			signatures++
		}
	}
	switch {
	case d.Code == "" || d.Version < 1:
		return fmt.Errorf("code %q, version %d: %w", d.Code, d.Version, ErrCircuit)
	case signatures == 0:
		return fmt.Errorf("no signature step: %w", ErrCircuit)
	}
	return nil
}

// Canonical returns the bytes by which d is known: JSON, fields in the order
// of the type, no HTML escaping, no final newline.
func (d Definition) Canonical() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		panic(err) // strings and integers always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Hash returns the SHA-256 of Canonical: what decisions name as
// circuit_sha256.
func (d Definition) Hash() Digest { return sha256.Sum256(d.Canonical()) }
