package qtsp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxRequest = 1 << 20
	sadLife    = 5 * time.Minute
	tokenLife  = time.Hour
	codeLife   = time.Minute
)

// request is the union of what the methods of the API are told.
type request struct {
	CredentialID  string   `json:"credentialID"`
	NumSignatures int      `json:"numSignatures"`
	Hashes        []string `json:"hashes"`
	HashOID       string   `json:"hashAlgorithmOID"`
	AuthData      []struct {
		ID    string `json:"id"`
		Value string `json:"value"`
	} `json:"authData"`
	SAD        string `json:"SAD"`
	SignAlgo   string `json:"signAlgo"`
	Handle     string `json:"handle"`
	ResponseID string `json:"responseID"`
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for name, method := range map[string]struct {
		bearer string // kind of token: none, of the service, or of either kind
		answer func(*Server, request, string) (int, any)
	}{
		"info":                       {"", (*Server).info},
		"credentials/list":           {"service", (*Server).list},
		"credentials/info":           {"service", (*Server).describe},
		"credentials/authorize":      {"service", (*Server).authorize},
		"credentials/authorizeCheck": {"service", (*Server).check},
		"signatures/signHash":        {"any", (*Server).signHash},
		"signatures/signPolling":     {"any", (*Server).poll},
	} {
		s.mux.HandleFunc("POST /csc/v2/"+name, func(w http.ResponseWriter, r *http.Request) {
			s.serve(w, r, name, method.bearer, method.answer)
		})
	}
	s.mux.HandleFunc("GET /oauth2/authorize", s.page)
	s.mux.HandleFunc("POST /oauth2/authorize", s.decide)
	s.mux.HandleFunc("POST /oauth2/token", s.token)
}

// serve reads the request and the token, and writes the answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, name, bearer string, answer func(*Server, request, string) (int, any)) {
	s.mu.Lock()
	s.calls[name]++
	s.mu.Unlock()
	if s.broken(w) {
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	known := bearer == "" || s.grant("service", token) != nil || bearer == "any" && s.grant("sad", token) != nil
	if !known {
		write(w, http.StatusUnauthorized, refusal{"invalid_token", "The access token is not valid"})
		return
	}
	var in request
	if err := json.NewDecoder(io.LimitReader(r.Body, maxRequest)).Decode(&in); err != nil {
		write(w, http.StatusBadRequest, refusal{"invalid_request", "The request is not JSON"})
		return
	}
	status, out := answer(s, in, token)
	write(w, status, out)
}

// broken answers what a fault answers to everything.
func (s *Server) broken(w http.ResponseWriter) bool {
	switch {
	case s.fails(Down):
		write(w, http.StatusServiceUnavailable, refusal{"server_error", "Maintenance"})
	case s.fails(NotJSON):
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Proxy</html>") // the client may be gone
	case s.fails(Endless):
		w.Header().Set("Content-Type", "application/json")
		junk := []byte(`"` + strings.Repeat("x", 1<<16))
		for range 64 {
			if _, err := w.Write(junk); err != nil {
				return true
			}
		}
	default:
		return false
	}
	return true
}

// refusal is an error of the API and of OAuth.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

func bad(code, description string) (int, any) {
	return http.StatusBadRequest, refusal{code, description}
}

func (s *Server) info(request, string) (int, any) {
	return http.StatusOK, map[string]any{
		"specs": "2.0.0.2", "name": "Service de signature de démonstration", "region": "FR", "lang": "fr-FR",
		"authType": []string{"oauth2code", "oauth2client"}, "oauth2": "", "methods": []string{"credentials/list", "credentials/info", "signatures/signHash"},
	}
}

func (s *Server) list(request, string) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return http.StatusOK, map[string]any{"credentialIDs": slices.Clone(s.order)}
}

func (s *Server) describe(in request, _ string) (int, any) {
	c := s.credential(in.CredentialID)
	if c == nil {
		return bad("invalid_request", "Invalid parameter credentialID")
	}
	status, algorithm := "enabled", oidECDSA(0)
	if c.Disabled {
		status = "disabled"
	}
	if c.RSA {
		algorithm = oidRSA(0)
	}
	return http.StatusOK, map[string]any{
		"key": map[string]any{"status": status, "algo": []string{algorithm}},
		"cert": map[string]any{"status": "valid", "certificates": []string{
			base64.StdEncoding.EncodeToString(c.cert.Raw), base64.StdEncoding.EncodeToString(s.root.Raw),
		}},
		"auth": map[string]any{"mode": c.Mode}, "SCAL": c.SCAL, "multisign": c.Multisign,
	}
}

