package metrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/metrics"
	"github.com/certhall/certhall/proof"
)

// silent is an authority that only seals.
type silent struct{ authority.Authority }

func (silent) Ticket(context.Context, authority.TicketRequest) (proof.Signed, error) {
	return proof.Signed{}, authority.ErrSealed.Becausef("secret cause")
}

func (silent) Close(context.Context, certhall.CaseID) (proof.Signed, error) {
	return proof.Signed{}, nil
}

func TestSeries(t *testing.T) {
	m := metrics.New("v1")
	m.Request("/api/cases/{id}", "GET", http.StatusOK, 3*time.Millisecond)
	m.OCSP("successful", true)
	a := m.Authority(silent{})
	if _, err := a.Ticket(t.Context(), authority.TicketRequest{Case: "case-of-somebody"}); err == nil {
		t.Error("no error came through")
	}
	if _, err := a.Close(t.Context(), "case-of-somebody"); err != nil {
		t.Error(err)
	}
	m.Look(func(_ context.Context, set metrics.Set) { set(metrics.CRLNumber, 7, "issuer", "issuing") })
	m.Look(func(_ context.Context, set metrics.Set) { set(metrics.Sealed, 1) })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`certhall_requests_total{method="GET",route="/api/cases/{id}",status="200"} 1`,
		`certhall_authority_calls_total{call="ticket",outcome="sealed"} 1`,
		`certhall_authority_calls_total{call="close",outcome="ok"} 1`,
		`certhall_ocsp_answers_total{from="memory",status="successful"} 1`,
		`certhall_crl_number{issuer="issuing"} 7`, `certhall_sealed 1`, `certhall_build_info{version="v1"} 1`, "go_goroutines ",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("without %s", want)
		}
	}
	for _, secret := range []string{"somebody", "secret"} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("it tells %q", secret)
		}
	}
}
