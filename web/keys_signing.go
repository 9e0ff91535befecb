package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

// A certificateCard is the key of somebody, or the seal, on the page of the
// administrator.
type certificateCard struct {
	Name, Seats, Holder, Issuer string
	Seal, Missing, Usable       bool
	Where, Ends, Level          string
	Stops, Tells                []string // problems that stop a signature, and others
}

// certificatesPage is /administration/certificats.
type certificatesPage struct {
	frame
	Cards []certificateCard
	Level string // that letters are sealed at on this node
}

// certificates is /administration/certificats.
func (s *server) certificates(v *visit, w http.ResponseWriter, r *http.Request) error {
	if err := administers(v); err != nil {
		return err
	}
	all, err := s.Office.SigningKeys(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	p := newCertificatesPage(all, s.Office.Level.String(), s.calendar(v))
	p.frame = s.frame(v, "Certificats et clés", "administration")
	return s.show(w, r, http.StatusOK, p)
}

func newCertificatesPage(all []dossiers.KeyReport, level string, c calendar) *certificatesPage {
	p := &certificatesPage{Level: levelInWords(level)}
	for _, k := range all {
		card := certificateCard{
			Name: k.Name, Holder: k.Holder, Issuer: k.Issuer, Seal: k.Person == "", Missing: k.Kind == "", Usable: k.Usable, Where: whereKept(k.Kind),
		}
		var seats []string
		for _, seat := range k.Seats {
			seats = append(seats, seat.Quality+", bureau «\u00a0"+seat.Name+"\u00a0»")
		}
		card.Seats = strings.Join(seats, "\u00a0; ")
		if !card.Missing {
			card.Ends = ends(k.NotAfter, c)
		}
		if k.Usable {
			card.Level = levelInWords(k.Reaches.String())
		}
		for _, x := range k.Problems {
			if x.Stops() {
				card.Stops = append(card.Stops, problem.OfKey(x))
			} else {
				card.Tells = append(card.Tells, problem.OfKey(x))
			}
		}
		p.Cards = append(p.Cards, card)
	}
	return p
}

func ends(t time.Time, c calendar) string {
	switch days := -c.days(t); {
	case days < 0:
		return "Échu depuis le " + date(t)
	case days < 60:
		return "Valable jusqu’au " + date(t) + ", encore " + count(days, "jour", "jours")
	}
	return "Valable jusqu’au " + date(t)
}

func date(t time.Time) string { return dayMonth(t) + " " + strconv.Itoa(t.Year()) }

// whereKept says where a key is.
func whereKept(kind string) string {
	switch kind {
	case "pkcs12":
		return "Gardée ici, chiffrée"
	case "pkcs11":
		return "Dans un module ou un jeton cryptographique"
	case "csc":
		return "Chez un service de signature à distance"
	}
	return kind
}

// aheadInWords says, before a letter leaves, why its signature would stop.
func aheadInWords(ahead []dossiers.StepReadiness) []string {
	var out []string
	for _, st := range ahead {
		if slices.ContainsFunc(st.Problems, func(x dossiers.StepProblem) bool { return x.Problem == dossiers.NobodyAble }) {
			continue // said already of every step
		}
		var why []string
		for _, x := range st.Problems {
			text := problem.OfKey(x.Problem)
			if x.Name != "" {
				text = x.Name + nbsp + ": " + strings.ToLower(text[:1]) + text[1:]
			}
			why = append(why, text)
		}
		out = append(out, "«\u00a0"+st.Title+"\u00a0» ne pourrait pas aboutir aujourd’hui. "+strings.Join(why, " ")+" La lettre peut partir\u00a0: elle attendrait là.")
	}
	return out
}

// awaiting says what a decided signature waits for: a short tag, a title, and
// what happens next.
func awaiting(reason string) (tag, title, text string) {
	switch reason {
	case dossiers.AwaitsActivation:
		return "Autorisation attendue", "Signée, en attente de l’autorisation du signataire",
			"La décision est prise et conservée. Le signataire doit encore autoriser l’usage de sa clé auprès de son service de signature."
	case dossiers.AwaitsKey:
		return "En attente d’un certificat", "Signée, en attente d’un certificat utilisable",
			"La décision est prise et conservée. Le signataire n’a pas de certificat qui puisse servir\u00a0: l’administrateur doit en installer un. La lettre repartira ensuite, sans nouveau geste."
	case dossiers.AwaitsRevocation:
		return "En attente de l’autorité", "Signée, en attente de l’état des certificats",
			"La décision est prise et conservée. Le service qui dit si les certificats sont révoqués ne répond pas\u00a0; nous réessayons de nous-mêmes. La lettre repartira ensuite, sans nouveau geste."
	}
	return "En attente d’horodatage", "Signée, en attente de sa date certifiée",
		"La décision est prise et conservée. Le service d’horodatage ne répond pas\u00a0; nous réessayons de nous-mêmes. La lettre repartira ensuite, sans nouveau geste."
}

// activationPage is /signature: what waits for the holder of a remote key.
type activationPage struct {
	frame
	Letters []choice // address and title
	Count   string   // of the letters
	Problem string
	// Redirect is where the holder goes to authorise them, and Host its host.
	Redirect, Host string
}

// activations counts the letters that wait for the person to authorise their
// key, in words, or is empty.
func (s *server) activations(v *visit, r *http.Request) (string, error) {
	ids, err := s.Office.ToActivate(r.Context(), v.viewer)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return count(len(ids), "lettre", "lettres"), nil
}

// toActivate is /signature.
func (s *server) toActivate(v *visit, w http.ResponseWriter, r *http.Request) error {
	return s.showActivation(v, w, r, http.StatusOK, &activationPage{})
}

func (s *server) showActivation(v *visit, w http.ResponseWriter, r *http.Request, status int, p *activationPage) error {
	ids, err := s.Office.ToActivate(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	for _, id := range ids {
		d, err := s.Office.View(r.Context(), v.viewer, id)
		if err != nil {
			return err
		}
		p.Letters = append(p.Letters, choice{follow(id), d.Title})
	}
	p.Count = count(len(p.Letters), "lettre", "lettres")
	p.frame = s.frame(v, "Autoriser la signature", "")
	return s.show(w, r, status, p)
}

// activate shows the way to the signing service: a link, since the policy of
// our pages lets no form lead elsewhere.
func (s *server) activate(v *visit, w http.ResponseWriter, r *http.Request) error {
	redirect, err := s.Office.Activate(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	to, err := url.Parse(redirect)
	if err != nil {
		return fmt.Errorf("address of the signing service: %w", err)
	}
	return s.showActivation(v, w, r, http.StatusOK, &activationPage{Redirect: redirect, Host: to.Host})
}

// activated is where the signing service sends the browser back.
func (s *server) activated(v *visit, w http.ResponseWriter, r *http.Request) error {
	ids, err := s.Office.FinishActivation(r.Context(), v.viewer, r.URL.Query())
	if err != nil {
		if told := problemOf(err); told.Status < http.StatusInternalServerError && told.Status != http.StatusUnauthorized {
			return s.showActivation(v, w, r, told.Status, &activationPage{Problem: told.Title + ". " + told.Detail})
		}
		return err
	}
	if len(ids) == 1 {
		http.Redirect(w, r, follow(ids[0]), http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, "/bannettes", http.StatusSeeOther)
	return nil
}
