package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// A SandboxClock is the clock of a sandbox.
type SandboxClock struct {
	Now          time.Time `json:"now" doc:"L’heure du bac à sable : celle des échéances, des délégations, des mandats, des certificats et des horodatages"`
	Real         time.Time `json:"real" doc:"La vraie : celle des clés d’API, des sessions et des webhooks"`
	AheadSeconds int64     `json:"ahead_seconds" doc:"L’avance de la première sur la seconde"`
	// Done is what the move brought about.
	Done *SandboxDone `json:"done,omitempty" doc:"Ce que l’avance a provoqué"`
}

// SandboxDone counts what a move of the clock brought about.
type SandboxDone struct {
	Reminded   int `json:"reminded" doc:"Dossiers relancés, en retard ou escaladés"`
	Resumed    int `json:"resumed" doc:"Dossiers bloqués qui repartent"`
	Redirected int `json:"redirected" doc:"Tours passés au remplaçant d’un absent"`
	Mandates   int `json:"mandates" doc:"Mandats échus"`
}

// A SandboxMove says where the clock goes: one of the two.
type SandboxMove struct {
	To      *time.Time `json:"to,omitempty" doc:"L’instant à atteindre" example:"2027-03-01T08:00:00Z"`
	Advance string     `json:"advance,omitempty" pattern:"^P(?:\\d{1,4}D)?(?:T(?:\\d{1,5}H)?(?:\\d{1,5}M)?(?:\\d{1,7}S)?)?$" doc:"La durée à ajouter, en jours, heures, minutes et secondes (ISO 8601)" example:"P10D"`
}

// A SandboxPerson is somebody whose decisions may be played.
type SandboxPerson struct {
	Role  string   `json:"role" doc:"Le nom à donner dans person" example:"maire"`
	ID    string   `json:"id" format:"uuid"`
	Name  string   `json:"name"`
	Desks []string `json:"desks" doc:"Les bureaux qu’elle tient"`
}

// SandboxPeople are the test persons.
type SandboxPeople struct {
	Data []SandboxPerson `json:"data"`
}

// A SandboxDecision is a decision to be played.
type SandboxDecision struct {
	Person   string `json:"person" minLength:"1" maxLength:"60" doc:"Le rôle ou l’identifiant d’une personne d’essai" example:"dgs"`
	Decision string `json:"decision" enum:"visa,signature,cachet,avis,refus,remords,contournement" doc:"Ce qu’elle décide ; remords reprend sa dernière décision" example:"visa"`
	Reason   string `json:"reason,omitempty" maxLength:"4000" doc:"Motif d’un refus ou d’un contournement, obligatoire pour eux"`
	Advice   string `json:"advice,omitempty" enum:"favorable,reserve,defavorable" doc:"Sens d’un avis, obligatoire pour lui"`
	Text     string `json:"text,omitempty" maxLength:"4000" doc:"Texte d’un avis"`
}

type sandboxClockOut struct {
	Body SandboxClock
}

