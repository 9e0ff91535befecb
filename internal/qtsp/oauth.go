package qtsp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// page is where the holder sees what is asked (RFC 6749, 4.1.1).
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c, why := s.asked(q)
	if why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = consent().Execute(w, struct { // the browser may be gone
		Holder, Description, Count string
		Fields                     url.Values
	}{c.Holder, q.Get("description"), q.Get("numSignatures"), q})
}

func consent() *template.Template {
	return template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Service de signature de démonstration</title></head>
<body><main><h1>Service de signature de démonstration</h1>
<p>Sans aucune valeur juridique.</p>
<p>{{.Holder}}, {{.Description}} vous demande {{.Count}} signature(s).</p>
<form method="post">{{range $name, $values := .Fields}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
<p><label for="pin">Code personnel</label> <input id="pin" name="pin" type="password" autocomplete="off" required></p>
<p><button id="approve" name="answer" value="yes">Autoriser la signature</button></p></form>
<form method="post">{{range $name, $values := .Fields}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
<p><button id="refuse" name="answer" value="no">Refuser</button></p></form></main></body></html>
`))
}

// asked finds what is asked for, or says why it cannot be.
func (s *Server) asked(q url.Values) (*Credential, string) {
	c := s.credential(q.Get("credentialID"))
	n, err := strconv.Atoi(q.Get("numSignatures"))
	switch {
	case q.Get("client_id") != s.opt.ClientID || !slices.Contains(s.opt.Redirects, q.Get("redirect_uri")):
		return nil, "Client ou adresse de retour inconnus"
	case q.Get("response_type") != "code" || q.Get("scope") != "credential" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return nil, "Demande mal formée"
	case c == nil || c.Mode != OAuth || err != nil || n < 1 || n > c.Multisign:
		return nil, "Clé inconnue ou trop de signatures"
	case c.SCAL == "2" && len(strings.Split(q.Get("hashes"), ",")) != n:
		return nil, "Empreintes manquantes"
	}
	return c, ""
}

// decide takes the answer of the holder and sends the browser back.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "Formulaire illisible", http.StatusBadRequest)
		return
	}
	c, why := s.asked(r.PostForm)
	if why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {r.PostForm.Get("state")}}
	if r.PostForm.Get("answer") == "yes" {
		if ok, _ := s.proven(c, r.PostForm.Get("pin")); !ok {
			http.Error(w, "Code personnel refusé", http.StatusForbidden)
			return
		}
		back.Set("code", s.keep(codeOf(c, r.PostForm), codeLife))
	} else {
		back.Set("error", "access_denied")
		back.Set("error_description", "The holder declined")
	}
	http.Redirect(w, r, r.PostForm.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

// codeOf is the code that stands for what the holder authorised.
func codeOf(c *Credential, q url.Values) *grant {
	n, _ := strconv.Atoi(q.Get("numSignatures")) // checked by asked
	g := &grant{kind: "code", credential: c.ID, left: n, challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri")}
	if c.SCAL == "2" {
		for h := range strings.SplitSeq(q.Get("hashes"), ",") {
			raw, err := base64.RawURLEncoding.DecodeString(h)
			if err == nil {
				g.hashes = append(g.hashes, base64.StdEncoding.EncodeToString(raw))
			}
		}
	}
	return g
}

// token exchanges codes, refresh tokens and client credentials (RFC 6749, 4 and 6).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if s.broken(w) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		write(w, http.StatusBadRequest, refusal{"invalid_request", "not a form"})
		return
	}
	f := r.PostForm
	if f.Get("client_id") != s.opt.ClientID || subtle.ConstantTimeCompare([]byte(f.Get("client_secret")), []byte(s.opt.ClientSecret)) != 1 {
		write(w, http.StatusUnauthorized, refusal{"invalid_client", "unknown client"})
		return
	}
	service := map[string]any{"token_type": "Bearer", "expires_in": int(tokenLife.Seconds())}
	switch f.Get("grant_type") {
	case "client_credentials":
		service["access_token"] = s.keep(&grant{kind: "service"}, tokenLife)
		write(w, http.StatusOK, service)
	case "refresh_token":
		next, ok := s.rotate(f.Get("refresh_token"))
		if !ok {
			write(w, http.StatusBadRequest, refusal{"invalid_grant", "unknown refresh token"})
			return
		}
		service["access_token"], service["refresh_token"] = s.keep(&grant{kind: "service"}, tokenLife), next
		write(w, http.StatusOK, service)
	case "authorization_code":
		s.exchange(w, f)
	default:
		write(w, http.StatusBadRequest, refusal{"unsupported_grant_type", ""})
	}
}

// rotate gives a new refresh token for the last one.
func (s *Server) rotate(token string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token == "" || token != s.refresh {
		return "", false
	}
	s.refresh += "+"
	return s.refresh, true
}

// exchange gives the authorisation for a code, to who knows its verifier (RFC 7636, 4.6).
func (s *Server) exchange(w http.ResponseWriter, f url.Values) {
	g := s.take("code", f.Get("code"))
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	if g == nil || g.redirect != f.Get("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		write(w, http.StatusBadRequest, refusal{"invalid_grant", "unknown code or verifier"})
		return
	}
	sad := s.keep(&grant{kind: "sad", credential: g.credential, hashes: g.hashes, left: g.left}, sadLife)
	write(w, http.StatusOK, map[string]any{"access_token": sad, "token_type": "Bearer", "expires_in": int(sadLife.Seconds())})
}
