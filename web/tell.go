package web

import (
	"slices"
	"strconv"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// story tells the history of a dossier, newest first.
func story(d dossiers.View, c calendar) []happening {
	var out []happening
	n := narrator{d, c}
	for _, h := range slices.Backward(d.History) {
		one := n.tell(h.Event)
		one.When, one.Seq = c.moment(h.At), h.Seq
		out = append(out, one)
	}
	return out
}

// eventLabel names a kind of event in the journal of the town; a kind that is
// none of the circuit's is left as it is.
func eventLabel(kind string) string {
	e, err := circuits.Decode(kind, []byte("{}"))
	if err != nil {
		return kind
	}
	return narrator{}.tell(e).What
}

// A narrator puts the facts about one dossier in words, as its circuit and
// its town stand today.
type narrator struct {
	dossiers.View
	calendar
}

// at adds the title of a step to what happened there.
func (n narrator) at(what string, i int) string {
	if i >= 0 && i < len(n.State.Circuit.Steps) {
		return what + nbsp + ": " + n.State.Circuit.Steps[i].Title
	}
	return what
}

// quoted puts what people wrote between quotes; nothing stays nothing.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "«\u00a0" + s + "\u00a0»"
}

// names tells who the recipients are.
func (n narrator) names(to ...circuits.Recipient) string {
	var out []string
	for _, r := range to {
		out = append(out, n.NameOf(r))
	}
	return list(distinct(out...))
}

// to adds names after a preposition, when there are any.
func (n narrator) to(what, before string, to ...circuits.Recipient) string {
	if names := n.names(to...); names != "" {
		return what + before + names
	}
	return what
}

// tell puts a fact in words. Each kind of event has its own: a test holds this
// to circuits.Kinds.
func (n narrator) tell(e circuits.Event) happening {
	if h, ok := n.decision(e); ok {
		return h
	}
	if h, ok := n.exchange(e); ok {
		return h
	}
	if h, ok := n.clockwork(e); ok {
		return h
	}
	return n.life(e)
}

// decision tells what somebody decided, and what became of it.
func (n narrator) decision(e circuits.Event) (happening, bool) {
	switch e := e.(type) {
	case circuits.StepDecided:
		return n.decided(e), true
	case circuits.StepRefused:
		h := happening{What: n.at("Lettre refusée", e.Step), Who: acting(e.By), Detail: quoted(e.Reason)}
		if e.BackTo > 0 {
			h.What += n.at(", renvoyée à l’étape", e.BackTo-1)
		}
		return h, true
	case circuits.TurnRefused:
		return happening{What: n.at("Refus d’un membre, les autres suffisent encore", e.Step), Who: acting(e.By), Detail: quoted(e.Reason)}, true
	case circuits.DecisionUndone:
		return happening{What: n.at("Décision reprise (droit de remords)", e.Step), Who: acting(e.By)}, true
	case circuits.StepBypassed:
		return happening{What: n.at("Étape contournée", e.Step), Who: acting(e.By), Detail: quoted(e.Reason)}, true
	case circuits.TimestampAwaited:
		return happening{What: "En attente d’horodatage", Detail: "Le service d’horodatage ne répondait pas."}, true
	case circuits.SealingAwaited:
		what, _, _ := awaiting(e.Why)
		return happening{What: what}, true
	case circuits.StepSealed:
		return happening{What: "Signature apposée sur le PDF", Detail: levelInWords(e.Level)}, true
	}
	return happening{}, false
}