func (s *server) registerSandbox() {
	add(s, operation{
		id: "getSandboxClock", method: http.MethodGet, path: "/sandbox/clock", tag: tagSandbox, scope: dossiers.ScopeSandbox,
		summary: "Lire l’horloge du bac à sable", description: "Refusée (403) dans une vraie collectivité.",
	}, s.readSandboxClock)
	add(s, operation{
		id: "setSandboxClock", method: http.MethodPut, path: "/sandbox/clock", tag: tagSandbox, scope: dossiers.ScopeSandbox,
		summary: "Avancer l’horloge du bac à sable", errors: []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		description: "À un instant (to) ou d’une durée (advance). Elle ne recule jamais (409). Les relances, escalades, fins de mandat et reprises échues jusque-là ont lieu avant la réponse. Refusée (403) dans une vraie collectivité.",
	}, s.setSandboxClock)
	add(s, operation{
		id: "listSandboxPersons", method: http.MethodGet, path: "/sandbox/persons", tag: tagSandbox, scope: dossiers.ScopeSandbox,
		summary: "Lister les personnes d’essai", description: "Celles dont les décisions peuvent être jouées. Refusée (403) dans une vraie collectivité.",
	}, s.listSandboxPersons)
	add(s, operation{
		id: "playSandboxDecision", method: http.MethodPost, path: "/sandbox/dossiers/{id}/decisions", tag: tagSandbox, scope: dossiers.ScopeSandbox,
		summary:     "Jouer la décision d’une personne d’essai",
		description: "La personne lit la lettre telle qu’elle est et décide par la cérémonie de tous, avec une clé d’accès logicielle qui n’existe que dans ce bac à sable : la preuve est vraie de forme, et sans valeur. Une signature décidée est apposée peu après : suivez les évènements. Refusée (403) dans une vraie collectivité, quelle que soit la clé.",
		errors:      []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.playSandboxDecision)
}

func clockOf(c dossiers.ClockReading) *sandboxClockOut {
	return &sandboxClockOut{Body: SandboxClock{Now: c.Now, Real: c.Real, AheadSeconds: int64(c.Ahead / time.Second)}}
}

func (s *server) readSandboxClock(_ context.Context, in *struct{ caller }) (*sandboxClockOut, error) {
	c, err := s.Sandbox.Read(in.viewer)
	if err != nil {
		return nil, err
	}
	return clockOf(c), nil
}

func (s *server) setSandboxClock(ctx context.Context, in *struct {
	caller
	Body SandboxMove
},
) (*sandboxClockOut, error) {
	c, err := s.Sandbox.Read(in.viewer)
	if err != nil {
		return nil, err
	}
	to, err := in.Body.from(c.Now)
	if err != nil {
		return nil, err
	}
	c, done, err := s.Sandbox.Advance(ctx, in.viewer, to)
	if err != nil {
		return nil, err
	}
	out := clockOf(c)
	out.Body.Done = &SandboxDone{Reminded: done.Reminded, Resumed: done.Resumed, Redirected: done.Redirected, Mandates: done.Mandates}
	return out, nil
}

// from is where the clock goes from now.
func (m SandboxMove) from(now time.Time) (time.Time, error) {
	if (m.To == nil) == (m.Advance == "") {
		return now, wrong("to", "Donnez l’instant à atteindre (to) ou la durée à ajouter (advance), et non les deux.")
	}
	if m.To != nil {
		return *m.To, nil
	}
	by, err := duration(m.Advance)
	if err != nil {
		return now, wrong("advance", "Cette durée ne se lit pas : écrivez-la comme P10D, PT36H ou P1DT30M.")
	}
	return now.Add(by), nil
}

// duration reads the days, hours, minutes and seconds of ISO 8601. A pattern
// of the document let it in.
func duration(s string) (out time.Duration, err error) {
	units := map[byte]time.Duration{'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}
	n, digits := int64(0), 0
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n, digits = 10*n+int64(c-'0'), digits+1
		case c == 'T' && digits == 0:
		case digits > 0 && digits < 8 && units[c] > 0:
			out, n, digits = out+time.Duration(n)*units[c], 0, 0
		default:
			return 0, fmt.Errorf("duration %q", s)
		}
	}
	if digits > 0 || len(s) < 3 {
		return 0, fmt.Errorf("duration %q", s)
	}
	return out, nil
}

func (s *server) listSandboxPersons(ctx context.Context, in *struct{ caller }) (*struct{ Body SandboxPeople }, error) {
	all, err := s.Sandbox.People(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body SandboxPeople }{SandboxPeople{Data: []SandboxPerson{}}}
	for _, x := range all {
		p := SandboxPerson{Role: x.Role, ID: string(x.Person.ID), Name: x.Person.Name(), Desks: []string{}}
		for _, seat := range x.Person.Seats {
			p.Desks = append(p.Desks, seat.Name)
		}
		out.Body.Data = append(out.Body.Data, p)
	}
	return out, nil
}

func (s *server) playSandboxDecision(ctx context.Context, in *struct {
	OfDossier
	Repeatable
	Body SandboxDecision
},
) (*changedOut, error) {
	if _, err := s.Sandbox.Read(in.viewer); err != nil { // before anything is looked for
		return nil, err
	}
	item := dossiers.DecisionItem{Dossier: dossiers.ID(in.ID), Decision: in.Body.Decision, Reason: in.Body.Reason}
	if in.Body.Advice != "" {
		item.Advice = &circuits.Advice{Sense: circuits.Sense(in.Body.Advice), Text: in.Body.Text}
	}
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(string) (*changedOut, error) {
		if _, err := s.Sandbox.Play(ctx, in.viewer, in.Body.Person, item); err != nil {
			return nil, stale(err)
		}
		return s.changed(ctx, in.viewer, item.Dossier)
	})
}
