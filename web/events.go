package web

import (
	"fmt"
	"net/http"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/live"
)

// How an event stream keeps alive and ends.
const (
	beat      = 25 * time.Second // under the minute after which proxies give up
	recheck   = time.Minute      // of the right to listen
	writeTime = 10 * time.Second
)

// events tells pages that a dossier of their town moved. It says which one
// and nothing else: the page asks again, and rights are checked there.
func (s *server) events(v *visit, w http.ResponseWriter, r *http.Request) error {
	moved, cancel := s.Live.Subscribe(v.tenant.ID)
	defer cancel()
	out := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	send := func(format string, args ...any) bool {
		// A writer without deadlines is a test's; the stream works all the same.
		_ = out.SetWriteDeadline(time.Now().Add(writeTime)) //nolint:forbidigo // a deadline of the network, not a fact of the town
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if !send("retry: 3000\n\n") {
		return nil
	}
	alive, rights := time.NewTicker(beat), time.NewTicker(recheck)
	defer alive.Stop()
	defer rights.Stop()
	for {
		var ok bool
		select {
		case <-r.Context().Done():
			return nil
		case e, open := <-moved:
			ok = open && send("id: %d\nevent: dossier\ndata: %s\n\n", e.Seq, topic(e))
		case <-alive.C:
			ok = send(": .\n\n")
		case <-rights.C:
			ok = s.stillHere(v, r)
		}
		if !ok {
			return nil
		}
	}
}

// topic is the dossier that an event is about, "*" when any may have moved.
func topic(e live.Event) string {
	if e.Dossier == "" {
		return "*"
	}
	return e.Dossier
}

// stillHere reports whether the session that listens is still open.
func (s *server) stillHere(v *visit, r *http.Request) bool {
	session, err := s.Office.Visit(r.Context(), v.tenant, v.token)
	if err != nil || session.Person == "" {
		return false
	}
	_, err = s.Office.Viewer(r.Context(), v.tenant, session)
	return err == nil
}

// follow returns the path of a dossier.
func follow(id dossiers.ID) string { return "/dossiers/" + string(id) }
