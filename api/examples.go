package api

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed examples.json
var examplesJSON []byte

// examples are the bodies of requests that the document shows, by operation. A
// test sends each to a real town, where made-up names are replaced by those of
// its people and letters, and wants the success that the document promises.
func examples() map[string]any {
	out := map[string]any{}
	if err := json.Unmarshal(examplesJSON, &out); err != nil {
		panic(fmt.Sprintf("api examples: %v", err)) // embedded
	}
	return out
}

// shown puts the example of an operation beside its body.
func shown(op *huma.Operation, example any) {
	if op.RequestBody == nil || example == nil {
		return
	}
	for _, media := range op.RequestBody.Content {
		media.Example = example
	}
}
