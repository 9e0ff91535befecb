package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parapheur/approvals"
	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
)

// holds makes somebody hold a passkey, enrolled as check says by Marc Delattre.
func (at *town) holds(t *testing.T, email, label, check string) {
	t.Helper()
	ctx, store, town := t.Context(), at.system.Store, at.tenant.ID
	head, err := store.EnrolmentHead(ctx, town)
	if err != nil {
		t.Fatal(err)
	}
	some, person := proof.SHA256([]byte(label)), at.personID(t, email)
	statement, err := proof.Enrolment{
		Schema: "parapheur.enrolment.v1", Tenant: at.tenant.SIRET, Person: string(person), Quality: "Maire", IdentityCheck: check, EnrolledBy: "Marc Delattre",
		CredentialIDSHA256: some, COSEKeySHA256: some, AttestationObjectSHA256: some, Nonce: proof.Nonce(some), IssuedAt: 1,
	}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	c := dossiers.Credential{Person: person, Credential: approvals.Credential{
		ID: []byte(label), Label: label, COSE: []byte("x"), EnrolmentStatement: statement, EnrolmentHash: some,
	}}
	if err := store.Enrol(ctx, town, c, head, nil, circuits.Actor{Name: "essai"}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func (at *town) personID(t *testing.T, email string) circuits.PersonID {
	t.Helper()
	p, err := at.system.Store.PersonByEmail(t.Context(), at.tenant.ID, email)
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

// says fails unless a page says all of this.
func says(t *testing.T, what, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("%s does not say %q", what, text)
		}
	}
}

// Where mail leaves, an invitation may go by it: its link is not shown then,
// unless no server took it.
func TestInvitationByMail(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin, path := at.client(t, demo.Administrator), "/administration/personnes/"+string(at.personID(t, demo.Mayor))+"/invitation"
	if strings.Contains(admin.get("/administration").Body.String(), "Par courriel") {
		t.Error("proposes to mail where no mail leaves")
	}
	var sent []dossiers.InvitationMail
	var refused error
	at.system.Office.Mail = func(_ context.Context, _ dossiers.Tenant, x dossiers.InvitationMail) error {
		sent = append(sent, x)
		return refused
	}
	says(t, "the list of people", admin.get("/administration").Body.String(), "Par courriel")
	byMail := url.Values{"par": {"courriel"}}
	body := admin.post(path, byMail).Body.String()
	if says(t, "what was sent", body, "Le lien est parti à <strong>"+demo.Mayor+"</strong>"); len(sent) != 1 || strings.Contains(body, "data-invitation-link") || strings.Contains(body, sent[0].Link) {
		t.Errorf("%+v", sent)
	}
	refused = errors.New("relay down")
	body = admin.post(path, byMail).Body.String()
	says(t, "what was not sent", body, "n’a pas pris le message", "data-invitation-link", sent[1].Link)
}

// An administrator's link that adds a key to the Mayor's is told to her, and
// announced to the administrator.
func TestAddedKeyIsTold(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	mayor, admin := at.client(t, demo.Mayor), at.client(t, demo.Administrator)
	at.holds(t, demo.Mayor, "La mienne", "session ouverte avec une clé déjà enrôlée")
	if body := mayor.get("/bannettes").Body.String(); strings.Contains(body, "data-key-alert") {
		t.Error("told of her own key")
	}
	at.holds(t, demo.Mayor, "La leur", "lien d’invitation")
	const told = "par un lien d’invitation de Marc Delattre."
	says(t, "the in-tray", mayor.get("/bannettes").Body.String(), "Une clé d’accès a été ajoutée à votre nom le ", told, `href="/mes-cles"`, "prévenez la direction")
	sent := at.client(t, demo.Drafter).deposit(map[string]string{"title": "Trottoir", "recipient": "Mme Aubry", "type": "courrier-simple", "action": "start"}, readSample(t))
	says(t, "a letter", mayor.get(sent.Header().Get("Location")).Body.String(), told)
	says(t, "the list of keys", mayor.get("/mes-cles").Body.String(), told, "Ajoutée par vous, avec une clé déjà enrôlée", "Enrôlée par un lien d’invitation de Marc Delattre")
	says(t, "the list of people", admin.get("/administration").Body.String(), "Inviter à nouveau", "la personne sera avertie")
	id := string(at.personID(t, demo.Mayor))
	says(t, "the invitation", admin.post("/administration/personnes/"+id+"/invitation", nil).Body.String(), "a déjà une clé d’accès", "elle en sera avertie")
}

// An administrator lets people out and in again, and takes desks from them; the
// journal says whom it is about. Nobody shuts themself out.
func TestPeopleLeave(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	admin, dgs := at.client(t, demo.Administrator), at.client(t, demo.DGS)
	desks, err := at.system.Store.Desks(t.Context(), at.tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	id := at.personID(t, demo.DGS)
	var desk, name string
	for _, d := range desks {
		for _, h := range d.Holders {
			if h.Person == id {
				desk, name = string(d.ID), d.Name
			}
		}
	}
	if w := dgs.post("/administration/personnes", url.Values{"person": {string(id)}, "active": {"0"}}); w.Code != http.StatusForbidden {
		t.Errorf("somebody else deactivates: %d", w.Code)
	}
	if w := dgs.post("/administration/bureaux/titulaires", url.Values{"desk": {desk}, "person": {string(id)}, "role": {"none"}}); w.Code != http.StatusForbidden {
		t.Errorf("somebody else takes a desk: %d", w.Code)
	}
	oneself := admin.post("/administration/personnes", url.Values{"person": {string(at.personID(t, demo.Administrator))}, "active": {"0"}})
	if oneself.Code != http.StatusConflict {
		t.Errorf("oneself: %d", oneself.Code)
	}
	says(t, "the refusal", oneself.Body.String(), "Vous ne pouvez pas vous désactiver")
	if w := admin.post("/administration/personnes", url.Values{"person": {string(id)}, "active": {"0"}}); w.Header().Get("Location") != "/administration?dit=desactivee" {
		t.Fatalf("deactivation: %d, %s", w.Code, w.Header().Get("Location"))
	}
	if w := dgs.get("/bannettes"); w.Code != http.StatusSeeOther {
		t.Errorf("the session of before: %d", w.Code)
	}
	says(t, "the list of people", admin.get("/administration?dit=desactivee").Body.String(), "ses sessions sont fermées", "Désactivée", `data-go="reactivate"`)
	admin.post("/administration/personnes", url.Values{"person": {string(id)}, "active": {"1"}})
	says(t, "the list of desks", admin.get("/administration/bureaux").Body.String(), `data-go="unseat"`)
	if w := admin.post("/administration/bureaux/titulaires", url.Values{"desk": {desk}, "person": {string(id)}, "role": {"none"}}); w.Header().Get("Location") != "/administration/bureaux?dit=retiree" {
		t.Fatalf("the desk: %d, %s", w.Code, w.Header().Get("Location"))
	}
	p, err := at.system.Store.Person(t.Context(), at.tenant.ID, id)
	if err != nil || !p.Active || len(p.Seats) != 0 {
		t.Errorf("left with %+v, %v", p, err)
	}
	says(t, "the journal", admin.get("/administration/journal").Body.String(), "Personne désactivée", "Personne réactivée", "Personne retirée d’un bureau",
		"<td>"+p.Name()+"</td>", "<td>"+p.Name()+", "+name+"</td>")
}

// Each chooses their own mails, by a form that keeps what was typed.
func TestMailsPage(t *testing.T) {
	t.Parallel()
	at := newTown(t)
	dgs := at.client(t, demo.DGS)
	says(t, "before a choice", dgs.get("/mes-courriels").Body.String(), `name="waiting" value="" checked`, `name="copies" value="1" checked`, "Ce que vous recevrez toujours")
	form := url.Values{"waiting": {"digest"}, "ends": {"1"}, "greeting": {"Cher Philippe"}}
	sent(t, "kept", dgs.post("/mes-courriels", form), "/mes-courriels?dit=garde")
	body := dgs.get("/mes-courriels").Body.String()
	says(t, "after it", body, `name="waiting" value="digest" checked`, `value="Cher Philippe"`)
	if strings.Contains(body, `name="copies" value="1" checked`) {
		t.Error("copies are still wanted")
	}
	says(t, "the journal", at.client(t, demo.Administrator).get("/administration/journal?quoi=person.mails_set").Body.String(), "Courriels choisis")
	form.Set("waiting", "jamais")
	w := dgs.post("/mes-courriels", form)
	says(t, "a wish that is none", w.Body.String(), "Choisissez quand être averti", "Cher Philippe")
	form = url.Values{"greeting": {strings.Repeat("x", 61)}}
	if w := dgs.post("/mes-courriels", form); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a long greeting: %d", w.Code)
	}
}
