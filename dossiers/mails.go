package dossiers

import (
	"context"
	"fmt"
	"slices"
)

// A WaitingMail is how somebody is told by mail that letters wait for them.
type WaitingMail string

// The ways, in the order of the page.
const (
	MailAsTown    WaitingMail = ""          // as the service is set up
	MailEach      WaitingMail = "each"      // one mail for each letter, at once
	MailDigest    WaitingMail = "digest"    // one mail each working morning
	MailBoth      WaitingMail = "both"      // both
	MailReminders WaitingMail = "reminders" // none: only once a deadline nears, or is past
)

// WaitingMails lists them.
func WaitingMails() []WaitingMail {
	return []WaitingMail{MailAsTown, MailEach, MailDigest, MailBoth, MailReminders}
}

// MailWishes are the mails that somebody wants. What has an effect in law, or
// that somebody else waits for, leaves whatever they say: refusals told to who
// acted, opinions asked and given, reminders, blocked and replaced letters,
// and what is about their own access.
type MailWishes struct {
	Waiting  WaitingMail `json:"waiting,omitempty"`
	NoCopies bool        `json:"no_copies,omitempty"` // of letters passed for their information
	NoEnds   bool        `json:"no_ends,omitempty"`   // of letters they drafted that came to their end
	Greeting string      `json:"greeting,omitempty"`  // first words of their mails; empty: by civility and quality
}

// Wants reports whether a mail of a kind leaves; each is what the service does
// when somebody did not choose.
func (m MailWishes) Wants(k TellingKind, each bool) bool {
	switch k {
	case TellWaiting:
		return m.Waiting == MailEach || m.Waiting == MailBoth || m.Waiting == MailAsTown && each
	case TellInformed:
		return !m.NoCopies
	case TellCompleted:
		return !m.NoEnds
	default:
		return true
	}
}

// WantsMorning reports whether the mail of a morning leaves; digest is what
// the service does when somebody did not choose.
func (m MailWishes) WantsMorning(digest bool) bool {
	return m.Waiting == MailDigest || m.Waiting == MailBoth || m.Waiting == MailAsTown && digest
}

// KindMailsSet is the journal's entry of wishes: what somebody was told, or
// not, may be asked one day.
const KindMailsSet = "person.mails_set"

// SetMails keeps the wishes of the viewer, and nobody else's.
func (o *Office) SetMails(ctx context.Context, v Viewer, m MailWishes) error {
	p, err := v.person()
	if err != nil {
		return fmt.Errorf("mails: %w", err)
	}
	if !slices.Contains(WaitingMails(), m.Waiting) {
		return &InvalidError{"waiting", "Choisissez quand être averti de ce qui vous attend."}
	}
	if m.Greeting, err = line("greeting", m.Greeting, 0, 60); err != nil {
		return err
	}
	return o.Store.SetMails(ctx, v.Tenant.ID, p.ID, m, v.Actor(""), o.now())
}

// LinkedAccounts lists the accounts that open sessions of the viewer.
func (o *Office) LinkedAccounts(ctx context.Context, v Viewer) (out []Identity, err error) {
	p, err := v.person()
	if err != nil {
		return nil, fmt.Errorf("linked accounts: %w", err)
	}
	all, err := o.Store.Identities(ctx, v.Tenant.ID)
	for _, i := range all {
		if i.Person == p.ID {
			out = append(out, i)
		}
	}
	return out, err
}

// UnexpectedAccounts lists those that an administrator linked of late: a
// session of theirs is now opened by whoever has that account.
func (o *Office) UnexpectedAccounts(ctx context.Context, v Viewer) ([]Identity, error) {
	all, err := o.LinkedAccounts(ctx, v)
	return slices.DeleteFunc(all, func(i Identity) bool { return i.How != "approval" || o.now().Sub(i.LinkedAt) > surpriseLife }), err
}
