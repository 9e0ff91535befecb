package dossiers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parapheur/internal/assertion"
)

// maxOwnKeys bounds the credentials in force that an application makes itself.
const maxOwnKeys = 5

// A KeyRequest is what an application asks of the key that will follow the one
// it shows.
type KeyRequest struct {
	Scopes []string // among those that are shown; none: the same
	// Life is how long the key serves; zero: as long as the one shown was to.
	Life time.Duration
	// JWKS, if set, are public keys to register instead of drawing a secret.
	JWKS []byte
}

// OwnKeys lists the credentials of the application that asks.
func (o *Office) OwnKeys(ctx context.Context, v Viewer) ([]APIKey, error) {
	app, err := o.own(ctx, v)
	return app.Keys, err
}

// own reads the application that asks, with its credentials.
func (o *Office) own(ctx context.Context, v Viewer) (Application, error) {
	if v.Application == nil {
		return Application{}, fmt.Errorf("credentials: %w", ErrForbidden)
	}
	apps, err := o.Store.Applications(ctx, v.Tenant.ID)
	if err != nil {
		return Application{}, err
	}
	app, ok := find(apps, func(a Application) bool { return a.ID == v.Application.ID })
	if !ok {
		return app, fmt.Errorf("application %s: %w", v.Application.ID, ErrNotFound)
	}
	return app, nil
}

// RenewKey makes another key for the application that asks, to take the place
// of the one it shows, which serves on until it is revoked: no rotation stops
// anything. It never holds more than the one shown, nor for longer than an
// administrator once gave. A token of fewer rights makes a key of those. The
// secret is answered once; it is empty for a JWKS.
func (o *Office) RenewKey(ctx context.Context, in Grant, r KeyRequest) (secret string, key APIKey, err error) {
	v := in.Viewer
	app, err := o.own(ctx, v)
	if err != nil {
		return "", key, err
	}
	was, ok := find(app.Keys, func(k APIKey) bool { return k.ID == in.Credential })
	if !ok {
		return "", key, fmt.Errorf("key %s: %w", in.Credential, ErrNotFound)
	}
	inForce := 0
	for _, k := range app.Keys {
		if k.inForce(o.now()) {
			inForce++
		}
	}
	if inForce >= maxOwnKeys {
		return "", key, &InvalidError{"keys", fmt.Sprintf("Cette application a déjà %d clés en vigueur : révoquez-en une d’abord.", inForce)}
	}
	if len(r.Scopes) == 0 {
		r.Scopes = in.Scopes
	}
	for _, s := range r.Scopes {
		if !slices.Contains(in.Scopes, s) {
			return "", key, &InvalidError{"scopes", "Une clé n’en fait pas une autre qui peut plus qu’elle."}
		}
	}
	expires, err := was.successor(r.Life, o.now())
	if err != nil {
		return "", key, err
	}
	if r.JWKS == nil {
		return o.addAPIKey(ctx, v.Tenant, app.ID, r.Scopes, expires, v.Actor(""))
	}
	if _, err := assertion.ParseKeys(r.JWKS); err != nil {
		return "", key, &InvalidError{"jwks", "Ce jeu de clés n’est pas accepté : des clés publiques RSA (2048 bits au moins), P-256, P-384, P-521 ou Ed25519, au format JWKS."}
	}
	if _, key, err = o.makeKey(ctx, v.Tenant, app.ID, r.Scopes, expires); err != nil {
		return "", key, err
	}
	key.JWKS = r.JWKS
	return "", key, o.Store.AddAPIKey(ctx, v.Tenant.ID, app.ID, key, [32]byte{}, v.Actor(""), o.now())
}

// successor is when the key that follows k ends.
func (k APIKey) successor(life time.Duration, now time.Time) (time.Time, error) {
	if k.ExpiresAt.IsZero() {
		if life == 0 {
			return time.Time{}, nil
		}
		return now.Add(life), nil
	}
	most := k.ExpiresAt.Sub(k.CreatedAt)
	switch {
	case life == 0:
		life = most
	case life > most:
		return time.Time{}, &InvalidError{"days", "Une clé ne dure pas plus que celle qu’elle remplace : l’administrateur peut en créer une plus longue."}
	}
	return now.Add(life), nil
}

// DropKey revokes a credential of the application that asks, not the one it
// shows: a program that has no other could not come back.
func (o *Office) DropKey(ctx context.Context, in Grant, id string) error {
	app, err := o.own(ctx, in.Viewer)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(app.Keys, func(k APIKey) bool { return k.ID == id }) {
		return fmt.Errorf("key %s: %w", id, ErrNotFound)
	}
	if id == in.Credential {
		return &InvalidError{"key", "Cette clé est celle que vous présentez : révoquez-la avec la nouvelle."}
	}
	return o.Store.RevokeAPIKey(ctx, in.Tenant.ID, id, in.Actor(""), o.now())
}
