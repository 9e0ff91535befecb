package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"parapheur/dossiers"
)

// TestASecretLostOnItsWayIsAskedForAgain repeats, under one key, each request
// that answers a secret: the same comes back, nothing is made twice, and what
// is kept for that shows nothing to who reads the database.
func TestASecretLostOnItsWayIsAskedForAgain(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	hook := h.again(t, "/api/v1/webhooks", `{"url":"https://gec.example.org/"}`, `{"url":"https://autre.example.org/"}`)
	var all Hooks
	h.ask(t, http.MethodGet, "/api/v1/webhooks", nil).is(200).into(&all)
	if len(all.Data) != 1 || all.Data[0].ID != hook.ID {
		t.Errorf("%d endpoints", len(all.Data))
	}
	if renewed := h.again(t, "/api/v1/webhooks/"+hook.ID+"/secret", "", ""); renewed.Secret == hook.Secret || renewed.Secrets != 2 {
		t.Errorf("%+v", renewed)
	}
	h.meetsItself(t, "/api/v1/webhooks/"+hook.ID+"/secret")
	key := h.again(t, "/api/v1/me/keys", `{}`, `{"days":30}`)
	h.get(t, "/me", "Authorization", "Bearer "+key.Secret).is(200)
	var keys OwnKeys
	h.get(t, "/me/keys").is(200).into(&keys)
	if len(keys.Data) != 2 {
		t.Errorf("%d keys", len(keys.Data))
	}
	// Another key of the application does not get the secret of what this one made.
	h.ask(t, http.MethodPost, "/api/v1/me/keys", strings.NewReader(`{}`), "Authorization", "Bearer "+key.Secret, "Content-Type", jsonMedia, "Idempotency-Key", "perdu/me/keys").
		is(422, "idempotency-key-reused")
	h.showsNothing(t, hook.Secret, key.Secret)
}

// again asks twice under one key, then for something else.
func (h *hall) again(t *testing.T, path, body, other string) (made NewWebhook) {
	t.Helper()
	ask := func(body string) answer {
		return h.ask(t, http.MethodPost, path, strings.NewReader(body), "Content-Type", jsonMedia, "Idempotency-Key", "perdu"+strings.TrimPrefix(path, base))
	}
	first := ask(body)
	if first.status >= 300 || first.header.Get("Cache-Control") != "no-store" || first.header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("%s: %d %v %s", path, first.status, first.header, first.body)
	}
	first.into(&made)
	second := ask(body).is(first.status)
	if string(second.body) != string(first.body) || second.header.Get("Idempotency-Replayed") != "true" || second.header.Get("ETag") != first.header.Get("ETag") || made.Secret == "" {
		t.Errorf("%s: %v %s, then %s", path, second.header, first.body, second.body)
	}
	if other != "" {
		ask(other).is(422, "idempotency-key-reused")
	}
	return made
}

// meetsItself repeats a request while the first is under way.
func (h *hall) meetsItself(t *testing.T, path string) {
	t.Helper()
	tag, err := h.Owner(t).Exec(t.Context(), `insert into api_answer (tenant, application, key, fingerprint, at, locked_until)
		select tenant, application, 'en-cours', fingerprint, at, now() + interval '1 hour' from api_answer where key = $1`, "perdu"+strings.TrimPrefix(path, base))
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%v, %v", tag, err)
	}
	if a := h.ask(t, http.MethodPost, path, nil, "Idempotency-Key", "en-cours").is(409, "request-in-flight"); a.header.Get("Retry-After") == "" {
		t.Errorf("%v", a.header)
	}
}

// showsNothing looks for secrets in what is kept of answers.
func (h *hall) showsNothing(t *testing.T, secrets ...string) {
	t.Helper()
	rows, err := h.Owner(t).Query(context.Background(), "select coalesce(answer::text, '') from api_answer")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(kept) < 4 {
		t.Fatalf("%d answers, %v", len(kept), err)
	}
	for _, text := range kept {
		for _, secret := range append(secrets, "whsec_", "pk_", dossiers.ScopeDossiersRead) {
			if strings.Contains(text, secret) {
				t.Errorf("an answer is kept as it was shown: %.200s", text)
			}
		}
	}
}
