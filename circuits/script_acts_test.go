package circuits_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"parapheur/circuits"
)

// refusals are the sentinels by their names.
func refusals() map[string]error {
	return map[string]error{
		"ErrState": circuits.ErrState, "ErrDesk": circuits.ErrDesk, "ErrStep": circuits.ErrStep, "ErrKind": circuits.ErrKind,
		"ErrStale": circuits.ErrStale, "ErrReason": circuits.ErrReason, "ErrDrafter": circuits.ErrDrafter, "ErrAuthor": circuits.ErrAuthor,
		"ErrActed": circuits.ErrActed, "ErrSigned": circuits.ErrSigned, "ErrEvidence": circuits.ErrEvidence, "ErrCircuit": circuits.ErrCircuit,
		"ErrSame": circuits.ErrSame, "ErrFacts": circuits.ErrFacts, "ErrChoice": circuits.ErrChoice, "ErrTwice": circuits.ErrTwice,
		"ErrMandate": circuits.ErrMandate, "ErrRecused": circuits.ErrRecused, "ErrMustRead": circuits.ErrMustRead,
		"ErrAssurance": circuits.ErrAssurance, "ErrFields": circuits.ErrFields, "ErrNoRefusal": circuits.ErrNoRefusal,
		"ErrReturn": circuits.ErrReturn, "ErrRecipient": circuits.ErrRecipient, "ErrOpinion": circuits.ErrOpinion,
		"ErrPolicy": circuits.ErrPolicy, "ErrKnown": circuits.ErrKnown,
	}
}

