package api

import (
	"context"
	"net/http"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/live"
)

type eventsIn struct {
	caller
	After int64 `query:"after" minimum:"0" default:"0" doc:"Numéro du dernier fait connu (next_after de la réponse précédente) ; 0 pour commencer"`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Nombre de faits d’une réponse"`
	Wait  int   `query:"wait" minimum:"0" maximum:"30" default:"0" doc:"Combien de secondes attendre s’il n’y a encore rien"`
}

type eventsOut struct {
	Body Feed
}

// A Feed is what happened after a point, in order and without gap.
type Feed struct {
	Data      []Event `json:"data"`
	NextAfter int64   `json:"next_after" doc:"À passer dans after la fois suivante"`
}

// An Event is one fact about a dossier of the application. It says what moved,
// not what it became: read the dossier.
type Event struct {
	Seq       int64     `json:"seq" doc:"Numéro dans le journal de la collectivité"`
	Type      string    `json:"type" doc:"Nature du fait ; d’autres peuvent s’ajouter : ignorer celles qu’on ne connaît pas"`
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
	Sandbox   bool      `json:"sandbox,omitempty" doc:"Vrai dans un bac à sable : rien de ce qui s’y passe n’a de valeur"`
}

// EventData names the dossier of an event.
type EventData struct {
	Dossier string `json:"dossier" format:"uuid"`
	Number  int64  `json:"number"`
	URL     string `json:"url" format:"uri-reference"`
}

func (s *server) registerEvents() {
	add(s, operation{
		id: "listEvents", method: http.MethodGet, path: "/events", tag: tagEvents, scope: dossiers.ScopeEventsRead,
		summary:     "Suivre ce qui arrive aux dossiers",
		description: eventsText,
	}, s.events)
	kinds := schemaOf[Event](s.api)
	if kinds.Ref != "" {
		kinds = s.api.OpenAPI().Components.Schemas.SchemaFromRef(kinds.Ref)
	}
	for _, k := range dossiers.EventKinds() {
		kinds.Properties["type"].Examples = append(kinds.Properties["type"].Examples, k)
	}
}

const eventsText = `Le journal des dossiers que cette application peut voir, dans l’ordre et sans trou. Gardez next_after et redemandez à partir de lui : rien n’est perdu, même après une panne.

Avec wait, la réponse attend jusqu’à 30 secondes qu’il arrive quelque chose : une seule demande ouverte remplace des appels répétés.`

func (s *server) events(ctx context.Context, in *eventsIn) (*eventsOut, error) {
	var moved <-chan live.Event
	wait := time.Duration(in.Wait) * time.Second
	if s.Hub != nil && wait > 0 {
		var cancel func()
		moved, cancel = s.Hub.Subscribe(in.viewer.Tenant.ID) // before the first reading, which then misses nothing
		defer cancel()
	}
	_ = http.NewResponseController(in.w).SetWriteDeadline(s.Now().Add(wait + 15*time.Second)) // none to extend on some servers
	end := time.NewTimer(wait)
	defer end.Stop()
	for last := wait == 0; ; {
		found, err := s.Office.Events(ctx, in.viewer, in.After, in.Limit)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 || last {
			return feed(in.viewer.Tenant, in.After, found), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end.C:
			last = true // once more: a notice may have been lost
		case _, open := <-moved:
			if !open {
				last = true // the server is stopping
			}
			for len(moved) > 0 { // one reading answers them all
				<-moved
			}
		}
	}
}

func feed(t dossiers.Tenant, after int64, found []dossiers.FeedEntry) *eventsOut {
	out := &eventsOut{Body: Feed{Data: []Event{}, NextAfter: after}}
	for _, f := range found {
		out.Body.NextAfter = f.Seq
		out.Body.Data = append(out.Body.Data, Event{
			Seq: f.Seq, Type: f.Kind, Timestamp: f.At, Sandbox: t.Sandbox(),
			Data: EventData{Dossier: string(f.Dossier), Number: f.Number, URL: dossierPath(f.Dossier)},
		})
	}
	return out
}
