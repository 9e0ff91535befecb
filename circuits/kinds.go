package circuits

import (
	"encoding/json"
	"fmt"
	"time"
)

// The kinds of events, as the journal and the feed know them.
const (
	KindDeposited        = "dossier.deposited"
	KindStarted          = "dossier.started"
	KindDecided          = "dossier.step_decided"
	KindRefused          = "dossier.refused"
	KindTimestampAwaited = "dossier.timestamp_awaited"
	KindSealed           = "dossier.signed"
	KindUndone           = "dossier.decision_undone"
	KindWithdrawn        = "dossier.withdrawn"
	KindCorrected        = "dossier.corrected"
	KindCompleted        = "dossier.completed"
	KindOpened           = "dossier.step_opened"
	KindSkipped          = "dossier.step_skipped"
	KindBlocked          = "dossier.step_blocked"
	KindTurnRefused      = "dossier.turn_refused"
	KindBypassed         = "dossier.step_bypassed"
	KindSealingAwaited   = "dossier.sealing_awaited"
	KindRead             = "dossier.read"
	KindOpinionAsked     = "dossier.opinion_asked"
	KindOpinionGiven     = "dossier.opinion_given"
	KindOpinionExpired   = "dossier.opinion_expired"
	KindTransferred      = "dossier.transferred"
	KindRedirected       = "dossier.redirected"
	KindRecused          = "dossier.recused"
	KindSuperseded       = "dossier.superseded"
	KindRecycled         = "dossier.recycled"
	KindCircuitEnded     = "dossier.circuit_ended"
	KindChained          = "dossier.chained"
	KindMigrated         = "dossier.migrated"
	KindReminded         = "dossier.reminded"
	KindEscalated        = "dossier.escalated"
	KindOverdue          = "dossier.overdue"
	KindRenewed          = "dossier.renewed"
	KindArchived         = "dossier.archived"
	KindAnnexes          = "dossier.annexes_changed"
)

// Kinds lists the kind of every event, in the order of their introduction.
func Kinds() []string {
	return []string{
		KindDeposited,
		KindStarted,
		KindDecided,
		KindRefused,
		KindTimestampAwaited,
		KindSealed,
		KindUndone,
		KindWithdrawn,
		KindCorrected,
		KindCompleted,
		KindOpened,
		KindSkipped,
		KindBlocked,
		KindTurnRefused,
		KindBypassed,
		KindSealingAwaited,
		KindRead,
		KindOpinionAsked,
		KindOpinionGiven,
		KindOpinionExpired,
		KindTransferred,
		KindRedirected,
		KindRecused,
		KindSuperseded,
		KindRecycled,
		KindCircuitEnded,
		KindChained,
		KindMigrated,
		KindReminded,
		KindEscalated,
		KindOverdue,
		KindRenewed,
		KindArchived,
		KindAnnexes,
	}
}

// Decode reads the event of the given kind back from its JSON.
func Decode(kind string, body []byte) (Event, error) {
	switch kind {
	case KindDeposited:
		return decode[Deposited](body)
	case KindStarted:
		return decode[Started](body)
	case KindDecided:
		return decode[StepDecided](body)
	case KindRefused:
		return decode[StepRefused](body)
	case KindTimestampAwaited:
		return decode[TimestampAwaited](body)
	case KindSealed:
		return decode[StepSealed](body)
	case KindUndone:
		return decode[DecisionUndone](body)
	case KindWithdrawn:
		return decode[DossierWithdrawn](body)
	case KindCorrected:
		return decode[Corrected](body)
	case KindCompleted:
		return decode[CircuitCompleted](body)
	case KindOpened:
		return decode[StepOpened](body)
	case KindSkipped:
		return decode[StepSkipped](body)
	case KindBlocked:
		return decode[StepBlocked](body)
	case KindTurnRefused:
		return decode[TurnRefused](body)
	case KindBypassed:
		return decode[StepBypassed](body)
	case KindSealingAwaited:
		return decode[SealingAwaited](body)
	case KindRead:
		return decode[DocumentRead](body)
	case KindOpinionAsked:
		return decode[OpinionAsked](body)
	case KindOpinionGiven:
		return decode[OpinionGiven](body)
	case KindOpinionExpired:
		return decode[OpinionExpired](body)
	case KindTransferred:
		return decode[Transferred](body)
	case KindRedirected:
		return decode[Redirected](body)
	case KindRecused:
		return decode[Recused](body)
	case KindSuperseded:
		return decode[Superseded](body)
	case KindRecycled:
		return decode[Recycled](body)
	case KindCircuitEnded:
		return decode[CircuitEnded](body)
	case KindChained:
		return decode[Chained](body)
	case KindMigrated:
		return decode[Migrated](body)
	case KindReminded:
		return decode[Reminded](body)
	case KindEscalated:
		return decode[Escalated](body)
	case KindOverdue:
		return decode[WentOverdue](body)
	case KindRenewed:
		return decode[SignatureRenewed](body)
	case KindArchived:
		return decode[DossierArchived](body)
	case KindAnnexes:
		return decode[AnnexesChanged](body)
	}
	return nil, fmt.Errorf("unknown event kind %q", kind)
}

func decode[E Event](body []byte) (Event, error) {
	var e E
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Kind(), err)
	}
	return e, nil
}

// Kind implements Event.
func (Deposited) Kind() string { return KindDeposited }