func (n narrator) decided(e circuits.StepDecided) happening {
	h := happening{Who: acting(e.By)}
	if e.By.For != nil {
		h.Detail = quoted(e.By.For.Mention)
	}
	switch {
	case e.Verdict == circuits.Signs:
		h.What = n.at("Signature décidée", e.Step)
	case e.Verdict == circuits.Seals && e.By.Person == "":
		h.What, h.Who = n.at("Cachet apposé par le parapheur", e.Step), ""
	case e.Verdict == circuits.Seals:
		h.What = n.at("Cachet décidé", e.Step)
	case e.Advice != nil:
		h.What, h.Detail = n.at(senseLabel(e.Advice.Sense), e.Step), quoted(e.Advice.Text)
	case e.Outside != nil:
		h.What, h.Detail = n.at("Acte externe enregistré", e.Step), outside(*e.Outside)
		h.URL, h.Link = "/dossiers/"+string(n.ID)+"/pieces/"+e.Outside.Proof.String(), "Télécharger la preuve"
	default:
		h.What = n.at("Visa donné", e.Step)
	}
	return h
}

// exchange tells what passed between people before a decision.
func (n narrator) exchange(e circuits.Event) (happening, bool) {
	switch e := e.(type) {
	case circuits.DocumentRead:
		return happening{What: "Lettre lue", Who: acting(e.By)}, true
	case circuits.OpinionAsked:
		return happening{What: n.to("Avis demandé", " à ", e.To...), Who: acting(e.By), Detail: quoted(e.Question)}, true
	case circuits.OpinionGiven:
		return happening{What: senseLabel(e.Advice.Sense) + ", rendu à " + e.To.Name, Who: acting(e.By), Detail: quoted(e.Advice.Text)}, true
	case circuits.Transferred:
		return happening{What: n.to("Lettre transférée", " à ", e.To), Who: acting(e.By), Detail: quoted(e.Reason)}, true
	case circuits.Redirected:
		return happening{What: n.to("Lettre redirigée", " vers ", e.To), Who: acting(e.By), Detail: quoted(e.Reason)}, true
	case circuits.Recused:
		h := happening{What: "Déport", Who: acting(e.By), Detail: quoted(e.Reason)}
		if e.To != (circuits.Recipient{}) {
			h.What = n.to(h.What, ", suppléance par ", e.To)
		}
		return h, true
	}
	return happening{}, false
}

// clockwork tells what nobody decided: the circuit, and the days that pass.
func (n narrator) clockwork(e circuits.Event) (happening, bool) {
	switch e := e.(type) {
	case circuits.StepOpened:
		return n.opened(e), true
	case circuits.StepSkipped:
		return happening{What: n.at("Étape sautée", e.Step), Detail: skipped(n.View, circuits.Step{When: e.Condition})}, true
	case circuits.StepBlocked:
		h := happening{What: n.at("Étape bloquée", e.Step), Detail: "Personne ne peut agir."}
		switch {
		case e.Why == circuits.NoActor:
			h.Detail = "Le circuit ne trouve pas à quel bureau elle revient."
		case e.Why == circuits.NoQuorum:
			h.Detail = "Il ne reste pas assez de bureaux pour le nombre demandé."
		case e.Desk != "":
			h.Detail = n.to("Personne ne peut agir", " au bureau ", circuits.Recipient{Desk: e.Desk}) + "."
		}
		return h, true
	case circuits.OpinionExpired:
		return happening{What: n.at("Date de l’avis dépassée, la lettre poursuit son chemin", e.Step)}, true
	case circuits.Reminded:
		when := "le jour de l’échéance"
		if e.Days < 0 {
			when = count(-e.Days, "jour ouvré", "jours ouvrés") + " avant l’échéance"
		} else if e.Days > 0 {
			when = count(e.Days, "jour ouvré", "jours ouvrés") + " après l’échéance"
		}
		return happening{What: n.at("Relance", e.Step), Detail: n.to(when, ", à ", e.To...)}, true
	case circuits.Escalated:
		return n.escalated(e), true
	case circuits.WentOverdue:
		return happening{What: "Échéance du circuit dépassée", Detail: "Elle était au " + n.due(e.Due) + "."}, true
	case circuits.CircuitEnded:
		return happening{What: "Circuit terminé", Detail: "Le circuit «\u00a0" + n.CircuitName(e.Next) + "\u00a0» prend la suite."}, true
	case circuits.CircuitCompleted:
		return happening{What: "Circuit terminé"}, true
	}
	return happening{}, false
}

