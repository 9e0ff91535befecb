// Package metrics counts what an operator watches, for Prometheus, on a
// listener of its own: never on the public one.
//
// It must carry no personal data: routes are patterns, never paths.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are those of one node.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

// New returns the metrics of a node over its database pool.
func New(pool *pgxpool.Pool, version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parapheur_http_request_duration_seconds", Help: "Time to answer, by route pattern and status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route", "status"}),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parapheur_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.requests, info, jobs{pool}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("parapheur_db_connections_in_use", "Database connections in use.", func() float64 { return float64(pool.Stat().AcquiredConns()) }),
		gauge("parapheur_db_connections_waited_total", "Times a request waited for a connection.", func() float64 { return float64(pool.Stat().EmptyAcquireCount()) }))
	return m
}

// jobs counts what waits in the queue when it is asked: signatures that wait
// for their timestamp are jobs to be tried again.
type jobs struct{ pool *pgxpool.Pool }

// scrapeLimit bounds the question: a database in trouble must not hold up the
// metrics that tell of it.
const scrapeLimit = 2 * time.Second

func (jobs) description() *prometheus.Desc {
	return prometheus.NewDesc("parapheur_jobs", "Jobs of the service that are not done, by kind and state; retryable ones failed and are tried again.", []string{"kind", "state"}, nil)
}

// Describe implements prometheus.Collector.
func (j jobs) Describe(out chan<- *prometheus.Desc) { out <- j.description() }

// Collect implements prometheus.Collector. Without an answer the metric is
// absent, which an alert can see.
func (j jobs) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit) //nolint:forbidigo // the interface of collectors has no context
	defer cancel()
	rows, err := j.pool.Query(ctx, `select kind, state::text, count(*) from river_job where finalized_at is null group by 1, 2`)
	if err != nil {
		return
	}
	var kind, state string
	var n int64
	_, _ = pgx.ForEachRow(rows, []any{&kind, &state, &n}, func() error {
		out <- prometheus.MustNewConstMetric(j.description(), prometheus.GaugeValue, float64(n), kind, state)
		return nil
	})
}

func gauge(name, help string, read func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
}

// Handler serves the metrics at /metrics and nothing else.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	return mux
}

// Middleware measures each request under the pattern of its route.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(ww, r)
		route := "other"
		if c := chi.RouteContext(r.Context()); c != nil && c.RoutePattern() != "" {
			route = c.RoutePattern()
		}
		m.requests.WithLabelValues(method(r.Method), route, strconv.Itoa(ww.Status())).Observe(time.Since(start).Seconds())
	})
}

// method keeps a client from inventing label values.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