// Kind implements Event.
func (Started) Kind() string { return KindStarted }

// Kind implements Event.
func (StepDecided) Kind() string { return KindDecided }

// Kind implements Event.
func (StepRefused) Kind() string { return KindRefused }

// Kind implements Event.
func (TimestampAwaited) Kind() string { return KindTimestampAwaited }

// Kind implements Event.
func (StepSealed) Kind() string { return KindSealed }

// Kind implements Event.
func (DecisionUndone) Kind() string { return KindUndone }

// Kind implements Event.
func (DossierWithdrawn) Kind() string { return KindWithdrawn }

// Kind implements Event.
func (Corrected) Kind() string { return KindCorrected }

// Kind implements Event.
func (CircuitCompleted) Kind() string { return KindCompleted }

// Kind implements Event.
func (StepOpened) Kind() string { return KindOpened }

// Kind implements Event.
func (StepSkipped) Kind() string { return KindSkipped }

// Kind implements Event.
func (StepBlocked) Kind() string { return KindBlocked }

// Kind implements Event.
func (TurnRefused) Kind() string { return KindTurnRefused }

// Kind implements Event.
func (StepBypassed) Kind() string { return KindBypassed }

// Kind implements Event.
func (SealingAwaited) Kind() string { return KindSealingAwaited }

// Kind implements Event.
func (DocumentRead) Kind() string { return KindRead }

// Kind implements Event.
func (OpinionAsked) Kind() string { return KindOpinionAsked }

// Kind implements Event.
func (OpinionGiven) Kind() string { return KindOpinionGiven }

// Kind implements Event.
func (OpinionExpired) Kind() string { return KindOpinionExpired }

// Kind implements Event.
func (Transferred) Kind() string { return KindTransferred }

// Kind implements Event.
func (Redirected) Kind() string { return KindRedirected }

// Kind implements Event.
func (Recused) Kind() string { return KindRecused }

// Kind implements Event.
func (Superseded) Kind() string { return KindSuperseded }

// Kind implements Event.
func (Recycled) Kind() string { return KindRecycled }

// Kind implements Event.
func (CircuitEnded) Kind() string { return KindCircuitEnded }

// Kind implements Event.
func (Chained) Kind() string { return KindChained }

// Kind implements Event.
func (Migrated) Kind() string { return KindMigrated }

// Kind implements Event.
func (Reminded) Kind() string { return KindReminded }

// Kind implements Event.
func (Escalated) Kind() string { return KindEscalated }

// Kind implements Event.
func (WentOverdue) Kind() string { return KindOverdue }

// Kind implements Event.
func (SignatureRenewed) Kind() string { return KindRenewed }

// Kind implements Event.
func (DossierArchived) Kind() string { return KindArchived }

// Kind implements Event.
func (AnnexesChanged) Kind() string { return KindAnnexes }

// When implements Event.
func (e Deposited) When() time.Time { return e.At }

// When implements Event.
func (e Started) When() time.Time { return e.At }

// When implements Event.
func (e StepDecided) When() time.Time { return e.At }

// When implements Event.
func (e StepRefused) When() time.Time { return e.At }

// When implements Event.
func (e TimestampAwaited) When() time.Time { return e.At }

// When implements Event.
func (e StepSealed) When() time.Time { return e.At }

// When implements Event.
func (e DecisionUndone) When() time.Time { return e.At }

// When implements Event.
func (e DossierWithdrawn) When() time.Time { return e.At }

// When implements Event.
func (e Corrected) When() time.Time { return e.At }

// When implements Event.
func (e CircuitCompleted) When() time.Time { return e.At }

// When implements Event.
func (e StepOpened) When() time.Time { return e.At }

// When implements Event.
func (e StepSkipped) When() time.Time { return e.At }

// When implements Event.
func (e StepBlocked) When() time.Time { return e.At }

// When implements Event.
func (e TurnRefused) When() time.Time { return e.At }

// When implements Event.
func (e StepBypassed) When() time.Time { return e.At }

// When implements Event.
func (e SealingAwaited) When() time.Time { return e.At }

// When implements Event.
func (e DocumentRead) When() time.Time { return e.At }

// When implements Event.
func (e OpinionAsked) When() time.Time { return e.At }

// When implements Event.
func (e OpinionGiven) When() time.Time { return e.At }

// When implements Event.
func (e OpinionExpired) When() time.Time { return e.At }

// When implements Event.
func (e Transferred) When() time.Time { return e.At }

// When implements Event.
func (e Redirected) When() time.Time { return e.At }

// When implements Event.
func (e Recused) When() time.Time { return e.At }

// When implements Event.
func (e Superseded) When() time.Time { return e.At }

// When implements Event.
func (e Recycled) When() time.Time { return e.At }

// When implements Event.
func (e CircuitEnded) When() time.Time { return e.At }

// When implements Event.
func (e Chained) When() time.Time { return e.At }

// When implements Event.
func (e Migrated) When() time.Time { return e.At }

// When implements Event.
func (e Reminded) When() time.Time { return e.At }

// When implements Event.
func (e Escalated) When() time.Time { return e.At }

// When implements Event.
func (e WentOverdue) When() time.Time { return e.At }

// When implements Event.
func (e SignatureRenewed) When() time.Time { return e.At }

// When implements Event.
func (e DossierArchived) When() time.Time { return e.At }

// When implements Event.
func (e AnnexesChanged) When() time.Time { return e.At }
