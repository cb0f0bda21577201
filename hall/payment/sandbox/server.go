package sandbox

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// ServerOptions of a Server.
type ServerOptions struct {
	Bank *Bank
	Keys *Keys
	// Stamps is the clock that requests are stamped by; the SDK of merchants uses
	// the machine's. Default the bank's.
	Stamps    certhall.Clock
	Transport http.RoundTripper // to the merchant; default http.DefaultTransport
	Log       *slog.Logger
}

// Server speaks WeChat Pay's protocol, shows the page where a person of a trial
// pays, and lets programs on this machine ask for faults.
type Server struct {
	o      ServerOptions
	bank   *Bank
	keys   *Keys
	mux    *http.ServeMux
	client *http.Client

	mu       sync.Mutex
	released chan struct{}     // closed by Release
	files    map[string][]byte // bills that can be fetched, by token
}

// answerTime is how long a merchant may take over a notice.
const answerTime = 5 * time.Second

// NewServer makes the handler of a bank.
func NewServer(o ServerOptions) *Server {
	if o.Stamps == nil {
		o.Stamps = o.Bank.o.Clock
	}
	s := &Server{o: o, bank: o.Bank, keys: o.Keys, mux: http.NewServeMux(), released: make(chan struct{}), files: map[string][]byte{},
		client: &http.Client{Transport: o.Transport, Timeout: answerTime}}
	s.mux.Handle("POST /v3/pay/transactions/native", s.api(CallPrepay, s.prepay))
	s.mux.Handle("GET /v3/pay/transactions/out-trade-no/{order}", s.api(CallQuery, s.query))
	s.mux.Handle("POST /v3/pay/transactions/out-trade-no/{order}/close", s.api(CallClose, s.close))
	s.mux.Handle("POST /v3/refund/domestic/refunds", s.api(CallRefund, s.refund))
	s.mux.Handle("GET /v3/refund/domestic/refunds/{refund}", s.api(CallQueryRefund, s.queryRefund))
	s.mux.Handle("GET /v3/bill/tradebill", s.api(CallBill, s.bill))
	s.mux.Handle("GET /v3/billdownload/file", s.api(CallDownload, s.download))
	s.pages()
	s.control()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Release lets go on what is slow.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

func (s *Server) releasing() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.released
}

const maxRequest = 64 << 10

// api answers a call: faults, signature, act, signed reply. A body of []byte goes
// out as it is and unsigned, as bills do.
func (s *Server) api(c Call, act func(*http.Request, []byte, Fault) (any, *refusal)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			s.reply(w, paramError.Status, &paramError, false)
			return
		}
		s.bank.arrive()
		f, released := s.bank.fault(c), s.releasing()
		switch f.Kind {
		case Late:
			if s.authenticate(r, body) == nil {
				s.bank.hold(f, func() { _, _ = act(r, body, f) })
			}
			panic(http.ErrAbortHandler)
		case Refuse:
			s.reply(w, f.refusal().Status, f.refusal(), false)
			return
		case Hang:
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case Lose:
			panic(http.ErrAbortHandler)
		}
		no := s.authenticate(r, body)
		var done any
		if no == nil {
			done, no = act(r, body, f)
		}
		switch f.Kind {
		case LoseReply:
			panic(http.ErrAbortHandler)
		case Slow:
			if wait(r, released, f.Delay) != nil {
				panic(http.ErrAbortHandler)
			}
		}
		if no != nil {
			s.reply(w, no.Status, no, f.Kind == Forge)
			return
		}
		s.reply(w, http.StatusOK, done, f.Kind == Forge)
	})
}

// wait ends when the caller leaves, on Release, or after a delay, if there is one.
func wait(r *http.Request, released chan struct{}, delay time.Duration) error {
	var after <-chan time.Time
	if delay > 0 {
		after = time.After(delay)
	}
	select {
	case <-r.Context().Done():
		return r.Context().Err()
	case <-released:
	case <-after:
	}
	return nil
}

func (s *Server) reply(w http.ResponseWriter, status int, body any, forged bool) {
	h := w.Header()
	h.Set("Request-Id", drawn(32))
	if file, ok := body.([]byte); ok {
		if forged {
			file = append(file, '\n', '`')
		}
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(file)
		return
	}
	var data []byte
	if body == nil {
		status = http.StatusNoContent
	} else {
		var err error
		if data, err = json.Marshal(body); err != nil {
			panic("sandbox: " + err.Error()) // our own types
		}
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	s.sign(h, data, s.bank.o.Clock.Now(), forged)
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// billFile prints a bill and remembers it for the download.
func (s *Server) billFile(r *http.Request, rows []payment.BillRow) map[string]string {
	file, token := printBill(rows), drawn(32)
	s.mu.Lock()
	s.files[token] = file
	s.mu.Unlock()
	sum := sha1.Sum(file)
	return map[string]string{
		"hash_type": "SHA1", "hash_value": hex.EncodeToString(sum[:]), "download_url": "http://" + r.Host + "/v3/billdownload/file?token=" + token,
	}
}