// authorize is credentials/authorize (CSC API 2.0, 11.6).
func (s *Server) authorize(in request, _ string) (int, any) {
	c := s.credential(in.CredentialID)
	switch {
	case c == nil || c.Mode == OAuth:
		return bad("invalid_request", "Invalid parameter credentialID")
	case in.NumSignatures < 1 || in.NumSignatures > c.Multisign:
		return bad("invalid_request", "Invalid parameter numSignatures")
	case c.SCAL == "2" && len(in.Hashes) != in.NumSignatures:
		return bad("invalid_request", "Missing (or invalid type) array parameter hashes")
	}
	if c.Mode == Explicit {
		pin := ""
		for _, a := range in.AuthData {
			if a.ID == "PIN" {
				pin = a.Value
			}
		}
		if ok, locked := s.proven(c, pin); locked {
			return bad("invalid_pin", "The PIN is locked")
		} else if !ok {
			return bad("invalid_pin", "The PIN is invalid")
		}
	}
	g := &grant{kind: "sad", credential: c.ID, left: in.NumSignatures}
	if c.SCAL == "2" {
		g.hashes = in.Hashes
	}
	if c.Mode == Implicit {
		return http.StatusAccepted, map[string]any{"handle": s.keep(&grant{kind: "handle", credential: c.ID, hashes: g.hashes, left: g.left, pending: s.opt.Confirmations}, sadLife)}
	}
	return http.StatusOK, map[string]any{"SAD": s.keep(g, sadLife), "expiresIn": int(sadLife.Seconds())}
}

// check is credentials/authorizeCheck (11.7).
func (s *Server) check(in request, _ string) (int, any) {
	g := s.grant("handle", in.Handle)
	if g == nil {
		return bad("invalid_request", "Invalid parameter handle")
	}
	s.mu.Lock()
	g.pending--
	waits := g.pending >= 0 || s.fault == Never
	s.mu.Unlock()
	if waits {
		return http.StatusAccepted, map[string]any{"handle": in.Handle}
	}
	return http.StatusOK, map[string]any{"SAD": s.keep(&grant{kind: "sad", credential: g.credential, hashes: g.hashes, left: g.left}, sadLife), "expiresIn": int(sadLife.Seconds())}
}

// signHash is signatures/signHash (11.10).
func (s *Server) signHash(in request, token string) (int, any) {
	sad := in.SAD
	if sad == "" {
		sad = token // a token of scope "credential"
	}
	g, c := s.grant("sad", sad), s.credential(in.CredentialID)
	if g == nil || c == nil || g.credential != c.ID {
		return bad("invalid_request", "Invalid parameter SAD")
	}
	h, ok := hashes()[in.HashOID]
	if !ok || !slices.Contains([]string{oidRSA(h.n), oidECDSA(h.n), oidPSS}, in.SignAlgo) {
		return bad("invalid_request", "Invalid parameter signAlgo")
	}
	if status, out := s.spend(g, in.Hashes); status != 0 {
		return status, out
	}
	values := []string{}
	for _, text := range in.Hashes {
		digest, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(digest) != h.hash.Size() {
			return bad("invalid_request", "Invalid Base64 hash string parameter")
		}
		value, err := s.sign(c, digest, h.hash, in.SignAlgo == oidPSS)
		if err != nil {
			return http.StatusInternalServerError, refusal{"server_error", "The key failed"}
		}
		values = append(values, base64.StdEncoding.EncodeToString(value))
	}
	switch {
	case s.fails(TooFew):
		values = values[1:]
	case s.fails(Later):
		return http.StatusOK, map[string]any{"responseID": s.keep(&grant{kind: "response", values: values, pending: 2}, sadLife)}
	}
	return http.StatusOK, map[string]any{"signatures": values}
}

// spend takes the signatures off an authorisation that is bound to these hashes.
func (s *Server) spend(g *grant, list []string) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(list) == 0 || len(list) > g.left {
		return bad("invalid_request", "The SAD allows fewer signatures")
	}
	for _, h := range list {
		if g.hashes != nil && !slices.Contains(g.hashes, h) {
			return bad("invalid_request", "Hash is not authorized by the SAD")
		}
	}
	g.left -= len(list)
	return 0, nil
}

// poll is signatures/signPolling.
func (s *Server) poll(in request, _ string) (int, any) {
	g := s.grant("response", in.ResponseID)
	if g == nil {
		return bad("invalid_request", "Invalid parameter responseID")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.pending--; g.pending >= 0 {
		return http.StatusAccepted, map[string]any{"responseID": in.ResponseID}
	}
	return http.StatusOK, map[string]any{"signatures": g.values}
}

// sign makes one value, wrong in the way of the fault.
func (s *Server) sign(c *Credential, digest []byte, h crypto.Hash, pss bool) ([]byte, error) {
	key := c.key
	switch {
	case s.fails(WrongSignature):
		digest = slices.Clone(digest)
		digest[0] ^= 1
	case s.fails(OtherKey):
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		key = other
	}
	var opts crypto.SignerOpts = h
	if pss {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	sig, err := key.Sign(rand.Reader, digest, opts)
	if err != nil || !s.fails(RawECDSA) {
		return sig, err
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		return sig, nil // RSA has no other form
	}
	return append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...), nil
}

// A known is a hash with its place in the series of identifiers.
type known struct {
	hash crypto.Hash
	n    int
}

func hashes() map[string]known {
	return map[string]known{
		"2.16.840.1.101.3.4.2.1": {crypto.SHA256, 0}, "2.16.840.1.101.3.4.2.2": {crypto.SHA384, 1}, "2.16.840.1.101.3.4.2.3": {crypto.SHA512, 2},
	}
}

const oidPSS = "1.2.840.113549.1.1.10"

func oidRSA(n int) string {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11 + n}.String()
}

func oidECDSA(n int) string { return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2 + n}.String() }
