package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"parapheur/internal/towntest"
)

// TestLongPollOutlivesTheServerDeadline asks through a real server whose
// write deadline is shorter than the wait.
func TestLongPollOutlivesTheServerDeadline(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	s := httptest.NewUnstartedServer(h.handler)
	s.Config.WriteTimeout = 300 * time.Millisecond
	s.Start()
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/events?wait=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost:8080"
	r.Header.Set("Authorization", "Bearer "+h.key)
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%d, %v: %s", res.StatusCode, err, b)
	}
}

// TestMounted checks that the interface answers alike by itself and under
// either kind of router.
func TestMounted(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	byChi := chi.NewRouter()
	byChi.Mount("/api", h.handler)
	byStd := http.NewServeMux()
	byStd.Handle("/api/", h.handler)
	for name, handler := range map[string]http.Handler{"alone": h.handler, "chi": byChi, "net/http": byStd} {
		for path, want := range map[string]int{"/api/v1/me": 200, "/api/docs": 200, "/api/v1/nowhere": 404} {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, towntest.Origin+path, nil)
			r.Header.Set("Authorization", "Bearer "+h.key)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s, %s: got %d, want %d", name, path, w.Code, want)
			}
		}
	}
}
