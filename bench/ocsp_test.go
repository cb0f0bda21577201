package bench

import (
	"context"
	"crypto/rand"
	"encoding/asn1"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
	"github.com/certhall/certhall/web"
)

// turn is how many answers are taken in one go, by ours and by the bare server.
const turn = 400 * clients

// BenchmarkOCSP measures answers a second over HTTP for each kind of issuer,
// ours beside bare ones in the same run:
//
//   - pre-signed: what was asked before, beside a net/http handler that gives
//     constant bytes of the same length;
//   - live: with a nonce, so that each is signed, beside a net/http handler that
//     does no more than read the request and sign as many bytes.
//
// Ours passes the whole edge of the server.
func BenchmarkOCSP(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/certhall
	ctx := b.Context()
	o, err := newOffice(ctx, "sqlite:"+filepath.Join(b.TempDir(), "authority.db"))
	if err != nil {
		b.Fatal(certhall.CauseText(err))
	}
	defer o.db.Close()
	r := o.responder(b)
	issuer := o.Founded.Main()
	body := bodyOf(b, issuer.Certificate, o.model.SignSerial, nil)
	fixed, answer := post(body), r.Answer(ctx, body)
	b.Run("pre-signed", func(b *testing.B) {
		beside(b, web.New(web.Options{Random: rand.Reader, Public: web.Public{OCSP: web.OCSP(r, certhall.SystemClock{}, web.OCSPMaxAge)}}),
			constant(answer.DER), func(int, int) []byte { return fixed }, believed(issuer.Certificate))
	})
	b.Run("live", func(b *testing.B) {
		nonces := make([][]byte, 4096)
		for i := range nonces {
			nonce := make([]byte, 16)
			if _, err := rand.Read(nonce); err != nil {
				b.Fatal(err)
			}
			nonces[i] = post(bodyOf(b, issuer.Certificate, o.model.SignSerial, nonce))
		}
		beside(b, web.New(web.Options{Random: rand.Reader, Public: web.Public{OCSP: web.OCSP(r, certhall.SystemClock{}, web.OCSPMaxAge)}}),
			signing(b, o, len(answer.DER)), func(c, i int) []byte { return nonces[(c*131+i)%len(nonces)] }, believed(issuer.Certificate))
	})
}

// responder answers for the office's issuers and follows its record.
func (o *office) responder(b *testing.B) *status.Responder {
	b.Helper()
	if _, err := (audit.Sequencer{Store: o.store}).Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	r := status.NewResponder(status.OCSPOptions{Store: o.store, Clock: certhall.SystemClock{}})
	main := o.Founded.Main()
	sign := func(m []byte) ([]byte, error) { return gm.SignAny(rand.Reader, main.OCSP.Key, m) }
	if err := r.SetIssuers([]status.Issuer{{Name: main.Name, Certificate: main.Certificate, Responder: ca.Signer{Certificate: main.OCSP.Certificate, Sign: sign}}}); err != nil {
		b.Fatal(err)
	}
	ctx, end := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Follow(ctx) }()
	b.Cleanup(func() { end(); <-done })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.Ready(ctx) != nil {
		<-tick.C
	}
	return r
}

func bodyOf(b *testing.B, issuer *smx509.Certificate, serial certhall.Serial, nonce []byte) []byte {
	b.Helper()
	der, err := ocsp.Request(issuer, nonce, serial.Big())
	if err != nil {
		b.Fatal(err)
	}
	return der
}

// believed reads an answer as a relying party does: what is measured is right.
func believed(issuer *smx509.Certificate) func([]byte) error {
	return func(der []byte) error {
		_, err := ocsp.Parse(der, issuer, nil, time.Now())
		return err
	}
}

// constant answers the same bytes whatever is asked.
func constant(der []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answerBytes(w, der)
	})
}

// signing reads the request and signs about as many bytes as an answer has.
func signing(b *testing.B, o *office, length int) http.Handler {
	key := o.Founded.Main().OCSP.Key
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		signature, err := gm.SignAny(rand.Reader, key, body)
		if err != nil {
			b.Error(err)
		}
		der, err := asn1.Marshal(struct {
			Body, Signature []byte
			Number          *big.Int
		}{make([]byte, length-len(signature)-16), signature, big.NewInt(1)})
		if err != nil {
			b.Error(err)
		}
		answerBytes(w, der)
	})
}

func answerBytes(w http.ResponseWriter, der []byte) {
	w.Header().Set("Content-Type", "application/ocsp-response")
	w.Header().Set("Content-Length", strconv.Itoa(len(der)))
	_, _ = w.Write(der)
}

// beside takes answers of ours and of a bare handler in turns, so that both
// meet the same moods of the machine.
func beside(b *testing.B, ours, bare http.Handler, request func(connection, i int) []byte, check func([]byte) error) {
	var loads [2]*httpLoad
	for i, h := range []http.Handler{ours, bare} {
		l, end, err := listen(h)
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := end(); err != nil {
				b.Error(err)
			}
		}()
		loads[i] = connect(b, l)
		defer loads[i].close()
	}
	accept := func([]byte) error { return nil }
	both := func() (times [2]time.Duration) {
		for i, check := range []func([]byte) error{check, accept} {
			var err error
			if times[i], err = loads[i].run(turn, request, check); err != nil {
				b.Fatal(err)
			}
		}
		return times
	}
	both() // warms caches
	b.ResetTimer()
	var spent [2]time.Duration
	n := 0.0
	for b.Loop() {
		times := both()
		spent[0], spent[1], n = spent[0]+times[0], spent[1]+times[1], n+turn
	}
	b.ReportMetric(n/spent[0].Seconds(), "answers/s")
	b.ReportMetric(n/spent[1].Seconds(), "bare/s")
	b.ReportMetric(spent[1].Seconds()/spent[0].Seconds(), "of-bare")
	b.ReportMetric(0, "ns/op")
}

func connect(b *testing.B, l net.Listener) *httpLoad {
	b.Helper()
	load, err := newLoad(l, clients)
	if err != nil {
		b.Fatal(err)
	}
	return load
}