// act gives the command of a line: "karim@dgs vise", "léa corrige dès visa :
// deux articles changent", "la machine scelle". After "→" stands the refusal
// that is expected, or "rien".
func (p *play) act(line string) error {
	line, want, expects := strings.Cut(line, " → ")
	line, reason, _ := strings.Cut(line, " : ")
	p.clock = p.clock.Add(time.Minute)
	events, err := p.command(strings.Fields(line), reason)
	if errors.Is(err, errLine) {
		return err
	}
	if expects && want != "rien" {
		sentinel, known := refusals()[want]
		switch {
		case !known:
			return fmt.Errorf("no refusal is called %q", want)
		case !errors.Is(err, sentinel) || len(events) > 0:
			return fmt.Errorf("got %d events, %v", len(events), err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if (want == "rien") != (len(events) == 0) {
		return fmt.Errorf("%d events", len(events))
	}
	return p.happen(events)
}

// happen applies events, each of which the state must admit by itself.
func (p *play) happen(events []circuits.Event) error {
	for _, e := range events {
		if err := p.state.Admits(e); err != nil {
			return fmt.Errorf("the replay of a journal would refuse: %w", err)
		}
		p.state = p.state.Apply(e)
		p.events = append(p.events, e)
	}
	if !p.state.Settled() {
		return errors.New("a step waits to be opened")
	}
	return nil
}

func (p *play) digest(what string) circuits.Digest {
	return sha256.Sum256(fmt.Appendf(nil, "%s %d", what, len(p.events)))
}

// who reads "karim@dgs", "lea", "la machine", "l’horloge".
func (p *play) who(w []string) (circuits.Actor, []string) {
	name, desk, _ := strings.Cut(w[0], "@")
	a := circuits.Actor{Person: circuits.PersonID(name), Name: strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):], Desk: circuits.DeskID(desk)}
	if desk != "" {
		a.Quality = "Titulaire " + desk
	}
	w = w[1:]
	if len(w) >= 4 && w[0] == "pour" && w[2] == "par" {
		m := map[string]circuits.Mandate{
			"délégation": circuits.Delegated, "suppléance": circuits.Substitutes, "déport": circuits.Recusing, "remplacement": circuits.Absence,
		}[w[3]]
		a.For = &circuits.Principal{Person: circuits.PersonID(w[1]), Name: w[1], Mandate: m, Reference: "2026-07", Mention: "Pour le Maire et par " + w[3]}
		w = w[4:]
	}
	return a, w
}

func (p *play) command(w []string, reason string) ([]circuits.Event, error) {
	switch {
	case len(w) >= 3 && w[0] == "la" && w[1] == "machine":
		p.tried = append(p.tried, "machine "+w[2])
		return p.machine(w[2:])
	case len(w) == 2 && w[0] == "l’horloge" && w[1] == "sonne":
		p.tried = append(p.tried, "horloge")
		return p.state.Due(p.clock, p.facts)
	case len(w) < 2:
		return nil, errLine
	}
	by, w := p.who(w)
	if len(w) == 0 {
		return nil, errLine
	}
	p.tried = append(p.tried, w[0])
	if events, err := p.decision(by, w, reason); !errors.Is(err, errLine) {
		return events, err
	}
	if events, err := p.turn(by, w, reason); !errors.Is(err, errLine) {
		return events, err
	}
	return p.travel(by, w, reason)
}

// at is the step that decisions are about.
func (p *play) at() int {
	for i, st := range p.state.Steps {
		if st.Status == circuits.Open || st.Status == circuits.Sealing || st.Status == circuits.Blocked {
			return i
		}
	}
	return 0
}

func (p *play) choice(by circuits.Actor) circuits.Choice {
	return circuits.Choice{By: by, Step: p.at(), Seen: p.state.LastSealed(), Evidence: p.digest("geste"), At: p.clock}
}

func (p *play) decision(by circuits.Actor, w []string, reason string) ([]circuits.Event, error) {
	c, s := p.choice(by), p.state
	if len(w) == 4 && w[1] == "avec" && w[2] == "clé" { // vise avec clé device_bound
		c.Assurance = w[3]
	}
	if len(w) == 4 && w[1] == "sans" { // signe sans avoir lu (une version plus ancienne)
		c.Seen = circuits.Digest{9}
	}
	if len(w) == 3 && w[1] == "sans" { // vise sans geste
		c.Evidence = circuits.Digest{}
	}
	sense := func(i int) circuits.Advice {
		a := circuits.Advice{Text: reason}
		if i < len(w) {
			a.Sense = map[string]circuits.Sense{"favorable": circuits.Favourable, "réservé": circuits.Reserved, "défavorable": circuits.Unfavourable}[w[i]]
		}
		return a
	}
	switch {
	case w[0] == "vise":
		return s.Visa(c, p.facts)
	case w[0] == "signe":
		return s.Sign(c, p.facts)
	case w[0] == "cachette":
		return s.Cachet(c, p.facts)
	case w[0] == "rend" && len(w) > 1 && w[1] == "avis":
		return s.Opinion(c, sense(2), p.facts)
	case w[0] == "donne" && len(w) > 1 && w[1] == "avis":
		return s.GiveOpinion(circuits.Answer{By: by, Step: p.at(), Advice: sense(2), Seen: c.Seen, At: p.clock})
	case w[0] == "constate" && len(w) == 2 && w[1] != "sans": // constate papier, recommandé
		o := circuits.Outside{Means: map[string]string{"papier": "paper", "recommandé": "registered_mail"}[w[1]], Proof: p.digest("preuve"), Reference: reason}
		return s.External(c, o, p.facts)
	case w[0] == "constate":
		return s.External(c, circuits.Outside{Means: "paper"}, p.facts)
	case w[0] == "refuse":
		return s.Refuse(c, reason, returns(w), p.facts)
	}
	return nil, errLine
}

// returns reads "refuse", "refuse vers rédacteur", "refuse vers précédent",
// "refuse vers visa-dgs".
func returns(w []string) circuits.Return {
	if len(w) < 3 {
		return circuits.Return{}
	}
	switch w[2] {
	case "rédacteur":
		return circuits.Return{To: circuits.ToDrafter}
	case "précédent":
		return circuits.Return{To: circuits.ToPrevious}
	}
	return circuits.Return{To: circuits.ToChosen, Step: circuits.StepID(w[2])}
}

func (p *play) turn(by circuits.Actor, w []string, reason string) ([]circuits.Event, error) {
	s, f := p.state, p.facts
	switch {
	case w[0] == "lit":
		return s.Read(by, s.LastSealed(), p.clock)
	case w[0] == "reprend":
		return s.Undo(by, p.digest("remords"), p.clock)
	case w[0] == "demande" && len(w) > 3: // demande avis à juriste @paul, attend, en 2 jours
		return p.ask(by, w[3:], reason)
	case w[0] == "transfère" && len(w) == 3:
		return s.Transfer(by, p.at(), recipient(w[2]), reason, p.clock)
	case w[0] == "redirige" && len(w) == 5: // redirige le tour 1 vers … : redirige tour 1 vers @paul
		n, err := strconv.Atoi(w[2])
		if err != nil {
			return nil, errLine
		}
		return s.Redirect(by, p.at(), n-1, recipient(w[4]), reason, f, p.clock)
	case w[0] == "se" && len(w) >= 2:
		to := circuits.Recipient{}
		if len(w) == 4 { // se déporte vers @anne
			to = recipient(w[3])
		}
		return s.Recuse(by, reason, to, f, p.clock)
	case w[0] == "contourne":
		i := p.at()
		if len(w) == 2 {
			i = s.Circuit.Step(circuits.StepID(w[1]))
		}
		return s.Bypass(i, by, reason, p.digest("geste"), f, p.clock)
	}
	return nil, errLine
}

func (p *play) ask(by circuits.Actor, w []string, question string) ([]circuits.Event, error) {
	q := circuits.Question{By: by, Step: p.at(), Text: question, At: p.clock}
	for i := 0; i < len(w); i++ {
		switch {
		case w[i] == "attend":
			q.Waits = true
		case w[i] == "en" && i+2 < len(w):
			n, err := strconv.Atoi(w[i+1])
			if err != nil {
				return nil, errLine
			}
			q.Days, i = n, i+2
		default:
			q.To = append(q.To, recipient(w[i]))
		}
	}
	return p.state.AskOpinion(q, p.facts)
}

func (p *play) travel(by circuits.Actor, w []string, reason string) ([]circuits.Event, error) {
	s, f, at := p.state, p.facts, p.clock
	d := p.current
	if len(w) > 1 {
		if named, ok := p.circuits[strings.Join(w[1:], " ")]; ok {
			d = named
		}
	}
	if d == nil {
		d = &circuits.Definition{}
	}
	switch w[0] {
	case "dépose":
		p.version = 1
		return s.Deposit(circuits.Deposited{By: by, Drafter: by.Person, Document: p.digest("lettre"), Bytes: 1000, At: at})
	case "envoie":
		return s.Start(by, *d, f, at)
	case "recycle":
		return s.Recycle(by, *d, f, at)
	case "enchaîne":
		return s.Chain(by, *d, f, at)
	case "clôt":
		return s.EndChain(at)
	case "migre":
		return s.Migrate(by, *d, reason, f, at)
	case "retire":
		return s.Withdraw(by, reason, at)
	case "remplace":
		return s.Supersede(by, "dossier-2", reason, at)
	case "relance":
		return s.Resume(f, at)
	case "archive":
		return s.Archive(by, "SAE-1", at)
	case "corrige":
		c := circuits.Correction{By: by, Document: p.digest("corrigée"), Bytes: 1001, Reason: reason, At: at}
		if len(w) == 2 && w[1] == "mineurement" {
			c.Nature = circuits.Minor
		}
		if len(w) == 3 && w[1] == "dès" {
			c.Nature, c.From = circuits.Substantial, circuits.StepID(w[2])
		}
		if len(w) == 3 && w[1] == "à" { // à l’identique
			c.Document = s.Document
		}
		return s.Correct(c, f)
	case "annexe":
		c := circuits.AnnexChange{By: by, Annexes: []circuits.Digest{p.digest("annexe")}, Reason: reason, At: at}
		if len(w) == 2 && w[1] == "mineurement" {
			c.Nature = circuits.Minor
		}
		if len(w) == 3 && w[1] == "dès" {
			c.Nature, c.From = circuits.Substantial, circuits.StepID(w[2])
		}
		return s.ChangeAnnexes(c, f)
	}
	return nil, errLine
}

func (p *play) machine(w []string) ([]circuits.Event, error) {
	s := p.state
	switch w[0] {
	case "scelle":
		return s.Seal(circuits.StepSealed{
			Step: max(s.SealingStep(), 0), Signed: p.digest("signé"), Bytes: 20000, Level: "PAdES-BASELINE-T", Certificate: circuits.Digest{7}, At: p.clock,
		}, p.facts)
	case "cachette":
		return s.AutoSeal(max(s.AutoStep(), 0), p.clock)
	case "attend":
		why := circuits.AwaitsTimestamp
		if len(w) > 1 && w[1] != "l’horodatage" {
			why = w[1]
		}
		return s.Await(max(s.SealingStep(), 0), why, p.clock)
	case "renouvelle":
		return s.Renew(circuits.SignatureRenewed{Signed: p.digest("renouvelé"), Bytes: 30000, Level: "PAdES-BASELINE-LTA", At: p.clock})
	}
	return nil, errLine
}
