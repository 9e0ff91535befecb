// Package mailer sends the few mails of the product over SMTP: short, in
// French, as text and maybe as simple HTML, never a document.
//
// It must not decide who is written to or why, and never carries a letter, a
// key or a token. It fails with what the server said; nothing is queued here:
// whoever asks keeps what is still to be told.
package mailer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// ErrAddress says that an SMTP address cannot be read.
var ErrAddress = errors.New("SMTP address")

// Options say which server takes the mail.
type Options struct {
	// URL is "smtps://user@host:465", "smtp://user@host:587" (STARTTLS
	// wanted) or "smtp://host:25?tls=none" for a relay on the same machine.
	URL string
	// Password of the user in URL, if there is one.
	Password string
	// From is the sender, "Parapheur <parapheur@mairie.fr>".
	From string
}

// A Mailer sends over one server. It is safe for concurrent use.
type Mailer struct {
	client func() (*gomail.Client, error)
	from   string
}

const timeout = 20 * time.Second

// New returns a Mailer, or ErrAddress.
func New(o Options) (*Mailer, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, fmt.Errorf("%w: want smtp://host:port or smtps://host:port", ErrAddress)
	}
	if _, err := mail.ParseAddress(o.From); err != nil {
		return nil, fmt.Errorf("%w: the sender cannot be read", ErrAddress)
	}
	options := []gomail.Option{gomail.WithTimeout(timeout), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	port := u.Port()
	switch {
	case u.Scheme == "smtps":
		options = append(options, gomail.WithSSL())
		if port == "" {
			port = "465"
		}
	case u.Query().Get("tls") == "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if port == "" {
		port = "587"
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("%w: port %q", ErrAddress, port)
	}
	options = append(options, gomail.WithPort(n))
	if u.User != nil {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(o.Password))
	}
	m := &Mailer{from: o.From, client: func() (*gomail.Client, error) { return gomail.NewClient(u.Hostname(), options...) }}
	if _, err := m.client(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrAddress, net.JoinHostPort(u.Hostname(), port), err)
	}
	return m, nil
}

// A Letter is one mail to one person.
type Letter struct {
	To, ID, Subject, Text, HTML string // ID: "…@host", the same when it is sent again
}

// Post sends one mail, as text and as HTML.
func (m *Mailer) Post(ctx context.Context, l Letter) error {
	msg := gomail.NewMsg()
	if err := errors.Join(msg.From(m.from), msg.To(l.To)); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	msg.Subject(l.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(l.ID)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answer
	msg.SetBodyString(gomail.TypeTextPlain, l.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	c, err := m.client()
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := c.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

// Send writes to each address, one by one, so that none learns of the others.
func (m *Mailer) Send(ctx context.Context, to []string, subject, text string) error {
	var messages []*gomail.Msg
	for _, address := range to {
		msg := gomail.NewMsg()
		if err := errors.Join(msg.From(m.from), msg.To(address)); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
		msg.Subject(subject)
		msg.SetDate()
		msg.SetMessageID()
		msg.SetBodyString(gomail.TypeTextPlain, text)
		messages = append(messages, msg)
	}
	c, err := m.client()
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := c.DialAndSendWithContext(ctx, messages...); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
