package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"parapheur/dossiers"
)

// A Webhook is an address that is called for each event, in order.
type Webhook struct {
	ID        string     `json:"id" format:"uuid"`
	URL       string     `json:"url" doc:"Adresse appelée"`
	Types     []string   `json:"types" doc:"Types d’évènement voulus ; vide : tous"`
	Status    string     `json:"status" enum:"active,paused,suspended,gone" doc:"Appelée ; en pause ; suspendue après trois jours d’échec ; partie (elle a répondu 410)"`
	Reason    string     `json:"reason,omitempty" doc:"Pourquoi elle n’est pas appelée"`
	After     int64      `json:"after" doc:"Dernier fait du journal qui est derrière : livré, abandonné ou sans objet"`
	Head      int64      `json:"head" doc:"Dernier fait du journal de la collectivité"`
	Attempts  int        `json:"attempts" doc:"Essais qui ont échoué pour le fait suivant"`
	NextTry   *time.Time `json:"next_attempt_at" doc:"Prochain essai, s’il y en a eu un qui a échoué"`
	Secrets   int        `json:"secrets" doc:"Secrets qui signent : deux pendant un renouvellement"`
	CreatedAt time.Time  `json:"created_at"`
}

// A NewWebhook is an endpoint with its secret, shown this once.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"Secret des signatures (Standard Webhooks), montré cette seule fois" example:"whsec_…"`
}

// A WebhookWish is what is chosen of an endpoint.
type WebhookWish struct {
	URL   string   `json:"url" minLength:"1" maxLength:"2000" doc:"En https, sur un hôte public ; une adresse privée doit être autorisée par l’exploitant" example:"https://gec.mairie.fr/parapheur"`
	Types []string `json:"types,omitempty" maxItems:"50" doc:"Types d’évènement voulus ; aucun : tous"`
}

// A WebhookChange changes an endpoint: what is absent stays.
type WebhookChange struct {
	URL    *string  `json:"url,omitempty" minLength:"1" maxLength:"2000"`
	Types  []string `json:"types,omitempty" maxItems:"50" doc:"Une liste vide : tous les types"`
	Active *bool    `json:"active,omitempty" doc:"true reprend là où l’envoi s’est arrêté, tout de suite"`
}

// A WebhookReplay says from where to send again.
type WebhookReplay struct {
	After int64 `json:"after" minimum:"0" doc:"Dernier fait qu’il ne faut pas renvoyer ; 0 pour tout"`
}

// A Delivery is one message with its last attempt.
type Delivery struct {
	ID        string          `json:"id" doc:"En-tête webhook-id : le même à chaque essai" example:"msg_2b1c…"`
	Seq       int64           `json:"seq" doc:"Numéro du fait dans le journal ; 0 pour un essai"`
	Type      string          `json:"type"`
	State     string          `json:"state" enum:"pending,delivered,failed,dead" doc:"À envoyer ; livré ; à réessayer ; abandonné"`
	Attempts  int             `json:"attempts"`
	CreatedAt time.Time       `json:"created_at"`
	LastAt    *time.Time      `json:"last_attempt_at" doc:"Dernier essai"`
	Status    int             `json:"response_status" doc:"Ce que l’adresse a répondu ; 0 : rien"`
	Error     string          `json:"error,omitempty" doc:"Pourquoi le dernier essai a échoué"`
	Millis    int64           `json:"response_ms" doc:"Durée du dernier essai"`
	Body      json.RawMessage `json:"body" doc:"Le message, tel qu’envoyé"`
}

// Deliveries are one page, newest first.
type Deliveries struct {
	Data       []Delivery `json:"data"`
	NextCursor *string    `json:"next_cursor" doc:"À passer dans cursor ; null à la dernière page"`
}

// Hooks are the endpoints of an application.
type Hooks struct {
	Data []Webhook `json:"data"`
}

// OfWebhook names the endpoint of an operation.
type OfWebhook struct {
	caller
	ID string `path:"id" doc:"Identifiant de l’adresse de notification (UUID)"`
}

type hookOut struct {
	ETag string `header:"ETag" doc:"Étiquette de l’adresse de notification, entre guillemets"`
	Body Webhook
}

type newHookOut struct {
	Replayable
	Location     string `header:"Location" doc:"Où la relire"`
	ETag         string `header:"ETag" doc:"Étiquette de l’adresse de notification, entre guillemets"`
	CacheControl string `header:"Cache-Control"`
	Body         NewWebhook
}

func (s *server) newHook(w dossiers.Webhook, secret string) *newHookOut {
	return &newHookOut{
		Location: base + "/webhooks/" + w.ID, ETag: hookTag(w), CacheControl: "no-store", Body: NewWebhook{webhookOf(w, s.Now()), secret},
	}
}

type deliveryIn struct {
	OfWebhook
	Message string `path:"message" doc:"Identifiant du message (webhook-id)"`
}

type noContent struct{}

