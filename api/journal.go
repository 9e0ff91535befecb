package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"parapheur/dossiers"
	"parapheur/journal"
)

// JournalEntries are one page of the journal of the town, the last first.
type JournalEntries struct {
	Data       []JournalEntry `json:"data"`
	NextCursor *string        `json:"next_cursor" doc:"À passer dans cursor ; null à la dernière page"`
}

// A JournalEntry is one line of the chained journal.
type JournalEntry struct {
	Seq     int64           `json:"seq" doc:"De 1, sans trou"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind" example:"delegation.set"`
	Subject string          `json:"subject" doc:"De quoi il s’agit : l’identifiant d’un dossier, d’une personne, « type/courrier »…"`
	Body    json.RawMessage `json:"body" doc:"Ce qui est dit, tel que l’empreinte le couvre"`
	Prev    string          `json:"prev" doc:"Empreinte de la ligne d’avant"`
	Hash    string          `json:"hash" doc:"Empreinte SHA-256 de la ligne"`
}

type journalIn struct {
	caller
	Person  string `query:"person" maxLength:"254" doc:"Adresse de qui a agi, ou de qui la ligne nomme"`
	Dossier int64  `query:"dossier" minimum:"1" maximum:"2147483647" doc:"Numéro d’un dossier"`
	Kind    string `query:"kind" maxLength:"60" doc:"Nature de la ligne (« delegation.set »), ou famille, avec son point (« dossier. »)"`
	From    string `query:"from" maxLength:"10" doc:"À partir de ce jour, comme 2026-03-02"`
	Until   string `query:"until" maxLength:"10" doc:"Jusqu’à ce jour, compris"`
	Cursor  string `query:"cursor" maxLength:"20" doc:"Curseur de la page précédente (next_cursor), sans le modifier"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Nombre de lignes d’une page"`
}

type journalOut struct {
	Link string `header:"Link" doc:"Adresse de la page suivante (RFC 8288), s’il y en a une"`
	Body JournalEntries
}

func (s *server) registerJournal() {
	add(s, operation{
		id: "searchJournal", method: http.MethodGet, path: "/journal", tag: tagOrganisation, scope: dossiers.ScopeJournalRead,
		summary:     "Chercher dans le journal de la collectivité",
		description: "Les mêmes filtres que la page, de la plus récente à la plus ancienne. Il dit qui a fait quoi, à toutes les lettres et à toute l’organisation : ce droit n’est pas donné d’office.",
		errors:      []int{http.StatusBadRequest},
	}, s.searchJournal)
	add(s, operation{
		id: "exportJournal", method: http.MethodGet, path: "/journal/export", tag: tagOrganisation, scope: dossiers.ScopeJournalRead,
		summary:     "Exporter le journal",
		description: "Entier, une ligne JSON par fait, sous la forme que « parapheur verify --journal » vérifie.",
	}, s.exportJournal)
	responses := s.api.OpenAPI().Paths["/journal/export"].Get.Responses
	responses["200"] = &huma.Response{Description: "Le journal", Content: map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}}}}
}

func (s *server) searchJournal(ctx context.Context, in *journalIn) (*journalOut, error) {
	q := dossiers.JournalQuery{Email: in.Person, Number: in.Dossier, Kind: in.Kind}
	if in.Cursor != "" {
		n, err := strconv.ParseInt(in.Cursor, 10, 64)
		if err != nil || n < 1 {
			return nil, refused(http.StatusBadRequest, "Ce curseur n’est pas l’un des nôtres : passez next_cursor sans le modifier.")
		}
		q.Before = n
	}
	var err error
	if q.From, err = s.dayOf(in.caller, "query.from", in.From); err != nil {
		return nil, err
	}
	if q.Until, err = s.dayOf(in.caller, "query.until", in.Until); err != nil {
		return nil, err
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
	}
	limit := min(max(in.Limit, 1), 200)
	found, err := s.Office.SearchJournal(ctx, in.viewer, q, limit)
	if err != nil {
		return nil, err
	}
	out := &journalOut{Body: JournalEntries{Data: []JournalEntry{}}}
	for _, e := range found {
		out.Body.Data = append(out.Body.Data, entryWire(e))
	}
	if n := len(found); n == limit && found[n-1].Seq > 1 {
		next := strconv.FormatInt(found[n-1].Seq, 10)
		out.Body.NextCursor, out.Link = &next, nextLink("/journal", in.r.URL.Query(), next)
	}
	return out, nil
}

func entryWire(e journal.Entry) JournalEntry {
	body := json.RawMessage(e.Body)
	if !json.Valid(body) { // an empty one is nothing
		body = json.RawMessage("null")
	}
	return JournalEntry{Seq: e.Seq, At: e.At, Kind: e.Kind, Subject: e.Subject, Body: body, Prev: hex.EncodeToString(e.Prev[:]), Hash: hex.EncodeToString(e.Hash[:])}
}

// dayOf reads a day of the town's calendar; nothing is no day.
func (s *server) dayOf(c caller, where, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, s.Office.LocationOf(c.viewer.Tenant.Territory))
	if err != nil {
		return at, wrong(where, "Un jour qui existe est attendu, comme 2026-03-02.")
	}
	return at, nil
}

func (s *server) exportJournal(ctx context.Context, in *struct{ caller }) (*huma.StreamResponse, error) {
	if _, err := s.Office.SearchJournal(ctx, in.viewer, dossiers.JournalQuery{}, 1); err != nil {
		return nil, err // an error is an answer, not half a file
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humachi.Unwrap(hc)
		w.Header().Set("Content-Type", "application/jsonl")
		w.Header().Set("Content-Disposition", attachment("journal-"+in.viewer.Tenant.SIRET+".jsonl"))
		_ = http.NewResponseController(w).SetWriteDeadline(s.Now().Add(streamTime)) // none to extend on some servers
		if err := s.Office.ExportJournal(ctx, in.viewer, w); err != nil {
			panic(http.ErrAbortHandler) // half a journal is no answer: the connection is cut
		}
	}}, nil
}
