package api

import (
	"slices"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// An application renews its key without stopping, and revokes the old one with
// the new; no key makes one that can more, or longer.
func TestAnApplicationRenewsItsKey(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	old := "Bearer " + h.newKey(t, "GEC 2", dossiers.ScopeDossiersRead, dossiers.ScopeEventsRead)
	var made NewKey
	a := h.tell(t, "/me/keys", object{}, "Authorization", old).is(201)
	a.into(&made)
	if made.Secret == "" || a.header.Get("Cache-Control") != "no-store" || !slices.Equal(made.Scopes, []string{dossiers.ScopeDossiersRead, dossiers.ScopeEventsRead}) {
		t.Fatalf("%+v", made)
	}
	fresh := "Bearer " + made.Secret
	h.get(t, "/me", "Authorization", fresh).is(200)
	h.get(t, "/me", "Authorization", old).is(200) // both serve meanwhile
	var all OwnKeys
	h.get(t, "/me/keys", "Authorization", fresh).is(200).into(&all)
	if len(all.Data) != 2 || !slices.ContainsFunc(all.Data, func(k OwnKey) bool { return k.ID == made.ID && k.Shown }) {
		t.Fatalf("%+v", all)
	}
	first := all.Data[slices.IndexFunc(all.Data, func(k OwnKey) bool { return !k.Shown })].ID
	h.remove(t, "/me/keys/"+made.ID, "Authorization", fresh).is(422, "invalid-input")
	h.remove(t, "/me/keys/"+first, "Authorization", "Bearer "+h.newKey(t, "Autre", dossiers.ScopeEventsRead)).is(404, "not-found")
	h.remove(t, "/me/keys/"+first, "Authorization", fresh).is(204)
	h.get(t, "/me", "Authorization", old).is(401, "key-needed")

	h.tell(t, "/me/keys", object{"scopes": []string{dossiers.ScopeOrganisationManage}}, "Authorization", fresh).is(422, "invalid-input")
	var less NewKey
	h.tell(t, "/me/keys", object{"scopes": []string{dossiers.ScopeEventsRead}, "days": 30}, "Authorization", fresh).is(201).into(&less)
	if len(less.Scopes) != 1 || less.ExpiresAt == nil {
		t.Errorf("%+v", less)
	}
	weak := "Bearer " + less.Secret
	h.tell(t, "/me/keys", object{"scopes": []string{dossiers.ScopeDossiersRead}}, "Authorization", weak).is(422, "invalid-input")
	h.tell(t, "/me/keys", object{"days": 31}, "Authorization", weak).is(422, "invalid-input")
	h.tell(t, "/me/keys", object{"jwks": object{"keys": []object{}}}, "Authorization", weak).is(422, "invalid-input")
	h.tell(t, "/me/keys", object{}, "Authorization", weak).is(201)
	h.tell(t, "/me/keys", object{}, "Authorization", weak).is(201)
	h.tell(t, "/me/keys", object{}, "Authorization", weak).is(201)
	h.tell(t, "/me/keys", object{}, "Authorization", weak).is(422, "invalid-input") // five in force
}

// A token of fewer rights than its key makes no key of more.
func TestATokenRenewsWithinItsRights(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	admin := h.Person(t, demo.Administrator).Viewer(t)
	apps, err := h.Office.Applications(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := h.Office.AddAPIKey(t.Context(), admin, apps[0].ID, []string{dossiers.ScopeEventsRead, dossiers.ScopeDossiersRead}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	app := apps[0]
	in := dossiers.Grant{Viewer: dossiers.Viewer{Tenant: h.Tenant, Application: &app}, Credential: key.ID, Scopes: []string{dossiers.ScopeEventsRead}}
	if _, made, err := h.Office.RenewKey(t.Context(), in, dossiers.KeyRequest{}); err != nil || !slices.Equal(made.Scopes, in.Scopes) {
		t.Errorf("%+v, %v", made, err)
	}
	if _, _, err := h.Office.RenewKey(t.Context(), in, dossiers.KeyRequest{Scopes: []string{dossiers.ScopeDossiersRead}}); err == nil {
		t.Error("more than the token holds")
	}
}
