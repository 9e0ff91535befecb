package scim

import (
	"net/http"
	"strings"

	"parapheur/internal/compat"
)

// The operations of a PATCH, whose case does not matter here.
const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

// An operation is one change of a PATCH (RFC 7644, 3.5.2).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// maxOperations bounds what one request changes.
const maxOperations = 500

// patch reads the changes of a request.
func (f facade) patch(c *compat.Caller) ([]operation, error) {
	var in struct {
		Schemas    []string
		Operations []operation
	}
	if err := f.read(c, &in); err != nil {
		return nil, err
	}
	if len(in.Operations) == 0 || len(in.Operations) > maxOperations {
		return nil, &fault{http.StatusBadRequest, "invalidSyntax", "De une à 500 opérations sont attendues, selon " + patchSchema + "."}
	}
	for i := range in.Operations {
		op := &in.Operations[i]
		op.Op = strings.ToLower(op.Op)
		if op.Op != opAdd && op.Op != opReplace && op.Op != opRemove {
			return nil, &fault{http.StatusBadRequest, "invalidSyntax", "Une opération est add, replace ou remove."}
		}
		if op.Op == opRemove && op.Path == "" {
			return nil, &fault{http.StatusBadRequest, "noTarget", "Ce qui est retiré doit être nommé."}
		}
	}
	return in.Operations, nil
}

// each calls set for the attribute that the operation names or, without path,
// for each that its value holds. Names are in lower case, without their schema.
func (o operation) each(set func(path string, value any) error) error {
	if o.Path != "" {
		return set(plain(o.Path), o.Value)
	}
	values, ok := o.Value.(map[string]any)
	if !ok {
		return &fault{http.StatusBadRequest, "invalidPath", "Sans path, la valeur est un objet."}
	}
	for key, value := range values {
		inner, nested := value.(map[string]any)
		if !nested {
			if err := set(plain(key), value); err != nil {
				return err
			}
			continue
		}
		for name, v := range inner {
			if err := set(plain(key)+"."+strings.ToLower(name), v); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain is the name of an attribute, without its schema.
func plain(path string) string {
	path = strings.ToLower(path)
	for _, schema := range []string{userSchema, groupSchema} {
		path = strings.TrimPrefix(path, strings.ToLower(schema)+":")
	}
	return path
}
