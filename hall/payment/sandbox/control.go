package sandbox

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/certhall/certhall"
)

// control lets tests of this machine ask for faults. POST bodies are JSON, which
// no page of another origin can send.
func (s *Server) control() {
	s.local("POST /control/faults", func(w http.ResponseWriter, r *http.Request) (any, error) {
		var q struct {
			Fault
			Delay int64 `json:"delay_ms"`
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			return nil, err
		}
		q.Fault.Delay = time.Duration(q.Delay) * time.Millisecond
		return nil, s.bank.Upset(q.Fault)
	})
	s.local("DELETE /control/faults", func(http.ResponseWriter, *http.Request) (any, error) {
		s.bank.Calm()
		return nil, nil
	})
	s.local("POST /control/release", func(http.ResponseWriter, *http.Request) (any, error) {
		s.Release()
		return nil, nil
	})
	s.local("POST /control/pay", func(_ http.ResponseWriter, r *http.Request) (any, error) {
		var q struct {
			Order certhall.OrderID `json:"order"`
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			return nil, err
		}
		return nil, s.bank.Pay(q.Order)
	})
	s.local("POST /control/forge", func(_ http.ResponseWriter, r *http.Request) (any, error) {
		var q struct {
			Order certhall.OrderID `json:"order"`
			How   Forgery          `json:"how"`
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			return nil, err
		}
		status, err := s.Forge(r.Context(), q.Order, q.How)
		return map[string]int{"status": status}, err
	})
	s.local("POST /control/deliver", func(_ http.ResponseWriter, r *http.Request) (any, error) {
		return map[string]int{"tries": s.Step(r.Context())}, nil
	})
	s.local("GET /control/books", func(http.ResponseWriter, *http.Request) (any, error) {
		return s.bank.copyOfBooks()
	})
}

// local answers programs on this machine alone, by its loopback name alone.
func (s *Server) local(pattern string, act func(http.ResponseWriter, *http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.RemoteAddr) || !loopback(r.Host) || r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		answer, err := act(w, r)
		status := http.StatusOK
		switch {
		case err != nil:
			status, answer = http.StatusUnprocessableEntity, map[string]string{"error": err.Error()}
		case answer == nil:
			answer = map[string]string{}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// loopback tells whether an address with a port is this machine's.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (b *Bank) copyOfBooks() (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return json.Marshal(b.books)
}
