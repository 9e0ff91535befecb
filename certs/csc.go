package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// maxCSCReply bounds an answer of a remote service: a chain of certificates
	// and twenty signatures have some 20 KB.
	maxCSCReply = 1 << 20
	// maxCSCChain is how many certificates of a chain are read.
	maxCSCChain = 10
	// tokenMargin is how long before its end a token of access is renewed.
	tokenMargin = 30 * time.Second
)

// CSCServiceOptions says how a remote signing service is reached (Cloud
// Signature Consortium API, version 2).
type CSCServiceOptions struct {
	// BaseURL is that of the API, version included: https://rssp.example/csc/v2
	BaseURL string
	// OAuthURL is the base of the authorisation server, under which
	// /oauth2/authorize and /oauth2/token answer; see [CSCService.Info].
	OAuthURL string
	// ClientID and ClientSecret are those of this installation at the service.
	ClientID, ClientSecret string
	// RefreshToken, if set, is the holder's standing consent to be listed; else
	// the client acts in its own name (client credentials).
	RefreshToken string
	// OnRefresh is told when the service replaces the refresh token, which must
	// be kept before the next use.
	OnRefresh func(ctx context.Context, token string) error
	// HTTP makes the requests: see package egress. Required.
	HTTP *http.Client
	// Now is the clock. Required.
	Now Clock
}

// CSCService is a client of a remote signing service. It is safe for
// concurrent use. Tokens and PINs appear in no error of it.
type CSCService struct {
	opt CSCServiceOptions

	mu      sync.Mutex
	access  string
	until   time.Time
	refresh string
}

// NewCSCService checks its options; it contacts nobody.
func NewCSCService(opt CSCServiceOptions) (*CSCService, error) {
	if opt.HTTP == nil || opt.Now == nil || opt.ClientID == "" {
		return nil, errors.New("certs: a remote signing service needs a client identifier, an HTTP client and a clock")
	}
	for _, raw := range []string{opt.BaseURL, opt.OAuthURL} {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil {
			return nil, fmt.Errorf("certs: %q is not the address of a remote signing service", raw)
		}
	}
	opt.BaseURL, opt.OAuthURL = strings.TrimSuffix(opt.BaseURL, "/"), strings.TrimSuffix(opt.OAuthURL, "/")
	return &CSCService{opt: opt, refresh: opt.RefreshToken}, nil
}

// CSCInfo is what a service says of itself.
type CSCInfo struct {
	Specs   string   `json:"specs"`
	Name    string   `json:"name"`
	OAuth2  string   `json:"oauth2"`
	Methods []string `json:"methods"`
}

// Info asks who the service is and where it authorises.
func (s *CSCService) Info(ctx context.Context) (CSCInfo, error) {
	var out CSCInfo
	_, err := s.call(ctx, "", "info", map[string]any{}, &out)
	return out, err
}

// CSCCredential is a key at a remote service with its certificate.
type CSCCredential struct {
	ID        string
	Chain     []*x509.Certificate // the key's own first
	Enabled   bool                // the service would use it today
	Mode      string              // CSCExplicit, CSCOAuth or CSCImplicit
	SCAL      string              // "1" or "2"
	Multisign int                 // how many signatures one authorisation allows
	Algos     []string            // OIDs
}

// How the holder of a credential authorises its use.
const (
	CSCExplicit = "explicit"   // a PIN or a code, given with the request
	CSCOAuth    = "oauth2code" // at the service, with the holder's browser
	CSCImplicit = "implicit"   // by the service's own means, such as a telephone
)

// Credentials lists the credentials that the client may see.
func (s *CSCService) Credentials(ctx context.Context) ([]string, error) {
	token, err := s.token(ctx)
	if err != nil {
		return nil, err
	}
	var out struct {
		IDs []string `json:"credentialIDs"`
	}
	_, err = s.call(ctx, token, "credentials/list", map[string]any{"maxResults": 100}, &out)
	return out.IDs, err
}

// Credential reads one credential. The refusals are those of [NewKey] and of the service.
func (s *CSCService) Credential(ctx context.Context, id string) (CSCCredential, error) {
	token, err := s.token(ctx)
	if err != nil {
		return CSCCredential{}, err
	}
	var in struct {
		Key struct {
			Status string   `json:"status"`
			Algo   []string `json:"algo"`
		} `json:"key"`
		Cert struct {
			Status       string   `json:"status"`
			Certificates []string `json:"certificates"`
		} `json:"cert"`
		Auth struct {
			Mode string `json:"mode"`
		} `json:"auth"`
		SCAL      string `json:"SCAL"`
		Multisign int    `json:"multisign"`
	}
	q := map[string]any{"credentialID": id, "certificates": "chain", "certInfo": true, "authInfo": true}
	if _, err := s.call(ctx, token, "credentials/info", q, &in); err != nil {
		return CSCCredential{}, err
	}
	out := CSCCredential{
		ID: id, Mode: in.Auth.Mode, SCAL: in.SCAL, Multisign: max(in.Multisign, 1), Algos: in.Key.Algo,
		Enabled: in.Key.Status == "enabled" && (in.Cert.Status == "" || in.Cert.Status == "valid"),
	}
	if out.SCAL == "" {
		out.SCAL = "1" // the default of the specification
	}
	out.Chain, err = cscChain(in.Cert.Certificates)
	return out, err
}

