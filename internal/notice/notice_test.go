package notice_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/child"
	"parapheur/internal/demo"
	"parapheur/internal/mailer"
	"parapheur/internal/notice"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

func TestMain(m *testing.M) {
	child.Main(wiring.Jobs()...)
	os.Exit(m.Run())
}

// A relay speaks the SMTP of a relay on the same machine (RFC 5321) and keeps
// what it was given. It refuses the first deliveries it is told to.
type relay struct {
	t       *testing.T
	address string
	letters chan letter

	mu      sync.Mutex
	refuses int
}

// A letter is a mail as a person reads it.
type letter struct{ id, to, subject, text, html string }

func newRelay(t *testing.T, refuses int) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // a test
	r := &relay{t: t, address: l.Addr().String(), letters: make(chan letter, 100), refuses: refuses}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.talk(c)
		}
	}()
	return r
}

func (r *relay) talk(c net.Conn) {
	defer c.Close() //nolint:errcheck // a test
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 relay ESMTP\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.ToUpper(strings.Fields(line + " x")[0]) {
		case "DATA":
			fmt.Fprint(c, "354 go\r\n")
			var b strings.Builder
			for {
				text, err := in.ReadString('\n')
				if err != nil || text == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(text, "."))
			}
			if r.refused() {
				fmt.Fprint(c, "451 later\r\n")
				continue
			}
			r.letters <- r.read(b.String())
			fmt.Fprint(c, "250 kept\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 yes\r\n")
		}
	}
}

func (r *relay) refused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses--
	return r.refuses >= 0
}

func (r *relay) read(raw string) (l letter) {
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		r.t.Errorf("mail: %v", err)
		return l
	}
	l.id, l.to = m.Header.Get("Message-ID"), m.Header.Get("To")
	l.subject, _ = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		r.t.Error(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return l
		}
		body, _ := io.ReadAll(quotedprintable.NewReader(p))
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			l.html = string(body)
		} else {
			l.text = strings.ReplaceAll(string(body), "\r\n", "\n")
		}
	}
}

// next waits for n mails and sorts them by address.
func (r *relay) next(n int) (out []letter) {
	r.t.Helper()
	for range n {
		select {
		case l := <-r.letters:
			out = append(out, l)
		case <-time.After(30 * time.Second):
			r.t.Fatalf("%d mails of %d", len(out), n)
		}
	}
	slices.SortFunc(out, func(a, b letter) int { return strings.Compare(a.to+a.subject, b.to+b.subject) })
	return out
}

// none wants no mail to be left in the queue of the town, nor to have come.
func (r *relay) none(town *towntest.Town) {
	r.t.Helper()
	owner := town.Owner(r.t)
	for {
		var left int
		err := owner.QueryRow(r.t.Context(), `select count(*) from river_job where queue = 'mail' and state not in ('completed', 'discarded', 'cancelled')`).Scan(&left)
		if err != nil {
			r.t.Fatal(err)
		}
		if left == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case l := <-r.letters:
		r.t.Errorf("one mail too many: %s, %s", l.to, l.subject)
	default:
	}
}

func mailing(t *testing.T, refuses int, waiting string, change ...func(*wiring.Config)) (*towntest.Town, *relay) {
	t.Helper()
	r := newRelay(t, refuses)
	town := towntest.New(t, append(change, func(c *wiring.Config) {
		c.Outward.SMTP = mailer.Options{URL: "smtp://" + r.address + "?tls=none", From: "Parapheur <parapheur@saint-aubin.example>"}
		c.Outward.Waiting = waiting
	})...)
	return town, r
}

// A letter goes through its circuit: each is told once what concerns them, and
// nobody else; a relay that fails at first loses nothing.
func TestLetterIsTold(t *testing.T) {
	t.Parallel()
	town, r := mailing(t, 1, "")
	d := town.Deposit(t)
	got := r.next(1)[0]
	if !strings.Contains(got.to, demo.DGS) || !strings.HasPrefix(got.subject, "Un courrier à viser : n° ") || !strings.Contains(got.text, "Bonjour Philippe") && !strings.Contains(got.text, "Monsieur Rousseau,") {
		t.Errorf("%+v", got)
	}
	link := towntest.Origin + "/dossiers/" + string(d.ID)
	if !strings.Contains(got.text, "\n"+link+"\n") || !strings.Contains(got.html, `<a href="`+link+`">`) || !strings.Contains(got.html, `<html lang="fr">`) || !strings.HasSuffix(got.id, "@localhost>") {
		t.Errorf("%+v", got)
	}
	if _, err := town.Person(t, demo.DGS).Decide(t, d.ID, "visa", ""); err != nil {
		t.Fatal(err)
	}
	if got = r.next(1)[0]; !strings.Contains(got.to, demo.Mayor) || !strings.Contains(got.subject, "à signer") || !strings.HasPrefix(got.text, "Madame la Maire,") {
		t.Errorf("%+v", got)
	}
	const reason = "Le <b>ton</b> est trop sec."
	if _, err := town.Person(t, demo.Mayor).Decide(t, d.ID, "refus", reason); err != nil {
		t.Fatal(err)
	}
	for i, l := range r.next(2) {
		who := []string{demo.Drafter, demo.DGS}[i]
		if !strings.Contains(l.to, who) || !strings.Contains(l.text, "Hélène Garnier, Maire a refusé") || !strings.Contains(l.text, "Motif : « "+reason+" »") ||
			!strings.Contains(l.text, "Il revient à son rédacteur") || strings.Contains(l.html, "<b>ton") {
			t.Errorf("%+v", l)
		}
	}
	r.none(town)
}

