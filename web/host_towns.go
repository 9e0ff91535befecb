package web

import (
	"io"
	"net/http"
	"slices"

	"parapheur/internal/hosting"
	"parapheur/journal"
)

// A townCard is a town in the list of the centre.
type townCard struct {
	SIRET, SIREN string
	Name, URL    string
	RPID         string
	Created      string
	State        tag
	Awaiting     bool // no passkey yet
	Suspended    string
	Demo         bool
}

// townsPage is / of the centre.
type townsPage struct {
	frame
	Towns []townCard
	Count string
	Said  string
}

func (*townsPage) template() string { return "centre-collectivites" }

// newTownPage is /collectivites/nouvelle of the centre.
type newTownPage struct {
	frame
	Domain string // below which a town may be named by one word
}

func (*newTownPage) template() string { return "centre-nouvelle" }

func (h *host) towns(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	all, err := h.centre.Towns(r.Context())
	if err != nil {
		return err
	}
	p := newTownsPage(all, h.calendar())
	p.frame = h.frame(v, "Les collectivités", "collectivites")
	p.Scripts = []string{"js/act.js"}
	p.Said = map[string]string{
		"suspendue": "La collectivité est suspendue : personne n’y entre. Ses données ne bougent pas.",
		"reprise":   "La collectivité est de nouveau en service.",
	}[r.URL.Query().Get("dit")]
	p.Said = typeset(p.Said)
	return h.show(w, r, http.StatusOK, p)
}

func newTownsPage(all []hosting.Town, c calendar) *townsPage {
	p := &townsPage{Count: count(len(all), "collectivité", "collectivités")}
	for _, t := range all {
		card := townCard{
			SIRET: t.SIRET, SIREN: t.SIRET[:9], Name: t.Name, URL: t.Origin, RPID: t.RPID, Created: c.full(t.CreatedAt), Awaiting: t.Awaiting, Demo: t.Demo,
			State: tag{"", "circle-check", "En service"},
		}
		switch {
		case t.Suspended():
			card.Suspended = "Suspendue " + c.full(t.SuspendedAt)
			card.State = tag{"urgent", "lock", "Suspendue"}
		case t.Awaiting:
			card.State = tag{"late", "hourglass", "Attend son administrateur"}
		}
		p.Towns = append(p.Towns, card)
	}
	return p
}

func (h *host) newTown(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	p := &newTownPage{frame: h.frame(v, "Créer une collectivité", "collectivites"), Domain: h.centre.Domain}
	p.Scripts = []string{"js/act.js"}
	return h.show(w, r, http.StatusOK, p)
}

// townTold is what the script sends of a town about to be created.
type townTold struct {
	SIRET      string `json:"siret"`
	Name       string `json:"name"`
	Place      string `json:"place"`
	Origin     string `json:"origin"`
	GivenName  string `json:"given_name"`
	FamilyName string `json:"family_name"`
	Email      string `json:"email"`
}

func (h *host) beginCreate(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	var in townTold
	if err := read(r, &in); err != nil {
		return err
	}
	g, err := h.centre.BeginCreate(r.Context(), v.viewer, hosting.NewTown(in))
	if err != nil {
		return err
	}
	return replyHost(v, w, g)
}

// onTown is what the script sends of another act on a town.
type onTown struct {
	SIRET  string `json:"siret"`
	Reason string `json:"reason"`
}

func (h *host) beginOnTown(kind string) hostHandler {
	return func(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
		var in onTown
		if err := read(r, &in); err != nil {
			return err
		}
		g, err := h.centre.BeginOnTown(r.Context(), v.viewer, kind, in.SIRET, in.Reason)
		if err != nil {
			return err
		}
		return replyHost(v, w, g)
	}
}

// madeLink is what is shown once.
type madeLink struct {
	Link  string `json:"link"`
	Town  string `json:"town"`
	Until string `json:"until"`
}

func (h *host) finishAct(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	var in answered
	if err := read(r, &in); err != nil {
		return err
	}
	kind, out, err := h.centre.Finish(r.Context(), v.viewer, in.Ceremony, in.Response)
	if err != nil {
		return err
	}
	switch kind {
	case hosting.KindTownSuspended:
		return reply(w, http.StatusOK, goOn{"/?dit=suspendue"})
	case hosting.KindTownResumed:
		return reply(w, http.StatusOK, goOn{"/?dit=reprise"})
	}
	return reply(w, http.StatusOK, madeLink{Link: out.Link, Town: out.Town.Name, Until: h.calendar().day(out.Expires.In(h.location))})
}

// A hostLine is a line of the journal of the centre.
type hostLine struct {
	Seq                    int64
	When, What, About, Who string
	Note, Kind, Hash       string
	Gesture, Proved        bool // of a person; and it is that of one of their keys
}

// hostJournalPage is /journal of the centre.
type hostJournalPage struct {
	frame
	Lines []hostLine
	Head  string
}

func (*hostJournalPage) template() string { return "centre-journal" }

func (h *host) journal(v *hostVisit, w http.ResponseWriter, r *http.Request) error {
	all, err := h.centre.Lines(r.Context())
	if err != nil {
		return err
	}
	p := newHostJournalPage(all, h.calendar())
	p.frame = h.frame(v, "Le journal", "journal")
	return h.show(w, r, http.StatusOK, p)
}

// newHostJournalPage shows the latest first; a centre does a few things a week.
func newHostJournalPage(all []hosting.Line, c calendar) *hostJournalPage {
	p := &hostJournalPage{}
	names := map[string]string{}
	for _, l := range all {
		if l.Name != "" {
			names[l.Subject] = l.Name
		}
		note := l.Reason
		if l.Origin != "" {
			note = l.Origin
		}
		about := names[l.Subject]
		if about == "" {
			about = l.By.Name
		}
		p.Lines = append(p.Lines, hostLine{
			Seq: l.Seq, When: c.full(l.At), What: hostWords(l.Kind), About: about, Who: l.By.Name, Note: note, Kind: l.Kind,
			Hash: shortHash(l.Hash), Gesture: l.Evidence != nil, Proved: l.Proved,
		})
	}
	if len(all) > 0 {
		p.Head = p.Lines[len(all)-1].Hash
	}
	slices.Reverse(p.Lines)
	return p
}

// shortHash is the beginning of a digest, as the journal of a town shows it.
func shortHash(h [32]byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 16)
	for _, b := range h[:8] {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

func hostWords(kind string) string {
	return map[string]string{
		hosting.KindTownCreated: "Collectivité créée", hosting.KindTownInvited: "Nouveau lien pour le premier administrateur",
		hosting.KindTownSuspended: "Collectivité suspendue", hosting.KindTownResumed: "Collectivité remise en service",
		hosting.KindPersonAdded: "Personne du centre ajoutée", hosting.KindPersonInvited: "Personne du centre invitée", hosting.KindPersonGone: "Personne du centre révoquée",
		hosting.KindEnrolled: "Clé d’accès enregistrée", hosting.KindKeyAdded: "Clé d’API créée", hosting.KindKeyRevoked: "Clé d’API révoquée",
	}[kind]
}

func (h *host) exportJournal(_ *hostVisit, w http.ResponseWriter, r *http.Request) error {
	return h.download(w, r, "application/jsonl", "journal-centre.jsonl", func(out io.Writer) error {
		_, err := journal.Write(out, hosting.Chain, journal.Genesis(hosting.Chain), h.centre.Entries(r.Context()))
		return err
	})
}
