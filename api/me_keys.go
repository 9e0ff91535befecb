package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"parapheur/dossiers"
)

// OwnKeys are the credentials of the application that asks.
type OwnKeys struct {
	Data []OwnKey `json:"data"`
}

// An OwnKey is one of them, without its secret.
type OwnKey struct {
	ID        string     `json:"id" doc:"Le client_id d’OAuth 2"`
	Scopes    []string   `json:"scopes"`
	Shown     bool       `json:"shown" doc:"Celle qui est présentée"`
	PublicKey bool       `json:"public_key" doc:"private_key_jwt : un jeu de clés publiques, sans secret"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null : jamais"`
	LastUsed  *time.Time `json:"last_used_at" doc:"null : jamais"`
	RevokedAt *time.Time `json:"revoked_at" doc:"null : en vigueur"`
}

// A NewKey is a key with its secret, shown this once.
type NewKey struct {
	OwnKey
	Secret string `json:"secret,omitempty" doc:"Montré cette seule fois ; absent pour un jeu de clés publiques" example:"pk_…"`
}

// A SetupKey is what is asked of the key that follows the one shown.
type SetupKey struct {
	Scopes []string        `json:"scopes,omitempty" maxItems:"40" doc:"Parmi ceux qui sont présentés ; absents : les mêmes"`
	Days   int             `json:"days,omitempty" minimum:"1" maximum:"1100" doc:"Durée, en jours ; absente : celle de la clé remplacée. Jamais plus longue qu’elle"`
	JWKS   json.RawMessage `json:"jwks,omitempty" doc:"Clés publiques à enregistrer au lieu de tirer un secret (RFC 7517)"`
}

func (s *server) registerOwnKeys() {
	op := func(id, method, path, summary, text string, errors ...int) operation {
		return operation{id: id, method: method, path: "/me/keys" + path, tag: tagMe, summary: summary, description: text, errors: errors}
	}
	add(s, op("listOwnKeys", http.MethodGet, "", "Lister ses clés", "En vigueur, expirées et révoquées, sans leurs secrets."), s.ownKeys)
	made := op("renewKey", http.MethodPost, "", "Renouveler sa clé", "Fait une autre clé, de mêmes droits ou de moins ; celle qui est présentée sert encore, pour passer de l’une à l’autre sans arrêt. Le secret n’est montré que dans cette réponse : perdu, on en fait une autre et on révoque celle-ci.",
		http.StatusBadRequest, http.StatusUnsupportedMediaType)
	made.status = http.StatusCreated
	add(s, made, s.renewKey)
	gone := op("revokeOwnKey", http.MethodDelete, "/{key}", "Révoquer une de ses clés", "Elle n’ouvre plus rien, ses jetons non plus. Pas celle qui est présentée : révoquez l’ancienne avec la nouvelle.")
	gone.status = http.StatusNoContent
	add(s, gone, s.revokeOwnKey)
}

// grant is what the application showed.
func (c caller) grant() dossiers.Grant {
	return dossiers.Grant{Viewer: c.viewer, Credential: c.credential, Scopes: c.scopes}
}

func ownKey(k dossiers.APIKey, shown string) OwnKey {
	when := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return OwnKey{
		ID: k.ID, Scopes: append([]string{}, k.Scopes...), Shown: k.ID == shown, PublicKey: k.JWKS != nil, CreatedAt: k.CreatedAt,
		ExpiresAt: when(k.ExpiresAt), LastUsed: when(k.LastUsed), RevokedAt: when(k.RevokedAt),
	}
}

func (s *server) ownKeys(ctx context.Context, in *meIn) (*struct{ Body OwnKeys }, error) {
	all, err := s.Office.OwnKeys(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body OwnKeys }{OwnKeys{Data: []OwnKey{}}}
	for _, k := range all {
		out.Body.Data = append(out.Body.Data, ownKey(k, in.credential))
	}
	return out, nil
}

type newKeyOut struct {
	Replayable
	CacheControl string `header:"Cache-Control"`
	Body         NewKey
}

func (s *server) renewKey(ctx context.Context, in *struct {
	caller
	Repeatable
	Body SetupKey
},
) (*newKeyOut, error) {
	// Who shows another key, or less, does not get what this one was answered.
	of := []any{in.credential, in.scopes, in.Body}
	return atMostOnceInSecret(ctx, s, in.caller, in.Key, of, func(string) (*newKeyOut, error) {
		ask := dossiers.KeyRequest{Scopes: in.Body.Scopes, Life: time.Duration(in.Body.Days) * 24 * time.Hour, JWKS: in.Body.JWKS}
		secret, key, err := s.Office.RenewKey(ctx, in.grant(), ask)
		if err != nil {
			return nil, err
		}
		return &newKeyOut{CacheControl: "no-store", Body: NewKey{ownKey(key, in.credential), secret}}, nil
	})
}

func (s *server) revokeOwnKey(ctx context.Context, in *struct {
	caller
	Key string `path:"key" minLength:"1" maxLength:"64" doc:"Identifiant de la clé"`
},
) (*noContent, error) {
	return &noContent{}, s.Office.DropKey(ctx, in.grant(), in.Key)
}
