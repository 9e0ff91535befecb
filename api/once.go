package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"parapheur/dossiers"
)

// Repeatable is part of the input of an operation that may be repeated under a key.
type Repeatable struct {
	Key string `header:"Idempotency-Key" doc:"De 8 à 255 caractères, propre à cette demande : la répéter répond la même chose, sans rien refaire. Gardée 48 heures." example:"\"9f1c0a52-envoi-123\""`
}

// Replayable is part of its answer. The names of these parts begin with a
// capital because huma reads those only.
type Replayable struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true si la demande avait déjà été faite : rien n’a été refait"`
}

func (r *Replayable) replayed() { r.Replayed = "true" }

// atMostOnce runs a request at most once for its key; without one, it just runs. of
// is what makes the request the same: its input, or the digest of what it sent.
func atMostOnce[O any](ctx context.Context, s *server, c caller, key string, of any, run func(key string) (*O, error)) (*O, error) {
	return repeatable(ctx, s.Office.Once, c, key, of, run)
}

// atMostOnceInSecret is atMostOnce for an answer that shows a secret.
func atMostOnceInSecret[O any](ctx context.Context, s *server, c caller, key string, of any, run func(key string) (*O, error)) (*O, error) {
	return repeatable(ctx, s.Office.OnceSealed, c, key, of, run)
}

// A once runs a request under its key, or answers what it answered before.
type once func(ctx context.Context, v dossiers.Viewer, key string, fingerprint [32]byte, run func() ([]byte, error)) (answer []byte, replayed bool, err error)

func repeatable[O any](ctx context.Context, underKey once, c caller, key string, of any, run func(key string) (*O, error)) (*O, error) {
	if key == "" {
		return run("")
	}
	key, err := idempotencyKey(key)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(of)
	if err != nil {
		return nil, fmt.Errorf("fingerprint of a request: %w", err)
	}
	fingerprint := sha256.Sum256(append([]byte(c.r.Method+" "+c.r.URL.EscapedPath()+"\n"), raw...))
	var out *O
	kept, replayed, err := underKey(ctx, c.viewer, key, fingerprint, func() ([]byte, error) {
		if out, err = run(key); err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
	if err != nil || !replayed {
		return out, err
	}
	again := new(O)
	if err := json.Unmarshal(kept, again); err != nil {
		return nil, fmt.Errorf("answer of a repeated request: %w", err)
	}
	if r, ok := any(again).(interface{ replayed() }); ok {
		r.replayed()
	}
	return again, nil
}

// precondition reads a dossier that is about to be written, and holds the
// request to the version it read (RFC 9110, 13.1.1; RFC 6585, 3).
func (s *server) precondition(ctx context.Context, v dossiers.Viewer, id dossiers.ID, match string) (dossiers.View, error) {
	if match == "" {
		return dossiers.View{}, refused(http.StatusPreconditionRequired, "")
	}
	view, err := s.Office.View(ctx, v, id)
	if err != nil {
		return view, err
	}
	if !matches(match, etag(view.Rev()), false) {
		return view, refused(http.StatusPreconditionFailed, "")
	}
	return view, nil
}

// listTag is the entity tag of a list: what it says.
func listTag(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return `W/"` + strconv.FormatUint(uint64(sum[0])<<56|uint64(sum[1])<<48|uint64(sum[2])<<40|uint64(sum[3])<<32|uint64(sum[4])<<24|uint64(sum[5])<<16|uint64(sum[6])<<8|uint64(sum[7]), 36) + `"`
}