const webhooksText = `Le parapheur appelle ces adresses pour chaque fait, dans l’ordre du journal, au moins une fois. Les messages suivent Standard Webhooks : en-têtes webhook-id, webhook-timestamp et webhook-signature (HMAC-SHA256). Ils ne portent que des identifiants : relisez le dossier à l’adresse donnée.

Répondez 2xx en moins de 15 secondes. Sinon le même message revient : aussitôt, puis après 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h et 24 h. Les redirections ne sont pas suivies ; 410 met fin aux appels. Après trois jours l’adresse est suspendue et les administrateurs sont prévenus ; rien n’est perdu.`

func (s *server) registerWebhooks() {
	const scope = dossiers.ScopeWebhooksManage
	op := func(id, method, path, summary, text string, errors ...int) operation {
		return operation{id: id, method: method, path: "/webhooks" + path, tag: tagWebhooks, scope: scope, summary: summary, description: text, errors: errors}
	}
	add(s, op("listWebhooks", http.MethodGet, "", "Lister ses adresses de notification", webhooksText), s.listHooks)
	created := op("addWebhook", http.MethodPost, "", "Ajouter une adresse de notification", "Elle est appelée pour ce qui arrive à partir de maintenant. Le secret n’est montré que dans cette réponse, et à qui la redemande sous le même Idempotency-Key.", http.StatusBadRequest, http.StatusUnsupportedMediaType)
	created.status = http.StatusCreated
	add(s, created, s.addHook)
	add(s, op("getWebhook", http.MethodGet, "/{id}", "Lire une adresse de notification", "Où elle en est : after rejoint head quand tout est livré."), s.getHook)
	add(s, op("changeWebhook", http.MethodPatch, "/{id}", "Changer, mettre en pause ou réactiver une adresse", "Ce qui est absent ne change pas.",
		http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusUnsupportedMediaType), s.changeHook)
	removed := op("removeWebhook", http.MethodDelete, "/{id}", "Supprimer une adresse de notification", "Ses livraisons sont effacées avec elle.", http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	removed.status = http.StatusNoContent
	add(s, removed, s.removeHook)
	add(s, op("renewWebhookSecret", http.MethodPost, "/{id}/secret", "Renouveler le secret", "Le nouveau secret n’est montré que dans cette réponse. L’ancien signe encore un jour : les messages portent alors deux signatures, et il suffit que l’une soit bonne. Deux renouvellements le même jour font taire le plus ancien : donnez un Idempotency-Key, pour qu’une demande répétée après une coupure réponde le même secret."), s.rotateHook)
	add(s, op("replayWebhook", http.MethodPost, "/{id}/replay", "Renvoyer depuis un point du journal", "Tout ce qui suit ce fait est renvoyé, dans l’ordre, sous les mêmes webhook-id.", http.StatusBadRequest, http.StatusUnsupportedMediaType), s.replayHook)
	test := op("testWebhook", http.MethodPost, "/{id}/tests", "Envoyer un message d’essai", "Un message webhook.test, une fois, même à une adresse en pause. Sa livraison se lit dans la liste.")
	test.status = http.StatusAccepted
	add(s, test, s.testHook)
	add(s, op("listDeliveries", http.MethodGet, "/{id}/deliveries", "Lister les livraisons", "De la plus récente à la plus ancienne, gardées 90 jours.", http.StatusBadRequest), s.listDeliveries)
	again := op("redeliver", http.MethodPost, "/{id}/deliveries/{message}/replay", "Renvoyer un message", "Une fois, hors de son tour, sous le même webhook-id.")
	again.status = http.StatusAccepted
	add(s, again, s.redeliver)
}

func webhookOf(w dossiers.Webhook, now time.Time) Webhook {
	out := Webhook{
		ID: w.ID, URL: w.URL, Types: append([]string{}, w.Kinds...), Status: string(w.Status), Reason: w.Reason, After: w.Position, Head: w.Head,
		Attempts: w.Attempts, Secrets: 1, CreatedAt: w.CreatedAt,
	}
	if len(w.Sealed) > 1 && now.Before(w.OldUntil) {
		out.Secrets = 2
	}
	if w.Attempts > 0 && w.Status == dossiers.WebhookActive {
		out.NextTry = &w.DueAt
	}
	return out
}

// hookTag changes with what may be chosen of an endpoint, not with its progress.
func hookTag(w dossiers.Webhook) string {
	return listTag([]any{w.URL, w.Kinds, w.Status, w.StatusAt})[2:]
}

func (s *server) hook(w dossiers.Webhook) *hookOut {
	return &hookOut{ETag: hookTag(w), Body: webhookOf(w, s.Now())}
}

func (s *server) listHooks(ctx context.Context, in *struct{ caller }) (*struct{ Body Hooks }, error) {
	all, err := s.Office.Webhooks(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Hooks }{Hooks{Data: []Webhook{}}}
	for _, w := range all {
		out.Body.Data = append(out.Body.Data, webhookOf(w, s.Now()))
	}
	return out, nil
}

func (s *server) addHook(ctx context.Context, in *struct {
	caller
	Repeatable
	Body WebhookWish
},
) (*newHookOut, error) {
	return atMostOnceInSecret(ctx, s, in.caller, in.Key, in.Body, func(string) (*newHookOut, error) {
		w, secret, err := s.Office.AddWebhook(ctx, in.viewer, "", in.Body.URL, in.Body.Types)
		if err != nil {
			return nil, err
		}
		return s.newHook(w, secret), nil
	})
}

func (s *server) getHook(ctx context.Context, in *OfWebhook) (*hookOut, error) {
	w, err := s.Office.Webhook(ctx, in.viewer, in.ID)
	if err != nil {
		return nil, err
	}
	return s.hook(w), nil
}

// matched reads an endpoint that is about to be written.
func (s *server) matched(ctx context.Context, in OfWebhook, match string) error {
	if match == "" {
		return refused(http.StatusPreconditionRequired, "")
	}
	w, err := s.Office.Webhook(ctx, in.viewer, in.ID)
	if err != nil {
		return err
	}
	if !matches(match, hookTag(w), false) {
		return refused(http.StatusPreconditionFailed, "")
	}
	return nil
}

func (s *server) changeHook(ctx context.Context, in *struct {
	OfWebhook
	IfMatch string `header:"If-Match" doc:"Étiquette lue ; obligatoire, « * » pour n’importe laquelle"`
	Body    WebhookChange
},
) (*hookOut, error) {
	if err := s.matched(ctx, in.OfWebhook, in.IfMatch); err != nil {
		return nil, err
	}
	w, err := s.Office.ChangeWebhook(ctx, in.viewer, in.ID, dossiers.WebhookRequest{URL: in.Body.URL, Kinds: in.Body.Types, Active: in.Body.Active})
	if err != nil {
		return nil, err
	}
	return s.hook(w), nil
}

func (s *server) removeHook(ctx context.Context, in *struct {
	OfWebhook
	IfMatch string `header:"If-Match" doc:"Étiquette lue ; obligatoire, « * » pour n’importe laquelle"`
},
) (*noContent, error) {
	if err := s.matched(ctx, in.OfWebhook, in.IfMatch); err != nil {
		return nil, err
	}
	return &noContent{}, s.Office.RemoveWebhook(ctx, in.viewer, in.ID)
}

func (s *server) rotateHook(ctx context.Context, in *struct {
	OfWebhook
	Repeatable
},
) (*newHookOut, error) {
	return atMostOnceInSecret(ctx, s, in.caller, in.Key, nil, func(string) (*newHookOut, error) {
		w, secret, err := s.Office.RotateWebhook(ctx, in.viewer, in.ID)
		if err != nil {
			return nil, err
		}
		return s.newHook(w, secret), nil
	})
}

func (s *server) replayHook(ctx context.Context, in *struct {
	OfWebhook
	Body WebhookReplay
},
) (*hookOut, error) {
	w, err := s.Office.ReplayWebhook(ctx, in.viewer, in.ID, in.Body.After)
	if err != nil {
		return nil, err
	}
	return s.hook(w), nil
}

type deliveryOut struct {
	Body Delivery
}

func deliveryOf(d dossiers.Delivery) Delivery {
	out := Delivery{
		ID: d.ID, Seq: d.Seq, Type: d.Kind, State: string(d.State), Attempts: d.Attempts, CreatedAt: d.CreatedAt, Status: d.Status,
		Error: d.Error, Millis: d.Took.Milliseconds(), Body: json.RawMessage(d.Body),
	}
	if !d.LastAt.IsZero() {
		out.LastAt = &d.LastAt
	}
	return out
}

func (s *server) testHook(ctx context.Context, in *OfWebhook) (*deliveryOut, error) {
	d, err := s.Office.TestWebhook(ctx, in.viewer, in.ID)
	if err != nil {
		return nil, err
	}
	return &deliveryOut{Body: deliveryOf(d)}, nil
}

func (s *server) listDeliveries(ctx context.Context, in *struct {
	OfWebhook
	Cursor string `query:"cursor" maxLength:"200" doc:"Curseur de la page précédente (next_cursor), sans le modifier"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Nombre de livraisons d’une page"`
}) (*struct {
	Link string `header:"Link" doc:"Adresse de la page suivante (RFC 8288), s’il y en a une"`
	Body Deliveries
}, error,
) {
	found, next, err := s.Office.Deliveries(ctx, in.viewer, in.ID, dossiers.Page{After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, cursorRefused(err)
	}
	out := &struct {
		Link string `header:"Link" doc:"Adresse de la page suivante (RFC 8288), s’il y en a une"`
		Body Deliveries
	}{Body: Deliveries{Data: []Delivery{}}}
	for _, d := range found {
		out.Body.Data = append(out.Body.Data, deliveryOf(d))
	}
	if next != "" {
		out.Body.NextCursor, out.Link = &next, nextLink("/webhooks/"+in.ID+"/deliveries", in.r.URL.Query(), next)
	}
	return out, nil
}

func (s *server) redeliver(ctx context.Context, in *deliveryIn) (*noContent, error) {
	return &noContent{}, s.Office.Redeliver(ctx, in.viewer, in.ID, in.Message)
}

// nextLink is the Link of the next page (RFC 8288).
func nextLink(path string, q url.Values, cursor string) string {
	q.Set("cursor", cursor)
	return "<" + base + path + "?" + q.Encode() + `>; rel="next"`
}