// cscChain reads certificates and puts the one that is no authority first.
func cscChain(list []string) ([]*x509.Certificate, error) {
	if len(list) == 0 || len(list) > maxCSCChain {
		return nil, fmt.Errorf("%w: the service gave %d certificates", ErrNoCertificate, len(list))
	}
	var all []*x509.Certificate
	for _, s := range list {
		der, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate not in base64", ErrNoCertificate)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoCertificate, err)
		}
		all = append(all, c)
	}
	if err := checkPublicKey(all[0].PublicKey, all[0].NotAfter); err != nil {
		return nil, err
	}
	return orderChain(all[0], all), nil
}

// A CSCError is a refusal of a remote service. It matches the sentinel that
// says what it means for the caller.
type CSCError struct {
	Status      int    // of HTTP
	Code        string // "invalid_request"...
	Description string // free text of the service
}

// Error implements error. What the service wrote is quoted: it comes from outside.
func (e *CSCError) Error() string {
	return fmt.Sprintf("remote signing service: %d %.60q: %.200q", e.Status, e.Code, e.Description)
}

// Unwrap returns the sentinel.
func (e *CSCError) Unwrap() error {
	switch e.Code {
	case "invalid_pin", "invalid_otp", "invalid_authentication_data", "numberInvalid":
		return ErrPIN
	case "access_denied", "authorization_denied", "user_cancelled":
		return ErrHolderRefused
	case "expired_token", "expired_sad", "invalid_sad", "sad_expired", "token_expired":
		return ErrActivationExpired
	}
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status >= 500 && e.Status != http.StatusNotImplemented, e.Code == "invalid_token":
		return ErrKeyUnavailable
	case e.Code == "invalid_request" && strings.Contains(e.Description, "SAD"):
		return ErrActivationExpired
	}
	return ErrRemoteRefused
}

// call posts one request of the API. The status is that of a success: 200 or 202.
func (s *CSCService) call(ctx context.Context, token, method string, in, out any) (int, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, fmt.Errorf("certs: %s: %w", method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opt.BaseURL+"/"+method, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("certs: %s: %w", method, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	status, err := s.do(req, out)
	var refusal *CSCError
	if errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized {
		s.forget(token)
	}
	if err != nil {
		return status, fmt.Errorf("certs: %s: %w", method, err)
	}
	return status, nil
}

// do makes one bounded request and reads JSON.
func (s *CSCService) do(req *http.Request, out any) (int, error) {
	req.Header.Set("Accept", "application/json")
	resp, err := s.opt.HTTP.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or given up
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCSCReply+1))
	if err != nil {
		return resp.StatusCode, fmt.Errorf("%w: reading the answer: %w", ErrKeyUnavailable, err)
	}
	if len(body) > maxCSCReply {
		return resp.StatusCode, fmt.Errorf("%w: answer above %d bytes", ErrRemoteRefused, maxCSCReply)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusAccepted {
		e := &CSCError{Status: resp.StatusCode}
		var told struct {
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}
		if json.Unmarshal(body, &told) == nil { // a page of a proxy says nothing more
			e.Code, e.Description = told.Code, told.Description
		}
		return resp.StatusCode, e
	}
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != "application/json" {
		return resp.StatusCode, fmt.Errorf("%w: answer of type %q", ErrKeyUnavailable, t)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return resp.StatusCode, fmt.Errorf("%w: answer that is not the expected JSON", ErrRemoteRefused)
	}
	return resp.StatusCode, nil
}

// token returns a token of access to the service, renewed when it is about to end.
func (s *CSCService) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access != "" && s.opt.Now().Before(s.until) {
		return s.access, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"service"}}
	if s.refresh != "" {
		form = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.refresh}}
	}
	t, err := s.grant(ctx, form)
	if err != nil {
		return "", err
	}
	if t.Refresh != "" && t.Refresh != s.refresh {
		s.refresh = t.Refresh
		if s.opt.OnRefresh != nil {
			if err := s.opt.OnRefresh(ctx, t.Refresh); err != nil {
				return "", fmt.Errorf("certs: keeping the refresh token: %w", err)
			}
		}
	}
	s.access, s.until = t.Access, s.opt.Now().Add(t.lifetime()-tokenMargin)
	return s.access, nil
}

// forget drops a token that the service no longer accepts.
func (s *CSCService) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access == token {
		s.access = ""
	}
}

// cscToken is an answer of the token endpoint (RFC 6749, 5.1).
type cscToken struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	ExpiresIn int    `json:"expires_in"`
}

// lifetime is the announced one, an hour by default (CSC API 2.0, 8.4.3).
func (t cscToken) lifetime() time.Duration {
	if t.ExpiresIn <= 0 {
		return time.Hour
	}
	return time.Duration(min(t.ExpiresIn, 24*3600)) * time.Second
}

// grant asks the token endpoint.
func (s *CSCService) grant(ctx context.Context, form url.Values) (cscToken, error) {
	form.Set("client_id", s.opt.ClientID)
	if s.opt.ClientSecret != "" {
		form.Set("client_secret", s.opt.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opt.OAuthURL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return cscToken{}, fmt.Errorf("certs: asking for a token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var t cscToken
	if _, err := s.do(req, &t); err != nil {
		return cscToken{}, fmt.Errorf("certs: asking for a token: %w", err)
	}
	if t.Access == "" {
		return cscToken{}, fmt.Errorf("%w: the service gave no token", ErrRemoteRefused)
	}
	return t, nil
}