// The end is told to the drafter, and a signature that is put to nobody else.
func TestCompletedIsTold(t *testing.T) {
	t.Parallel()
	town, r := mailing(t, 0, "digest") // nobody is told at once that it waits
	d := town.Deposit(t)
	for _, x := range []struct{ who, decision string }{{demo.DGS, "visa"}, {demo.Mayor, "signature"}} {
		if _, err := town.Person(t, x.who).Decide(t, d.ID, x.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	town.Await(t, d.ID, func(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed })
	if got := r.next(1)[0]; !strings.Contains(got.to, demo.Drafter) || !strings.HasPrefix(got.subject, "Courrier terminé") {
		t.Errorf("%+v", got)
	}
	r.none(town)
}

// An invitation goes to the address of its person, while it is open; a relay
// that refuses it is told, and the link goes on serving.
func TestInvitationByMail(t *testing.T) {
	t.Parallel()
	town, r := mailing(t, 1, "digest")
	o, admin, mayor := town.Office, town.Person(t, demo.Administrator).Viewer(t), town.Person(t, demo.Mayor).Viewer(t)
	token, _, err := o.InvitePerson(t.Context(), admin, mayor.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.MailInvitation(t.Context(), admin, token); !errors.Is(err, dossiers.ErrNotMailed) {
		t.Errorf("a relay that refuses: %v", err)
	}
	if p, err := o.MailInvitation(t.Context(), admin, token); err != nil || p.Email != mayor.Person.Email {
		t.Errorf("%+v, %v", p, err)
	}
	got, link := r.next(1)[0], towntest.Origin+"/enrolement/"+token
	if !strings.Contains(got.to, demo.Mayor) || !strings.HasPrefix(got.subject, "Votre accès au parapheur de ") || !strings.Contains(got.text, "\n"+link+"\n") ||
		!strings.Contains(got.html, `<a href="`+link+`">`) || !strings.Contains(got.text, "vous invite à enregistrer une clé d’accès") || strings.Contains(got.text, "le lien demande votre clé") {
		t.Errorf("%+v", got)
	}
	if _, err := o.MailInvitation(t.Context(), mayor, token); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("by who administers nothing: %v", err)
	}
	if _, _, err := o.InvitePerson(t.Context(), admin, mayor.Person.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := o.MailInvitation(t.Context(), admin, token); !errors.Is(err, dossiers.ErrInvitation) {
		t.Errorf("a link that was replaced: %v", err)
	}
	r.none(town)
}

// Each working morning, once: how many letters wait, and how many are late.
func TestDigest(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 9, 8, 30, 0, 0, paris) // a Monday
	town, r := mailing(t, 0, "digest", func(c *wiring.Config) { c.Workers, c.Now = 0, func() time.Time { return at } })
	town.Deposit(t)
	town.Deposit(t)
	for range 2 { // two nodes start on the same morning
		town.Config.Workers = 1
		town.Open(t)
	}
	got := r.next(1)[0]
	if !strings.Contains(got.to, demo.DGS) || got.subject != "Parapheur : 2 courriers à traiter" || !strings.Contains(got.text, "Vous avez 2 courriers à traiter.") {
		t.Errorf("%+v", got)
	}
	r.none(town)
}

// Nobody is woken on a Sunday or a public holiday.
func TestNoDigestOnHolidays(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 7, 0, 0, 0, time.UTC)
	town, _ := mailing(t, 0, "digest", func(c *wiring.Config) { c.Workers, c.Now = 0, func() time.Time { return at } })
	town.Deposit(t)
	for _, x := range []struct {
		day  time.Time
		some bool
	}{{at, false}, {at.AddDate(0, 0, 2), false}, {at.AddDate(0, 0, 3), true}} {
		at = x.day
		list, err := town.Office.Mornings(t.Context(), town.Tenant, true)
		if err != nil || (len(list) > 0) != x.some {
			t.Errorf("%s: %+v, %v", x.day.Weekday(), list, err)
		}
	}
}

// What a digest says of one letter, of many, and of late ones; as the field
// words it.
func TestDigestWords(t *testing.T) {
	t.Parallel()
	town := dossiers.Tenant{ID: "t", Name: "Ville de Saint-Aubin", Origin: "https://parapheur.saint-aubin.fr"}
	mayor := dossiers.Person{ID: "p", Civility: "M.", FamilyName: "Garnier", Seats: []dossiers.Seat{{Quality: "Maire"}}}
	for want, n := range map[string][2]int{
		"Monsieur le Maire,\n\nVous avez 1 courrier à traiter.\n":                            {1, 0},
		"Monsieur le Maire,\n\nVous avez 7 courriers à traiter, dont 2 en retard.\n":         {7, 2},
		"Monsieur le Maire,\n\nVous avez plus de 1000 courriers à traiter, dont 1 en retard": {1000, 1},
	} {
		m := notice.Digest(town, dossiers.Morning{Person: mayor, ToDo: n[0], Late: n[1]}, "2026-03-09")
		if !strings.HasPrefix(m.Text, want) {
			t.Errorf("%s", m.Text)
		}
	}
}
