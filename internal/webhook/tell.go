package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/egress"
)

func refused(err error) bool { return errors.Is(err, egress.ErrRefused) }

// tell writes to the administrators about each endpoint that was suspended
// since. A mail that cannot be sent is sent at a later round.
func (s *Sender) tell(ctx context.Context, town dossiers.Tenant) error {
	if s.Mail == nil {
		return nil
	}
	all, err := s.Store.Webhooks(ctx, town.ID, "")
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.Status != dossiers.WebhookSuspended && w.Status != dossiers.WebhookGone || !w.ToldAt.IsZero() {
			continue
		}
		to, name, err := s.concerned(ctx, town, w)
		if err != nil {
			return err
		}
		if len(to) == 0 {
			continue
		}
		if err := s.Mail.Send(ctx, to, marked(town, "Parapheur : les notifications de « "+name+" » sont suspendues"), letter(town, w, name)); err != nil {
			s.Log.WarnContext(ctx, "administrators not told of a suspended webhook", slog.String("webhook", w.ID), slog.Any("error", err))
			continue
		}
		if err := s.Store.ToldWebhook(ctx, town.ID, w.ID, s.Now().UTC().Truncate(time.Microsecond)); err != nil {
			return err
		}
	}
	return nil
}

// concerned returns the addresses of the administrators and the name of the
// application.
func (s *Sender) concerned(ctx context.Context, town dossiers.Tenant, w dossiers.Webhook) (to []string, name string, err error) {
	people, err := s.Store.People(ctx, town.ID)
	if err != nil {
		return nil, "", err
	}
	for _, p := range people {
		if p.Admin && p.Active {
			to = append(to, p.Email)
		}
	}
	apps, err := s.Store.Applications(ctx, town.ID)
	if err != nil {
		return nil, "", err
	}
	for _, a := range apps {
		if a.ID == w.Application {
			name = a.Name
		}
	}
	return to, name, nil
}

// marked says in a subject that the town is a sandbox.
func marked(town dossiers.Tenant, subject string) string {
	if town.Sandbox() {
		return "[Bac à sable] " + subject
	}
	return subject
}

func letter(town dossiers.Tenant, w dossiers.Webhook, name string) string {
	return fmt.Sprintf(`Bonjour,

Le parapheur de %s n’arrive plus à prévenir l’application « %s » de ce qui se passe dans ses dossiers.

Adresse appelée : %s
Motif : %s

Rien n’est perdu : les évènements restent dans le journal. Une fois l’adresse réparée, réactivez-la ici ; l’envoi reprendra où il s’est arrêté :
%s/administration/applications

Le parapheur
`, town.Name, name, w.URL, w.Reason, town.Origin)
}
