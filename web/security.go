package web

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// contentPolicy admits what the product itself serves and nothing else: no
// inline script or style, no foreign origin, no frame.
const contentPolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// harden sets the headers that every response carries, errors included.
func (s *server) harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=(), payment=()")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// unsafe reports whether a method may change something (RFC 9110, 9.2.1).
func unsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// fromHere reports whether the browser says that a page of origin sent r.
// Every browser that knows passkeys sends one header or the other.
func fromHere(r *http.Request, origin string) bool {
	from := r.Header.Get("Origin")
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site != "" && site != "same-origin":
		return false
	case from != "":
		return strings.EqualFold(from, origin)
	default:
		return site == "same-origin"
	}
}

// sameToken compares what a form or a header carries with the session's.
func sameToken(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// localPath returns where to go after sign-in: a path of this site, or "/".
// Neither "//host" nor a backslash, which browsers read as a slash, passes.
func localPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") ||
		strings.HasPrefix(p, "/connexion") || len(p) > 1000 {
		return "/"
	}
	return p
}
