package api

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parapheur/internal/problem"
)

// deliver answers a file, whole or in part (RFC 9110, 14), whose headers are
// set. A Range that cannot be read is passed over, as the norm wants of a unit
// that is not known (14.2); what is refused is a problem, not a line of text.
func deliver(w http.ResponseWriter, r *http.Request, file io.ReadSeeker) {
	if asked := r.Header.Get("Range"); asked != "" && !readableRange(asked) {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	v := &verdict{ResponseWriter: w}
	http.ServeContent(v, r, "", time.Time{}, file)
	if v.refused == 0 {
		return
	}
	w.Header().Del("Content-Disposition")
	w.Header().Del("Repr-Digest")
	write(w, r, problem.Of(v.refused))
}

// readableRange reports whether a Range is one of bytes, in its form (RFC 9110,
// 14.1.1): "0-499", "500-", "-500", several with commas.
func readableRange(header string) bool {
	unit, set, ok := strings.Cut(header, "=")
	if !ok || unit != "bytes" {
		return false
	}
	for spec := range strings.SplitSeq(set, ",") {
		first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
		from, errFrom := strconv.ParseInt(first, 10, 64)
		to, errTo := strconv.ParseInt(last, 10, 64)
		switch {
		case !ok, first == "" && (errTo != nil || to <= 0), first != "" && (errFrom != nil || from < 0), last != "" && (errTo != nil || to < 0), first != "" && last != "" && to < from:
			return false
		}
	}
	return true
}

// A verdict holds back what http.ServeContent refuses with a line of text.
type verdict struct {
	http.ResponseWriter
	refused int
}

// Unwrap serves http.ResponseController.
func (v *verdict) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (v *verdict) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		v.refused = status
		return
	}
	v.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (v *verdict) Write(p []byte) (int, error) {
	if v.refused != 0 {
		return len(p), nil
	}
	return v.ResponseWriter.Write(p)
}
