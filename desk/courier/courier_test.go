package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// hall answers by a list, and loses what it is told to lose.
type hall struct {
	mu      sync.Mutex // a request can come before the one that was cut off has ended
	t       *testing.T
	answers []any // Next, or an int: a status with a problem document
	lose    map[int]bool
	drop    map[int]bool // the request is lost; what is in lose is an answer
	calls   int
	seen    []string
	nonces  int
	poses   string // as whose origin it gives out, if not its own
}

func (h *hall) origin(r *http.Request) string {
	if h.poses != "" {
		return h.poses
	}
	return "http://" + r.Host
}

func (h *hall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	if h.drop[h.calls] {
		panic(http.ErrAbortHandler)
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept-Language") != "en" {
		h.t.Errorf("%s %s: %v", r.Method, r.URL, r.Header)
	}
	var out any
	switch r.URL.Path {
	case "/api/openings":
		h.nonces++
		out = Nonce{Nonce: []byte{byte(h.nonces)}, Origin: h.origin(r), Authority: "ra"}
	case "/api/cases":
		out = CaseRef{Case: "c1", Token: "t1"}
	case "/api/cases/c1/next":
		if r.Header.Get("Authorization") != "Bearer t1" {
			h.t.Error("no token")
		}
		var in Input
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			h.t.Error(err)
		}
		h.seen = append(h.seen, describe(in))
		out = h.answers[0]
		if len(h.answers) > 1 && !h.lose[h.calls] {
			h.answers = h.answers[1:]
		}
	}
	if h.lose[h.calls] {
		panic(http.ErrAbortHandler)
	}
	if status, ok := out.(int); ok {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"title":"x","status":409,"detail":"said by the hall","hint":"do this","code":"out-of-turn","params":{"a":"b"}}`))
		return
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		h.t.Error(err)
	}
}

func describe(in Input) string {
	if in.Answer != nil && in.Answer.Pay != nil {
		return fmt.Sprintf("pay %+v", *in.Answer.Pay)
	}
	if in.Answer != nil {
		return "answer " + in.Answer.Phone + in.Answer.Code
	}
	return string(in.Reply)
}

// echo is an agent that answers an order with the order.
type echo struct {
	err    error
	nonces []byte
}

func (e *echo) Do(_ context.Context, _ string, order []byte) ([]byte, error) {
	return append([]byte("re:"), order...), e.err
}

func (e *echo) SignOpening(_ context.Context, key string, o proof.Opening) (proof.Signed, error) {
	e.nonces = append(e.nonces, o.Nonce...)
	return proof.Signed{Message: proof.Encode(o)}, nil
}

type answering struct{}

func (answering) Answer(_ context.Context, a Ask, problem *certhall.Error) (Answer, error) {
	if problem != nil {
		return Answer{}, problem
	}
	if !a.Sent {
		return Answer{SendCode: true}, nil
	}
	return Answer{Code: "123456"}, nil
}

func begin(t *testing.T, h *hall) (Run, *echo, *[]time.Duration) {
	h.t = t
	server := httptest.NewServer(h)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	var waits []time.Duration
	wait := func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	e := &echo{}
	return Run{
		Server: &HTTP{Base: server.URL + "/", Lang: "en", Wait: wait, Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}},
		Agent:  e, Person: answering{}, Wait: wait, KeySerial: "SK1", Service: certhall.Renew, Serial: "01",
	}, e, &waits
}

func op(step, message string) Next {
	return Next{Case: "c1", State: StateOpen, Step: step, Operation: step, Message: []byte(message)}
}

var finished = Next{Case: "c1", State: StateDone, Step: "done", Result: &Result{Receipt: "r"}}

func TestRun(t *testing.T) {
	h := &hall{answers: []any{
		op("identify", "i"),
		Next{State: StateOpen, Step: "phone", Ask: &Ask{Kind: AskCode}},
		Next{State: StateOpen, Step: "phone", Ask: &Ask{Kind: AskCode, Sent: true}},
		op("prepare", "p"),
		Next{State: StateOpen, Step: "issue", Wait: &Wait{AfterMS: 200, Reason: "issuing"}},
		op("install", "n"), op("acknowledge", "a"),
		Next{State: StateDone, Step: "done", Operation: "retire", Message: []byte("r")},
		finished,
	}}
	run, _, waits := begin(t, h)
	var steps []string
	run.Progress = func(n Next) { steps = append(steps, n.Step) }
	last, leftover, err := run.Do(t.Context())
	if err != nil || leftover != nil || last.Result == nil {
		t.Fatalf("%+v, %v, %v", last, leftover, err)
	}
	if got := strings.Join(h.seen, "|"); got != "|re:i|answer |answer 123456|re:p||re:n|re:a|re:r" {
		t.Error(got)
	}
	if len(steps) != 9 || !slices.Equal(*waits, []time.Duration{200 * time.Millisecond}) {
		t.Error(steps, *waits)
	}
}

// buyer agrees to what is offered, and pays; looks is how often he says
// nothing before he takes the order back, if he does.
type buyer struct {
	looks int
	heard []string
}

func (b *buyer) Answer(_ context.Context, a Ask, problem *certhall.Error) (Answer, error) {
	if problem != nil {
		b.heard = append(b.heard, problem.Code)
	}
	if o := a.Pay.Order; o == nil {
		return Answer{Pay: &Agree{Years: a.Pay.Years[0], Total: a.Pay.Line.Subtotal}}, nil
	}
	if b.looks--; b.looks == 0 {
		return Answer{Pay: &Agree{Cancel: true}}, nil
	}
	return Answer{}, nil
}

func payable(p Payable, problem *Problem) Next {
	return Next{Case: "c1", State: StateOpen, Step: "pay", Ask: &Ask{Kind: AskPay, Pay: &p}, Problem: problem}
}

// TestPay: an offer is agreed to; an order is looked at every few seconds, for
// as long as it takes, until it is paid or taken back; a problem beside it
// ends nothing.
func TestPay(t *testing.T) {
	offer := payable(Payable{Line: &Line{Subtotal: 20000}, Years: []int{1}}, nil)
	unpaid := payable(Payable{Order: &Order{Order: "o1", Standing: "unpaid", Total: 20000}}, nil)
	troubled := payable(Payable{Order: unpaid.Ask.Pay.Order}, &Problem{Code: "channel-away"})
	long := slices.Repeat([]any{unpaid}, 900) // half an hour
	for name, c := range map[string]struct {
		answers []any
		looks   int
		want    string
		waits   int
		heard   []string
	}{
		"paid":       {[]any{offer, troubled, unpaid, op("prepare", "p"), finished}, 0, "|pay {Years:1 Total:200.00 Cancel:false}|||re:p", 2, []string{"channel-away"}},
		"at last":    {append(slices.Clone(long), finished), 0, strings.Repeat("|", 900), 900, nil},
		"taken back": {[]any{unpaid, unpaid, finished}, 2, "||pay {Years:0 Total:0.00 Cancel:true}", 1, nil},
		"free":       {[]any{payable(Payable{Line: &Line{}, Years: []int{2}}, nil), finished}, 0, "|pay {Years:2 Total:0.00 Cancel:false}", 0, nil},
		"releasing":  {[]any{Next{State: StateOpen, Step: "pay", Wait: &Wait{AfterMS: 200, Reason: "releasing"}}, finished}, 0, "|", 1, nil},
	} {
		h := &hall{answers: c.answers}
		run, _, waits := begin(t, h)
		b := &buyer{looks: c.looks}
		run.Person = b
		if last, _, err := run.Do(t.Context()); err != nil || last.State != StateDone {
			t.Fatalf("%s: %+v, %v", name, last, err)
		}
		if got := strings.Join(h.seen, "|"); got != c.want || len(*waits) != c.waits || !slices.Equal(b.heard, c.heard) {
			t.Errorf("%s: %.200s, %d waits, heard %v", name, got, len(*waits), b.heard)
		}
	}
}

// TestLeavePayment: whoever stops waiting leaves the order as it is.
func TestLeavePayment(t *testing.T) {
	h := &hall{answers: []any{payable(Payable{Order: &Order{Order: "o1", Standing: "unpaid"}}, nil)}}
	run, _, _ := begin(t, h)
	run.Person = &buyer{}
	run.Wait = func(context.Context, time.Duration) error { return context.Canceled }
	if _, _, err := run.Do(t.Context()); !errors.Is(err, context.Canceled) || len(h.seen) != 1 {
		t.Fatalf("%v, %v", err, h.seen)
	}
}

// TestLostConnections loses every request and every answer, one at a time.
func TestLostConnections(t *testing.T) {
	whole := []any{op("identify", "i"), op("prepare", "p"), finished}
	for n := 1; n <= 5; n++ {
		for _, lost := range []string{"request", "answer"} {
			h := &hall{answers: slices.Clone(whole)}
			if at := map[int]bool{n: true}; lost == "request" {
				h.drop = at
			} else {
				h.lose = at
			}
			run, e, _ := begin(t, h)
			if last, _, err := run.Do(t.Context()); err != nil || last.State != StateDone {
				t.Fatalf("%s %d: %+v, %v", lost, n, last, err)
			}
			if n == 2 && !slices.Equal(e.nonces, []byte{1, 2}) {
				t.Errorf("%s %d: an opening was sent again under its nonce: %v", lost, n, e.nonces)
			}
		}
	}
}

// TestOrigin: nothing is signed for another origin than the one reached.
func TestOrigin(t *testing.T) {
	for _, other := range []string{"https://hall.example", "http://127.0.0.1", "https://127.0.0.1:1", "null", "::"} {
		run, e, _ := begin(t, &hall{poses: other})
		if _, _, err := run.Do(t.Context()); !errors.Is(err, ErrOrigin) || len(e.nonces) != 0 {
			t.Errorf("%q: %v", other, err)
		}
	}
	for _, bad := range []string{"", "hall.example", "ftp://hall.example", "file:///x", ":"} {
		run, _, _ := begin(t, &hall{})
		run.Server.(*HTTP).Base = bad
		if _, _, err := run.Do(t.Context()); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for a, b := range map[string]string{
		"https://Hall.example/": "https://hall.example:443", "http://hall.example:80/x": "http://hall.example", "http://[::1]:8083": "http://[::1]:8083/",
	} {
		if origin(a) == "" || origin(a) != origin(b) {
			t.Errorf("%s is not %s", a, b)
		}
	}
}

func TestUnreachable(t *testing.T) {
	run, _, waits := begin(t, &hall{})
	run.Server.(*HTTP).Base = "http://127.0.0.1:1"
	if _, _, err := run.Do(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Fatal(err)
	}
	if len(*waits) != retries-1 {
		t.Error(*waits)
	}
}

// TestLateReply: a reply that came too late is dropped, and what next is asked.
func TestLateReply(t *testing.T) {
	h := &hall{answers: []any{op("identify", "i"), http.StatusConflict, finished}}
	run, _, _ := begin(t, h)
	if last, _, err := run.Do(t.Context()); err != nil || last.State != StateDone {
		t.Fatalf("%+v, %v", last, err)
	}
	if got := strings.Join(h.seen, "|"); got != "|re:i|" {
		t.Error(got)
	}
}

func TestEnds(t *testing.T) {
	suspended := Next{State: StateOpen, Step: "prepare", Problem: &Problem{Code: "suspended"}}
	for name, s := range map[string]struct {
		answer any
		want   string
	}{
		"refused":        {Next{State: StateRefused, Step: "identify", Problem: &Problem{Code: "too-early"}}, "too-early"},
		"closed":         {Next{State: StateClosed}, ErrEnded.Code},
		"needs reissue":  {Next{State: StateNeedsReissue}, ErrReissue.Code},
		"halted":         {suspended, "suspended"},
		"waiting":        {Next{State: StateOpen, Wait: &Wait{AfterMS: 3000, Reason: "sealed"}}, ErrWaiting.Code},
		"circles":        {op("install", "x"), ErrNoProgress.Code},
		"wrong code":     {Next{State: StateOpen, Ask: &Ask{Kind: AskCode, Sent: true}, Problem: &Problem{Code: "code-wrong"}}, "code-wrong"},
		"status":         {http.StatusForbidden, "out-of-turn"},
		"gateway":        {http.StatusBadGateway, "out-of-turn"},
		"another status": {http.StatusTeapot, "out-of-turn"},
	} {
		run, _, _ := begin(t, &hall{answers: []any{s.answer}})
		_, _, err := run.Do(t.Context())
		if got := certhall.AsError(err); got.Code != s.want {
			t.Errorf("%s: %v", name, err)
		}
		if status, ok := s.answer.(int); ok {
			if m, hint, ok := Words(err); !ok || m != "said by the hall" || hint != "do this" {
				t.Errorf("%d: %q %q", status, m, hint)
			}
		}
	}
}

// TestLeftover: a case that is done stays done, even if the errand after it fails.
func TestLeftover(t *testing.T) {
	errand := finished
	errand.Operation, errand.Message = "retire", []byte("r")
	run, e, _ := begin(t, &hall{answers: []any{errand}})
	e.err = token.ErrRemoved
	last, leftover, err := run.Do(t.Context())
	if err != nil || !errors.Is(leftover, token.ErrRemoved) || last.Result == nil {
		t.Fatalf("%+v, %v, %v", last, leftover, err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"state":"done"}`))
	f.Add(200, []byte(`{"operation":"identify","message":"AAAA"}`))
	f.Add(409, []byte(`{"code":"x"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 200 + (status%400+400)%400
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/api/openings":
				_ = json.NewEncoder(w).Encode(Nonce{Origin: "http://" + r.Host})
				return
			case "/api/cases":
				_ = json.NewEncoder(w).Encode(CaseRef{Case: "c1"})
				return
			}
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}))
		defer server.Close()
		wait := func(context.Context, time.Duration) error { return nil }
		run := Run{Server: &HTTP{Base: server.URL, Wait: wait}, Agent: &echo{}, Person: answering{}, Wait: wait, KeySerial: "SK1", Patience: time.Second}
		if last, _, err := run.Do(t.Context()); err == nil && last.State != StateDone {
			t.Errorf("%+v", last)
		}
	})
}

// TestOver: whoever has the key asks the hall, without signing anything, which
// of its pairs had their day; of what was not asked about nothing is believed.
func TestOver(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Serials []certhall.Serial }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/api/certificates/kinds" || !slices.Equal(in.Serials, []certhall.Serial{"0a", "0b", "0c"}) {
			t.Error(r.URL, in, err)
		}
		_, _ = w.Write([]byte(`{"kinds":[{"serial":"0b","project":"gov"},{"serial":"0a","project":"gov","over":"superseded"},{"serial":"0d","over":"revoked"}]}`))
	}))
	t.Cleanup(server.Close)
	h := HTTP{Base: server.URL}
	over, err := h.Over(t.Context(), []certhall.Serial{"0a", "0b", "0c"})
	if err != nil || !slices.Equal(over, []certhall.Serial{"0a"}) {
		t.Errorf("%v, %v", over, err)
	}
	if over, err = h.Over(t.Context(), nil); err != nil || over != nil {
		t.Errorf("of none: %v, %v", over, err)
	}
}
