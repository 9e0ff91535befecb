package dossiers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ErrPanel says that the address of a panel shows nothing any more, or never
// did: it expired, its key was revoked, or this town did not make it.
var ErrPanel = errors.New("panel expired or unknown")

const (
	// PanelKind is what the vault knows the addresses of panels by.
	PanelKind = "panel"
	// PanelLife is how long a panel can be opened when nothing else is asked.
	PanelLife = 15 * time.Minute
	// MaxPanelLife is how long it can at most.
	MaxPanelLife = time.Hour

	maxPanelOrigins = 20
	maxPanelToken   = 4096
)

// A Panel is one dossier as a page inside another program shows it: what the
// application that asked may see, and nothing that can be done.
type Panel struct {
	View    View
	Origins []string // whose pages may hold it in a frame; none: no page may
	Expires time.Time
}

// A panelTicket is what the address of a panel carries, sealed by the vault
// for one town: nobody else can make one, change one or read one.
type panelTicket struct {
	Dossier    ID       `json:"d"`
	Credential string   `json:"k"` // the key under whose rights the panel is shown
	All        bool     `json:"a,omitempty"`
	Expires    int64    `json:"e"` // seconds
	Origins    []string `json:"o,omitempty"`
}

// PanelToken makes the token of a page that shows a dossier inside the program
// of whoever asks, for a while. The pages that may frame it are those of the
// application's origins, or some of them: origins. It is shown under the key that asked, and no longer than that one is in
// force; the key that is revoked takes its panels with it.
func (o *Office) PanelToken(ctx context.Context, g Grant, id ID, origins []string, life time.Duration) (token string, expires time.Time, err error) {
	if origins, err = frameOrigins("origins", origins); err != nil {
		return "", expires, err
	}
	if len(g.Application.framing(origins)) < len(origins) {
		return "", expires, &InvalidError{"origins", "Cette application ne peut pas montrer de panneau là : votre administrateur ajoute l’origine sur la page de l’application."}
	}
	if life <= 0 {
		life = PanelLife
	}
	if life > MaxPanelLife {
		return "", expires, &InvalidError{"minutes", fmt.Sprintf("Un panneau s’ouvre pendant %d minutes au plus.", int(MaxPanelLife.Minutes()))}
	}
	if _, err := o.View(ctx, g.Viewer, id); err != nil {
		return "", expires, err
	}
	expires = o.wall().Add(life).Truncate(time.Second)
	raw, err := json.Marshal(panelTicket{id, g.Credential, g.All, expires.Unix(), origins})
	if err != nil {
		return "", expires, fmt.Errorf("panel of %s: %w", id, err)
	}
	sealed, err := o.Vault.Seal(g.Tenant, PanelKind, PanelKind, raw)
	if err != nil {
		return "", expires, fmt.Errorf("seal a panel: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), expires, nil
}

// framing are the origins of the application among those wanted, or all of them
// when none is.
func (a *Application) framing(wanted []string) []string {
	if len(wanted) == 0 {
		return a.Frames
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(o string) bool { return !slices.Contains(a.Frames, o) })
}

// Panel opens what a token shows, to be framed where its application may show
// it today. ErrPanel when it shows nothing; the origins are then those of a
// token that is ours and too old, so that the page which holds the frame can be
// told.
func (o *Office) Panel(ctx context.Context, t Tenant, token string) (Panel, error) {
	ticket, err := o.ticket(t, token)
	if err != nil {
		return Panel{}, err
	}
	p := Panel{Expires: time.Unix(ticket.Expires, 0).UTC()}
	key, _, app, err := o.Store.APIKey(ctx, t.ID, ticket.Credential)
	if err != nil && !isNotFound(err) {
		return p, err
	}
	p.Origins = app.framing(ticket.Origins)
	if err != nil || !key.inForce(o.wall()) {
		return p, fmt.Errorf("panel of key %s: %w", ticket.Credential, ErrPanel)
	}
	if !o.wall().Before(p.Expires) {
		return p, fmt.Errorf("panel of %s since %s: %w", ticket.Dossier, p.Expires.Format(time.RFC3339), ErrPanel)
	}
	p.View, err = o.View(ctx, Viewer{Tenant: t, Application: &app, All: ticket.All}, ticket.Dossier)
	if isNotFound(err) { // a right was taken away since
		return p, fmt.Errorf("panel of %s: %w", ticket.Dossier, ErrPanel)
	}
	return p, err
}

// ticket opens a token that this town made.
func (o *Office) ticket(t Tenant, token string) (panelTicket, error) {
	var out panelTicket
	if len(token) > maxPanelToken {
		return out, ErrPanel
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return out, ErrPanel
	}
	raw, err := o.Vault.Open(t, PanelKind, PanelKind, sealed)
	if err != nil {
		return out, ErrPanel // a stranger's, altered, or of another town
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("read a panel: %w", err)
	}
	return out, nil
}

// frameOrigins reads the origins of pages that a field names (RFC 6454): https, or http on this
// machine and on names that no public host has.
func frameOrigins(field string, list []string) ([]string, error) {
	if len(list) > maxPanelOrigins {
		return nil, &InvalidError{field, fmt.Sprintf("%d origines au plus peuvent montrer un panneau.", maxPanelOrigins)}
	}
	var out []string
	for _, s := range list {
		origin, ok := frameOrigin(s)
		if !ok {
			return nil, &InvalidError{field, "Une origine s’écrit sans chemin, par exemple « https://gec.mairie.fr ». En http, seulement sur le réseau interne."}
		}
		if !slices.Contains(out, origin) {
			out = append(out, origin)
		}
	}
	return out, nil
}

// frameOrigin writes one origin as a policy names it. What is not letters,
// digits, dots and hyphens could say more than a host in a header.
func frameOrigin(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || len(s) > 300 {
		return "", false
	}
	host := strings.ToLower(u.Hostname())
	odd := func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-') }
	if host == "" || strings.ContainsFunc(host, odd) || strings.Trim(host, ".") == "" {
		return "", false
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !inside(host)) {
		return "", false
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	} else if strings.HasSuffix(u.Host, ":") {
		return "", false
	}
	return u.Scheme + "://" + host, true
}

// inside reports whether a host is this machine, has a private address, or a
// name that means nothing on the Internet (RFC 6762, RFC 9476, ICANN .internal).
func inside(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || ip.IsPrivate()
	}
	if !strings.Contains(host, ".") {
		return true
	}
	for _, end := range []string{".localhost", ".local", ".lan", ".internal", ".home.arpa", ".test"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return false
}
