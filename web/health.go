package web

import (
	"log/slog"
	"net/http"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/locale"
)

// healthz says that the process answers.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"status": "ok"})
}

// readiness tells which conditions hold, and why the others do not.
type readiness struct {
	Ready  bool     `json:"ready"`
	Checks []result `json:"checks"`
}

type result struct {
	Name    string `json:"name"`
	Ready   bool   `json:"ready"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// readyz answers 503 while a condition does not hold. The portal runs all the
// same: a sealed authority lets cases wait, it does not lose them.
func readyz(checks []Check, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lang := locale.Pick(r.Header.Get("Accept-Language"))
		answer, status := readiness{Ready: true, Checks: make([]result, 0, len(checks))}, http.StatusOK
		for _, c := range checks {
			one := result{Name: c.Name, Ready: true}
			if err := c.Ready(r.Context()); err != nil {
				e := certhall.AsError(err)
				one.Ready, one.Code = false, e.Code
				one.Message, one.Hint = locale.Error(lang, e)
				if !c.Warns {
					answer.Ready, status = false, http.StatusServiceUnavailable
				}
				log.WarnContext(r.Context(), "not ready", "check", c.Name, "code", e.Code, "cause", certhall.CauseText(e.Unwrap()))
			}
			answer.Checks = append(answer.Checks, one)
		}
		writeJSON(w, status, "application/json", answer)
	})
}
