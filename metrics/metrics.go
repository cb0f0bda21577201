// Package metrics counts what a process does, for whoever watches over the
// machine: requests, calls of the authority, status answers, and what stands
// at the moment of asking. No series names a person, a case, a serial or an
// address, and every label takes few values. It is the only importer of
// Prometheus.
package metrics

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/certhall/certhall"
)

// lookTime is how long all gauges of one look may take.
const lookTime = 5 * time.Second

// Metrics are the counters of one process.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	called   *prometheus.HistogramVec
	answers  *prometheus.CounterVec
	gauges   gauges
}

// New makes counters that stand at nothing, with those of the Go runtime and
// of the process.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("certhall_requests_total", "HTTP requests by route, method and status.", "route", "method", "status"),
		took:     histogram("certhall_request_seconds", "How long HTTP requests took.", "route"),
		calls:    counter("certhall_authority_calls_total", "Calls of the authority by the code of their outcome (ok, or an error's).", "call", "outcome"),
		called:   histogram("certhall_authority_call_seconds", "How long calls of the authority took.", "call"),
		answers:  counter("certhall_ocsp_answers_total", "OCSP answers by response status and by whether they came from memory.", "status", "from"),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "certhall_build_info", Help: "1, with the version of the program."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.took, m.calls, m.called, m.answers, build, &m.gauges,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, labels)
}

// Handler answers with all series in Prometheus' text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 2 * lookTime})
}

// Request counts a request: by the route's pattern, never by what was typed.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
}

// OCSP counts an OCSP answer.
func (m *Metrics) OCSP(status string, memory bool) {
	from := "live"
	if memory {
		from = "memory"
	}
	m.answers.WithLabelValues(status, from).Inc()
}

// call counts a call of the authority that began at a time.
func (m *Metrics) call(name string, began time.Time, err error) {
	outcome := "ok"
	if err != nil {
		outcome = certhall.AsError(err).Code
	}
	if errors.Is(err, context.Canceled) {
		outcome = "canceled"
	}
	m.calls.WithLabelValues(name, outcome).Inc()
	m.called.WithLabelValues(name).Observe(time.Since(began).Seconds())
}

// Set gives a gauge's value. Labels are names and values in turn.
type Set func(name Gauge, value float64, labels ...string)

// Look adds gauges that are read whenever somebody asks for the series. What
// cannot be read now is left out: that the database does not answer is told by
// certhall_ready.
func (m *Metrics) Look(look func(ctx context.Context, set Set)) {
	m.gauges.mu.Lock()
	defer m.gauges.mu.Unlock()
	m.gauges.looks = append(m.gauges.looks, look)
}

// gauges are read when they are asked for.
type gauges struct {
	mu    sync.Mutex
	looks []func(context.Context, Set)
}

// Describe implements prometheus.Collector: which gauges there are depends on
// the process's roles.
func (*gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, end := context.WithTimeout(context.Background(), lookTime)
	defer end()
	g.mu.Lock()
	looks := g.looks
	g.mu.Unlock()
	for _, look := range looks {
		look(ctx, func(name Gauge, value float64, labels ...string) {
			var names, values []string
			for i := 0; i+1 < len(labels); i += 2 {
				names, values = append(names, labels[i]), append(values, labels[i+1])
			}
			out <- prometheus.MustNewConstMetric(prometheus.NewDesc(string(name), helps[name], names, nil), prometheus.GaugeValue, value, values...)
		})
	}
}
