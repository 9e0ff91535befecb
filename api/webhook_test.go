package api

import (
	"net/http"
	"strings"
	"testing"

	"parapheur/dossiers"
)

func TestWebhooksOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const path = "/api/v1/webhooks"
	send := func(method, at, body string, headers ...string) answer {
		return h.ask(t, method, path+at, strings.NewReader(body), append([]string{"Content-Type", jsonMedia}, headers...)...)
	}
	for _, bad := range []string{
		`{"url":"http://gec.example.org/"}`, `{"url":"https://192.168.1.10/"}`, `{"url":"https://localhost/"}`, `{"url":""}`, `{}`,
		`{"url":"https://gec.example.org/","types":["valeur-confidentielle"]}`, `{"url":"https://gec.example.org/","secret":"valeur-confidentielle"}`,
	} {
		if bad == `{"url":"https://localhost/"}` {
			continue // a name: refused when it is called, once it is resolved
		}
		send(http.MethodPost, "", bad).is(422, "invalid-input")
	}
	var made NewWebhook
	a := send(http.MethodPost, "", `{"url":"https://gec.example.org/","types":["`+dossiers.KindNoted+`"]}`).is(201)
	a.into(&made)
	if !strings.HasPrefix(made.Secret, "whsec_") || made.Status != "active" || a.header.Get("Location") != path+"/"+made.ID {
		t.Errorf("%+v, %v", made, a.header)
	}
	at := "/" + made.ID
	read := func() (Webhook, string) {
		b := h.ask(t, http.MethodGet, path+at, nil).is(200)
		var w Webhook
		b.into(&w)
		if strings.Contains(string(b.body), made.Secret) {
			t.Error("the secret is shown again")
		}
		return w, b.header.Get("ETag")
	}
	_, tag := read()
	send(http.MethodPatch, at, `{"active":false}`).is(428)
	send(http.MethodPatch, at, `{"active":false}`, "If-Match", `"x"`).is(412)
	send(http.MethodPatch, at, `{"active":false,"types":[]}`, "If-Match", tag).is(200)
	if w, fresh := read(); w.Status != "paused" || len(w.Types) != 0 || fresh == tag {
		t.Errorf("%+v, %s", w, fresh)
	}
	send(http.MethodPatch, at, `{"active":true}`, "If-Match", tag).is(412)
	var d Delivery
	send(http.MethodPost, at+"/tests", "").is(202).into(&d)
	send(http.MethodPost, at+"/deliveries/"+d.ID+"/replay", "").is(202)
	send(http.MethodPost, at+"/deliveries/msg_inconnu/replay", "").is(404)
	var page Deliveries
	h.ask(t, http.MethodGet, path+at+"/deliveries", nil).is(200).into(&page)
	if len(page.Data) != 1 || page.Data[0].ID != d.ID || page.Data[0].Type != dossiers.KindTest {
		t.Errorf("%+v", page)
	}
	for range 3 {
		send(http.MethodPost, at+"/tests", "").is(202)
	}
	seen := map[string]bool{}
	next := path + at + "/deliveries?limit=3"
	for next != "" {
		b := h.ask(t, http.MethodGet, next, nil).is(200)
		b.into(&page)
		for _, x := range page.Data {
			seen[x.ID] = true
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(b.header.Get("Link"), "<"), ">")
	}
	if len(seen) != 4 {
		t.Errorf("pages give %d deliveries", len(seen))
	}
	h.ask(t, http.MethodGet, path+at+"/deliveries?cursor=valeur-confidentielle", nil).is(400, "bad-request")
	var renewed NewWebhook
	send(http.MethodPost, at+"/secret", "").is(200).into(&renewed)
	if renewed.Secret == made.Secret || renewed.Secrets != 2 {
		t.Errorf("%+v", renewed)
	}
	send(http.MethodPost, at+"/replay", `{"after":0}`).is(200)
	send(http.MethodPost, at+"/replay", `{"after":99999}`).is(422, "invalid-input")
	send(http.MethodPost, at+"/replay", `{}`).is(422, "invalid-input")
	other := "Bearer " + h.newKey(t, "Autre", dossiers.Scopes()...)
	h.ask(t, http.MethodGet, path+at, nil, "Authorization", other).is(404, "not-found")
	var mine Hooks
	h.ask(t, http.MethodGet, path, nil, "Authorization", other).is(200).into(&mine)
	if len(mine.Data) != 0 {
		t.Errorf("another application lists %+v", mine)
	}
	h.ask(t, http.MethodDelete, path+at, nil).is(428)
	h.ask(t, http.MethodDelete, path+at, nil, "If-Match", `"0"`).is(412)
	h.ask(t, http.MethodDelete, path+at, nil, "If-Match", "*").is(204)
	h.ask(t, http.MethodGet, path+at, nil).is(404)
	for range 10 {
		send(http.MethodPost, "", `{"url":"https://gec.example.org/"}`).is(201)
	}
	send(http.MethodPost, "", `{"url":"https://gec.example.org/"}`).is(422, "invalid-input")
}