func (n narrator) opened(e circuits.StepOpened) happening {
	h := happening{What: n.at("Étape ouverte", e.Step), Detail: n.to("", "Chez ", e.Turns...)}
	if i := e.Step; i >= 0 && i < len(n.State.Circuit.Steps) && n.State.Circuit.Steps[i].Kind == circuits.Information {
		h.What, h.Detail = n.at("Pour information", e.Step), n.to("", "À ", e.Turns...)
	}
	if !e.Due.IsZero() {
		h.Detail += ", à faire pour le " + n.due(e.Due)
	}
	return h
}

func (n narrator) escalated(e circuits.Escalated) happening {
	h := happening{What: n.at("Délai dépassé, rang "+strconv.Itoa(e.Rung), e.Step)}
	switch to := n.names(e.To); {
	case to == "":
		h.Detail = "Personne à prévenir."
	case e.Moved:
		h.Detail = "La lettre passe à " + to + "."
	case e.Means == circuits.RungReminder:
		h.Detail = "Relance à " + to + "."
	default:
		h.Detail = to + " en est informé."
	}
	return h
}

// life tells where the dossier came from and went.
func (n narrator) life(e circuits.Event) happening {
	switch e := e.(type) {
	case circuits.Deposited:
		return happening{What: "Lettre déposée", Who: acting(e.By)}
	case circuits.Started:
		return n.sent("Envoyée dans le circuit ", e)
	case circuits.Recycled:
		return n.sent("Renvoyée telle quelle dans le circuit ", circuits.Started(e))
	case circuits.Chained:
		return n.sent("Enchaînée dans le circuit ", circuits.Started(e))
	case circuits.Migrated:
		return happening{What: "Passée à la version " + strconv.Itoa(e.Circuit.Version) + " du circuit " + quoted(e.Circuit.Name), Who: acting(e.By), Detail: quoted(e.Reason)}
	case circuits.DossierWithdrawn:
		return happening{What: "Lettre retirée du circuit", Who: acting(e.By), Detail: quoted(e.Reason)}
	case circuits.Superseded:
		return happening{What: "Remplacée par une autre lettre", Who: acting(e.By), Detail: quoted(e.Reason), URL: follow(dossiers.ID(e.Other)), Link: "Ouvrir la lettre qui la remplace"}
	case circuits.Corrected:
		h := happening{What: "Version corrigée déposée", Who: acting(e.By), Detail: quoted(e.Reason)}
		if e.Nature == circuits.Minor {
			h.What = "Correction mineure, visas maintenus"
		} else if e.From > 0 {
			h.What = n.at("Version corrigée déposée, reprise à l’étape", e.From)
		}
		return h
	case circuits.AnnexesChanged:
		h := happening{What: "Annexes changées : " + count(len(e.Annexes), "annexe", "annexes"), Who: acting(e.By), Detail: quoted(e.Reason)}
		if e.Nature == circuits.Minor {
			h.What += ", visas maintenus"
		} else if e.From > 0 {
			h.What = n.at(h.What+", reprise à l’étape", e.From)
		}
		return h
	case circuits.SignatureRenewed:
		return happening{What: "Preuve de la signature renouvelée", Detail: levelInWords(e.Level)}
	case circuits.DossierArchived:
		return happening{What: "Dossier archivé", Who: acting(e.By), Detail: "Sous la référence " + e.Reference}
	}
	return happening{What: "Fait inscrit au journal"}
}

func (n narrator) sent(what string, e circuits.Started) happening {
	h := happening{What: what + quoted(e.Circuit.Name), Who: acting(e.By)}
	if !e.Due.IsZero() {
		h.Detail = "À terminer pour le " + n.due(e.Due)
	}
	return h
}
