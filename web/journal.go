package web

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/journal"
)

// journalPageSize is how many lines of the journal a page shows.
const journalPageSize = 50

// journal is /administration/journal: the last lines that match, or those
// before one.
func (s *server) journal(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	asked := r.URL.Query()
	q, wrong := journalQuery(asked, s.now(v).Location())
	g, err := s.Office.Organisation(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	head, err := s.Office.JournalHead(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	var entries []journal.Entry
	if wrong == nil {
		// One more than is shown says whether there are others.
		if entries, err = s.Office.SearchJournal(r.Context(), v.viewer, q, journalPageSize+1); err != nil {
			return err
		}
	}
	names, err := s.names(v, r)
	if err != nil {
		return err
	}
	more := len(entries) > journalPageSize
	entries = entries[:min(len(entries), journalPageSize)]
	p := newJournalPage(entries, names, s.calendar(v))
	p.search(g, asked, wrong, v.tenant.Sandbox())
	if len(entries) == 0 {
		p.Nothing = p.nothing(asked, q, wrong, s.calendar(v))
	}
	p.frame, p.Head = s.frame(v, "Le journal", "administration"), spaced(hex.EncodeToString(head.Hash[:]))
	if !p.Searched && q.Before == 0 {
		p.Live = "*"
	}
	if more {
		next := url.Values{}
		for _, name := range journalFields() {
			if value := asked.Get(name); value != "" {
				next.Set(name, value)
			}
		}
		next.Set("avant", strconv.FormatInt(entries[len(entries)-1].Seq, 10))
		p.Older = "/administration/journal?" + next.Encode()
	}
	status := http.StatusOK
	if wrong != nil {
		status = http.StatusUnprocessableEntity
	}
	return s.show(w, r, status, p)
}

// journalFields are the fields of the search, in the address.
func journalFields() []string { return []string{"qui", "dossier", "quoi", "du", "au"} }

// journalQuery reads the search from the address.
func journalQuery(asked url.Values, zone *time.Location) (q dossiers.JournalQuery, err error) {
	q = dossiers.JournalQuery{Person: circuits.PersonID(asked.Get("qui")), Kind: asked.Get("quoi")}
	if n, err := strconv.ParseInt(asked.Get("avant"), 10, 64); err == nil && n > 0 {
		q.Before = n
	}
	if number := strings.TrimSpace(asked.Get("dossier")); number != "" {
		if q.Number, err = strconv.ParseInt(number, 10, 64); err != nil || q.Number < 1 {
			return q, &dossiers.InvalidError{Field: "dossier", Reason: "Le numéro d’un dossier s’écrit en chiffres."}
		}
	}
	day := func(name string) (time.Time, error) {
		text := strings.TrimSpace(asked.Get(name))
		if text == "" {
			return time.Time{}, nil
		}
		at, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			return at, &dossiers.InvalidError{Field: name, Reason: "Choisissez un jour qui existe."}
		}
		return at, nil
	}
	if q.From, err = day("du"); err != nil {
		return q, err
	}
	if q.Until, err = day("au"); err == nil && !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
	}
	return q, err
}

// search fills the form of the search. What was not understood is not repeated
// on a page that carries the session's token.
func (p *journalPage) search(g dossiers.Organisation, asked url.Values, wrong error, sandbox bool) {
	clean := url.Values{}
	for _, name := range journalFields() {
		clean.Set(name, asked.Get(name))
	}
	if invalid, ok := isField(wrong); ok {
		for _, name := range []string{"dossier", "du", "au"} {
			clean.Del(name)
		}
		clean.Del(invalid.Field)
	}
	f := newFiche(clean, wrong)
	everybody := memberOptions(g, "Tout le monde", func(dossiers.Member) bool { return true })
	p.Search = []setting{
		f.one("select", "qui", "Qui", "Auteur, ou personne concernée.", everybody), f.text("dossier", "N° de dossier", "", 19), f.one("select", "quoi", "Quoi", "", journalKindOptions(sandbox)),
		f.date("du", "Du", ""), f.date("au", "Au", ""),
	}
	for _, name := range journalFields() {
		p.Searched = p.Searched || strings.TrimSpace(asked.Get(name)) != ""
	}
}

// journalKindOptions lists the families of entries, then each kind. What only
// sandboxes have is not offered elsewhere.
func journalKindOptions(sandbox bool) []option {
	out := []option{{Label: "Tout"}}
	for _, family := range journalFamilies() {
		if sandbox || family.prefix != ofSandboxes {
			out = append(out, option{Value: family.prefix, Label: family.name})
		}
	}
	var kinds []option
	for kind, words := range journalWords() {
		if sandbox || !strings.HasPrefix(kind, ofSandboxes) {
			kinds = append(kinds, option{Value: kind, Label: words})
		}
	}
	slices.SortFunc(kinds, func(a, b option) int { return strings.Compare(a.Label+a.Value, b.Label+b.Value) })
	return append(out, kinds...)
}

// exportJournal is /administration/journal/export: the whole journal in the
// form that "parapheur verify --journal" reads.
func (s *server) exportJournal(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.download(w, r, "application/jsonl", "journal-"+v.tenant.SIRET+".jsonl", func(out io.Writer) error {
		return s.Office.ExportJournal(r.Context(), v.viewer, out)
	})
}

// names are those of the people, desks and programs of the town, by their identifiers.
func (s *server) names(v *visit, r *http.Request) (map[string]string, error) {
	people, err := s.Office.People(r.Context(), v.viewer)
	if err != nil {
		return nil, err
	}
	desks, err := s.Office.Desks(r.Context(), v.viewer)
	if err != nil {
		return nil, err
	}
	apps, err := s.Office.Applications(r.Context(), v.viewer)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, a := range apps {
		out[a.ID] = a.Name
	}
	for _, p := range people {
		out[string(p.ID)] = p.Name()
	}
	for _, d := range desks {
		out[string(d.ID)] = d.Name
	}
	return out, nil
}

// newJournalPage puts entries in words, in the order they are given: the last
// first.
func newJournalPage(entries []journal.Entry, names map[string]string, c calendar) *journalPage {
	p := &journalPage{}
	for _, e := range entries {
		hash := hex.EncodeToString(e.Hash[:])
		p.Lines = append(p.Lines, journalLine{
			Seq: e.Seq, When: c.moment(e.At), Kind: e.Kind, What: journalKind(e.Kind), About: about(e, names), Who: actorIn(e.Body), Hash: hash[:12] + "…",
			Sentence: typeset(sentence(e, names)),
		})
	}
	return p
}
