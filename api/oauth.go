package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/dossiers"
	"parapheur/internal/peer"
	"parapheur/internal/problem"
)

// Paths of OAuth 2, beside the interface: mount the handler there too.
const (
	TokenPath    = "/oauth2/token"
	RevokePath   = "/oauth2/revoke"
	MetadataPath = "/.well-known/oauth-authorization-server"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxForm       = 32 << 10
)

// authorization serves OAuth 2: client credentials (RFC 6749, 4.4), revocation
// (RFC 7009) and metadata (RFC 8414). Its errors are those of RFC 6749, 5.2,
// as libraries expect them, and not problems.
func (s *server) authorization(r chi.Router) {
	r.Post(TokenPath, s.token)
	r.Post(RevokePath, s.revoke)
	r.Get(MetadataPath, s.metadata)
}

// An oauthError is how OAuth 2 says no.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"` // ASCII, as RFC 6749 has it
}

func sendOAuth(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have left
}

func oauthFault(w http.ResponseWriter, status int, code, description string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="parapheur"`)
	}
	sendOAuth(w, status, oauthError{code, description})
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	town, req, ok := s.clientRequest(w, r)
	if !ok {
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
	case "":
		oauthFault(w, http.StatusBadRequest, "invalid_request", "grant_type is missing")
		return
	default:
		oauthFault(w, http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is supported")
		return
	}
	req.Scope = r.PostForm.Get("scope")
	token, a, err := s.Office.Token(r.Context(), town, req)
	if err != nil {
		s.oauthRefusal(w, r, err)
		return
	}
	sendOAuth(w, http.StatusOK, struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Scope   string `json:"scope"`
	}{token, "Bearer", int(a.Expires.Sub(s.Now()) / time.Second), strings.Join(a.Scopes, " ")})
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	town, req, ok := s.clientRequest(w, r)
	if !ok {
		return
	}
	if err := s.Office.RevokeToken(r.Context(), town, req, r.PostForm.Get("token")); err != nil {
		s.oauthRefusal(w, r, err)
		return
	}
	sendOAuth(w, http.StatusOK, struct{}{})
}

// clientRequest reads who the client says it is. One way of saying so a
// request: RFC 6749, 2.3.
func (s *server) clientRequest(w http.ResponseWriter, r *http.Request) (dossiers.Tenant, dossiers.TokenRequest, bool) {
	req := dossiers.TokenRequest{From: s.ClientAddress(r)}
	town, err := s.Office.Tenant(r.Context(), r.Host)
	if err != nil {
		s.deny(w, r, err)
		return town, req, false
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		oauthFault(w, http.StatusBadRequest, "invalid_request", "send application/x-www-form-urlencoded")
		return town, req, false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		oauthFault(w, http.StatusBadRequest, "invalid_request", "unreadable form")
		return town, req, false
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			oauthFault(w, http.StatusBadRequest, "invalid_request", "a parameter is repeated")
			return town, req, false
		}
	}
	ways := 0
	if id, secret, ok := r.BasicAuth(); ok {
		ways++
		// RFC 6749, 2.3.1: both are form-encoded before they are joined.
		id, errID := url.QueryUnescape(id)
		secret, errSecret := url.QueryUnescape(secret)
		if errors.Join(errID, errSecret) == nil {
			req.Client, req.Secret = id, secret
		}
	}
	if secret := r.PostForm.Get("client_secret"); secret != "" {
		ways++
		req.Client, req.Secret = r.PostForm.Get("client_id"), secret
	}
	if a := r.PostForm.Get("client_assertion"); a != "" && r.PostForm.Get("client_assertion_type") == assertionType {
		ways++
		req.Client, req.Assertion = r.PostForm.Get("client_id"), a
	}
	if ways > 1 {
		oauthFault(w, http.StatusBadRequest, "invalid_request", "more than one client authentication")
		return town, req, false
	}
	return town, req, true
}

// oauthRefusal says no in the words of OAuth 2, and counts who is not known.
func (s *server) oauthRefusal(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, dossiers.ErrClient):
		if wait := s.strangers.Wait(peer.Network(s.ClientAddress(r)), s.Now()); wait > 0 {
			retryAfter(w.Header(), problem.Problem{RetryAfter: wait})
			oauthFault(w, http.StatusTooManyRequests, "temporarily_unavailable", "too many attempts; see Retry-After")
			return
		}
		why := ""
		if told := (*dossiers.ClientError)(nil); errors.As(err, &told) {
			why = told.Why
		}
		oauthFault(w, http.StatusUnauthorized, "invalid_client", why)
	case errors.Is(err, dossiers.ErrScope):
		oauthFault(w, http.StatusBadRequest, "invalid_scope", "")
	case errors.Is(err, dossiers.ErrAddress):
		oauthFault(w, http.StatusForbidden, "unauthorized_client", "not from this address")
	default:
		s.Log.ErrorContext(r.Context(), "oauth2", slog.String("trace_id", traceOf(r.Context())), slog.Any("error", err))
		oauthFault(w, http.StatusServiceUnavailable, "temporarily_unavailable", "")
	}
}

// metadata says where and how, for libraries that ask (RFC 8414).
func (s *server) metadata(w http.ResponseWriter, r *http.Request) {
	town, err := s.Office.Tenant(r.Context(), r.Host)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	methods := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	algs := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	sendOAuth(w, http.StatusOK, map[string]any{
		"issuer": town.Origin, "token_endpoint": town.Origin + TokenPath, "revocation_endpoint": town.Origin + RevokePath,
		"grant_types_supported": []string{"client_credentials"}, "response_types_supported": []string{},
		"scopes_supported":                                      append(town.Scopes(), dossiers.ScopeDossiersAll),
		"token_endpoint_auth_methods_supported":                 methods,
		"token_endpoint_auth_signing_alg_values_supported":      algs,
		"revocation_endpoint_auth_methods_supported":            methods,
		"revocation_endpoint_auth_signing_alg_values_supported": algs,
		"service_documentation":                                 town.Origin + "/api/docs",
	})
}
