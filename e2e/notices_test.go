package e2e

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// trade is the demo's hall with a buyer and WeChat Pay, and what they did.
type trade struct {
	*testing.T
	h     *house
	buyer visitor
	pay   *wechatPay
	made  []string // orders
}

// order makes one that is to be paid.
func (w *trade) order(serials ...string) bought {
	w.Helper()
	b := w.buyer.orders(serials...)
	w.made = append(w.made, b.Order)
	return b
}

// takes sends a notice that is to be settled.
func (w *trade) takes(what string, m *message) {
	w.Helper()
	if status := w.pay.send(m); status != http.StatusNoContent {
		w.Errorf("%s is answered with %d", what, status)
	}
}

// TestNotices plays WeChat Pay at the callback address of the demo: what is not
// to be believed changes nothing, what is counts once, whenever it comes; in the
// end the money that the sandbox has equals what was bought and not refunded.
func TestNotices(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.charges()
	w := &trade{T: t, h: h, buyer: h.logIn(), pay: h.wechatPay()}
	w.pay.calm()
	serials := w.buyer.renewable()
	if len(serials) != 3 {
		t.Fatalf("%d certificates can be renewed", len(serials))
	}
	a, b, c := serials[0], serials[1], serials[2]

	first := w.order(a, b)
	if first.CodeURL == "" || first.Standing != "unpaid" {
		t.Fatal(first)
	}
	heard := w.slow()
	w.forged(first)
	heard()
	w.unasked(first)
	first = w.repeated(first)
	w.second(first, "T-second")
	first = w.refunds(first)
	w.second(first, "T-after-the-refund")
	w.late(a, func() { w.early(c) })
	w.killed(a)
	w.addsUp()
}

// slow begins more notices than are looked at at once, and leaves them unfinished.
// The hall gives them up by itself.
func (w *trade) slow() (heard func()) {
	w.Helper()
	var all []net.Conn
	for range 20 {
		c := must(net.Dial("tcp", w.h.listen))
		w.Cleanup(func() { c.Close() })
		must(io.WriteString(c, "POST /api/payment/notice HTTP/1.1\r\nHost: "+w.h.listen+"\r\nContent-Length: 1000\r\n\r\n{"))
		all = append(all, c)
	}
	return func() {
		w.Helper()
		for _, c := range all {
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, " 403 ") {
				w.Errorf("half a notice is answered with %q %v", line, err)
			}
		}
	}
}

// forged sends what must not be believed.
func (w *trade) forged(o bought) {
	w.Helper()
	other := must(rsa.GenerateKey(rand.Reader, 2048))
	before := w.buyer.order(o.Order)
	for _, f := range []struct {
		what string
		do   func(*message)
	}{
		{"no signature", func(m *message) { m.header.Set("Wechatpay-Signature", "") }},
		{"a wrong signature", func(m *message) {
			m.header.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(make([]byte, 256)))
		}},
		{"a signature of another message", func(m *message) { m.header.Set("Wechatpay-Nonce", "another") }},
		{"another key", func(m *message) { m.key = other }},
		{"an unknown serial", func(m *message) { m.serial = wechatKeyID[:len(wechatKeyID)-1] + "2" }},
		{"no serial", func(m *message) { m.serial = "" }},
		{"six minutes old", func(m *message) { m.at = m.at.Add(-6 * time.Minute) }},
		{"six minutes ahead", func(m *message) { m.at = m.at.Add(6 * time.Minute) }},
		{"a fresh time put over an old one", func(m *message) {
			m.at = m.at.Add(-6 * time.Minute)
			m.header.Set("Wechatpay-Timestamp", fmt.Sprint(time.Now().Unix()))
		}},
		{"no time", func(m *message) { m.header.Set("Wechatpay-Timestamp", "") }},
		{"a time out of all bounds", func(m *message) { m.at = time.Unix(-1<<62, 0) }},
		{"changed after signing", func(m *message) {
			m.spoil = func(b []byte) []byte {
				return bytes.Replace(b, []byte("encrypt-resource"), []byte("Encrypt-resource"), 1)
			}
		}},
		{"a space more after signing", func(m *message) { m.spoil = func(b []byte) []byte { return append(b, ' ') } }},
		{"another APIv3 key", func(m *message) { m.secret = []byte(strings.Repeat("k", 32)) }},
		{"other associated data", func(m *message) { m.told = "refund" }},
		{"no associated data", func(m *message) { m.told = "" }},
		{"another merchant", func(m *message) { m.content["mchid"] = "1900000002" }},
		{"no merchant", func(m *message) { delete(m.content, "mchid") }},
		{"another app", func(m *message) { m.content["appid"] = "wx0000000000000002" }},
		{"NOTPAY", func(m *message) { m.content["trade_state"] = "NOTPAY" }},
		{"CLOSED", func(m *message) { m.content["trade_state"] = "CLOSED" }},
		{"REFUND", func(m *message) { m.content["trade_state"] = "REFUND" }},
		{"no state", func(m *message) { delete(m.content, "trade_state") }},
		{"another event", func(m *message) { m.event = "TRANSACTION.CLOSED" }},
		{"the event of a refund", func(m *message) { m.event = "REFUND.SUCCESS" }},
		{"no number of the payment", func(m *message) { m.content["transaction_id"] = "" }},
		{"no order", func(m *message) { m.content["out_trade_no"] = "" }},
		{"no time of the payment", func(m *message) { m.content["success_time"] = "" }},
		{"more", func(m *message) { m.amount["total"] = o.Total + 1 }},
		{"less", func(m *message) { m.amount["total"] = 1 }},
		{"nothing", func(m *message) { m.amount["total"] = 0 }},
		{"less than nothing", func(m *message) { m.amount["total"] = -o.Total }},
		{"an amount of half a fen", func(m *message) { m.amount["total"] = float64(o.Total) + 0.5 }},
		{"an amount in words", func(m *message) { m.amount["total"] = fmt.Sprint(o.Total) }},
		{"no amount", func(m *message) { delete(m.content, "amount") }},
		{"another currency", func(m *message) { m.amount["currency"] = "USD" }},
		{"no currency", func(m *message) { delete(m.amount, "currency") }},
		{"no JSON", func(m *message) { m.spoil = func([]byte) []byte { return []byte("{") } }},
		{"nothing sent", func(m *message) { m.spoil = func([]byte) []byte { return nil } }},
		{"a form", func(m *message) {
			m.header.Set("Content-Type", "application/x-www-form-urlencoded")
			m.spoil = func([]byte) []byte { return []byte("out_trade_no=" + o.Order) }
		}},
	} {
		m := w.pay.paid(o.Order, "T-forged", o.Total, time.Now())
		f.do(m)
		if status := w.pay.send(m); status != http.StatusForbidden {
			w.Errorf("%s: answered with %d", f.what, status)
		}
		if now := w.buyer.order(o.Order); now.String() != before.String() {
			w.Fatalf("%s: the order was %v, is %v", f.what, before, now)
		}
	}
	for _, text := range []string{"", "null", "[]", `{"event_type":7}`, "\x00\xff", `{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"none"}}`,
		`{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"short","ciphertext":"AAAA"}}`} {
		if status := w.pay.sends(w.pay.request(w.pay.paid("", "", 0, time.Now()), []byte(text))); status != http.StatusForbidden {
			w.Errorf("%q, well signed: answered with %d", text, status)
		}
	}
	huge := w.pay.paid(o.Order, "T-forged", o.Total, time.Now())
	huge.content["attach"] = strings.Repeat("x", 10<<20)
	if status := w.pay.send(huge); status != 0 && status/100 != 4 {
		w.Errorf("10 MB: answered with %d", status)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		m := w.pay.paid(o.Order, "T-forged", o.Total, time.Now())
		if m.method = method; w.pay.send(m) != http.StatusMethodNotAllowed {
			w.Errorf("%s is allowed", method)
		}
	}
	if now := w.buyer.order(o.Order); now.String() != before.String() || now.CodeURL != o.CodeURL {
		w.Fatalf("the order was %v, is %v", before, now)
	}
	stray := w.pay.paid("20990101000000000000000000000000", "T-stray", 12_34, time.Now())
	w.takes("a payment of no order", stray)
	w.takes("the same again", stray)
}

// unasked tells of another amount while the channel cannot be asked: nothing is
// settled, and the order can still be paid.
func (w *trade) unasked(o bought) {
	w.Helper()
	w.pay.upset("query", "lose", always, 0)
	if status := w.pay.send(w.pay.paid(o.Order, "T-unasked", o.Total-1, time.Now())); status != http.StatusServiceUnavailable {
		w.Errorf("another amount while nobody can be asked is answered with %d", status)
	}
	if now := w.buyer.order(o.Order); now.Standing != "unpaid" || now.CodeURL == "" {
		w.Errorf("the order is %v", now)
	}
}

// repeated pays and says so twenty times at once.
func (w *trade) repeated(o bought) bought {
	w.Helper()
	at, ok := w.pay.pay(o.Order)
	if !ok {
		w.Fatal("the order cannot be paid")
	}
	if now := w.buyer.order(o.Order); now.Standing != "unpaid" {
		w.Fatalf("paid before anybody said so: %v", now)
	}
	var all sync.WaitGroup
	answers := make(chan int, 20)
	for range cap(answers) {
		all.Go(func() { answers <- w.pay.send(w.pay.settles(at)) })
	}
	all.Wait()
	close(answers)
	got := map[int]int{}
	for status := range answers {
		got[status]++
	}
	if got[http.StatusNoContent] == 0 || got[http.StatusNoContent]+got[http.StatusTooManyRequests]+got[http.StatusServiceUnavailable] != 20 {
		w.Errorf("twenty at once are answered with %v", got)
	}
	again := w.pay.settles(at)
	again.header.Set("Content-Type", "text/plain") // its signature counts
	w.takes("once more", again)
	b := w.buyer.order(o.Order)
	if b.Standing != "paid" || b.Open != 2 || b.Transaction != at.Transaction || b.Refunded != 0 || len(b.Refunds) != 0 {
		w.Fatalf("the order is %v", b)
	}
	return b
}

// second tells of another payment of a paid order, which the channel then knows
// nothing of: an officer sees to that; what was bought stays.
func (w *trade) second(o bought, number string) {
	w.Helper()
	w.takes("a second payment", w.pay.paid(o.Order, number, o.Total, time.Now()))
	w.takes("a second payment, again", w.pay.paid(o.Order, number, o.Total, time.Now()))
	before := len(o.Refunds)
	b := w.buyer.becomes(o.Order, "seen to", func(b bought) bool {
		return len(b.Refunds) > before && !strings.Contains(fmt.Sprint(b.Refunds), "wanted")
	})
	failed := 0
	for _, r := range b.Refunds {
		if r.Whole && r.Standing == "failed" && r.Amount == o.Total {
			failed++
		}
	}
	if failed == 0 || b.Standing != "paid" || b.Open != o.Open || b.Refunded != o.Refunded || b.Transaction != o.Transaction {
		w.Errorf("the order was %v, is %v", o, b)
	}
}

// refunds gives the money of the first line back: only the true notice ends it.
func (w *trade) refunds(o bought) bought {
	w.Helper()
	w.pay.upset("query-refund", "lose", always, 0)
	w.buyer.refund(o, 0)
	var at bankRefund
	if !eventually(func() bool {
		for _, r := range w.pay.books().Refunds {
			at = r
		}
		return at.State == "done"
	}) {
		w.Fatal("the channel was never asked for the refund")
	}
	paid := w.pay.books().Orders[o.Order]
	state := func(b bought) string {
		for _, r := range b.Refunds {
			if r.Refund == at.Refund {
				return r.Standing + " " + b.Lines[0].State + " " + b.Lines[1].State
			}
		}
		return ""
	}
	w.buyer.becomes(o.Order, "sent", func(b bought) bool { return state(b) == "sent refunding open" })
	other := must(rsa.GenerateKey(rand.Reader, 2048))
	for _, f := range []struct {
		what string
		do   func(*message)
	}{
		{"another key", func(m *message) { m.key = other }},
		{"changed after signing", func(m *message) { m.spoil = func(b []byte) []byte { return append(b, ' ') } }},
		{"six minutes old", func(m *message) { m.at = m.at.Add(-6 * time.Minute) }},
		{"another merchant", func(m *message) { m.content["mchid"] = "1900000002" }},
		{"another APIv3 key", func(m *message) { m.secret = []byte(strings.Repeat("k", 32)) }},
		{"an event that says otherwise", func(m *message) { m.event = "REFUND.CLOSED" }},
		{"PROCESSING", func(m *message) { m.content["refund_status"] = "PROCESSING" }},
		{"the event of a payment", func(m *message) { m.event = "TRANSACTION.SUCCESS" }},
		{"no number", func(m *message) { m.content["out_refund_no"] = "" }},
		{"nothing", func(m *message) { m.amount["refund"] = 0 }},
		{"no time", func(m *message) { delete(m.content, "success_time") }},
	} {
		m := w.pay.refunded(at, paid)
		f.do(m)
		if status := w.pay.send(m); status != http.StatusForbidden {
			w.Errorf("a refund with %s: answered with %d", f.what, status)
		}
		if now := state(w.buyer.order(o.Order)); now != "sent refunding open" {
			w.Fatalf("a refund with %s: is %s", f.what, now)
		}
	}
	unknown := w.pay.refunded(at, paid)
	unknown.content["out_refund_no"] = "20990101000000000000000000000000"
	w.takes("a refund that nobody asked for", unknown)
	less, elsewhere := w.pay.refunded(at, paid), w.pay.refunded(at, paid)
	less.amount["refund"] = at.Amount - 1
	elsewhere.content["out_trade_no"] = "20990101000000000000000000000000"
	for _, m := range []*message{less, elsewhere} { // an officer is to look
		w.takes("a refund of another amount or order", m)
		if now := state(w.buyer.order(o.Order)); now != "failed refunding open" {
			w.Errorf("a refund of another amount or order: is %s", now)
		}
	}
	for range 3 {
		w.takes("the refund", w.pay.refunded(at, paid))
	}
	closed := w.pay.refunded(at, paid)
	closed.event, closed.content["refund_status"] = "REFUND.CLOSED", "CLOSED"
	w.takes("the end of a refund that is done", closed)
	w.takes("the payment, after its refund", w.pay.settles(paid))
	b := w.buyer.order(o.Order)
	if state(b) != "done refunded open" || b.Refunded != o.Lines[0].Subtotal || at.Amount != b.Refunded || b.Open != 1 || b.Standing != "paid" {
		w.Errorf("the order is %v", b)
	}
	return b
}

// late pays an order that the hall has closed: the request to make it payable was
// on its way until then. What is done meanwhile is somebody else's order.
func (w *trade) late(serial string, meanwhile func()) {
	w.Helper()
	w.pay.calm()
	w.pay.upset("prepay", "late", 1, 20_000)
	w.pay.upset("prepay", "lose", 4, 0)
	o := w.order(serial)
	if status := w.buyer.asks(http.MethodPost, "/api/orders/"+o.Order+"/cancel", "", nil); status != http.StatusOK {
		w.Fatalf("an order is cancelled with %d", status)
	}
	w.buyer.becomes(o.Order, "closed", func(b bought) bool { return b.Standing == "closed" })
	w.pay.calm()
	meanwhile()
	var at bankOrder
	if !eventually(func() (ok bool) { at, ok = w.pay.pay(o.Order); return ok }) {
		w.Fatal("the order cannot be paid late")
	}
	for range 2 {
		w.takes("a late payment", w.pay.settles(at))
	}
	b := w.buyer.becomes(o.Order, "given back", func(b bought) bool { return len(b.Refunds) == 1 && b.Refunds[0].Standing == "done" })
	if b.Standing != "closed" || !b.Refunds[0].Whole || b.Refunds[0].Amount != o.Total || b.Open != 0 {
		w.Errorf("the order is %v", b)
	}
}

// early pays an order before the hall knows that it can be paid.
func (w *trade) early(serial string) {
	w.Helper()
	known := w.pay.books().Orders
	w.pay.upset("prepay", "slow", 1, 0)
	w.pay.upset("query", "lose", always, 0)
	made := make(chan bought, 1)
	go func() { defer close(made); made <- w.buyer.orders(serial) }()
	var at bankOrder
	if !eventually(func() bool {
		for id, o := range w.pay.books().Orders {
			if _, old := known[id]; !old {
				at = o
			}
		}
		return at.Order != ""
	}) {
		w.Fatal("the channel was never asked")
	}
	at, ok := w.pay.pay(at.Order)
	if !ok {
		w.Fatal("the order cannot be paid early")
	}
	w.takes("a payment before the order's code", w.pay.settles(at))
	w.pay.control(http.MethodPost, "release", "{}", nil)
	o := <-made
	w.made = append(w.made, o.Order)
	if b := w.buyer.order(o.Order); b.Standing != "paid" || b.Open != 1 || b.CodeURL != "" || o.Order != at.Order || len(b.Refunds) != 0 {
		w.Errorf("the order is %v", b)
	}
}

// killed ends the hall as soon as it has answered.
func (w *trade) killed(serial string) {
	w.Helper()
	w.pay.upset("query", "lose", always, 0)
	o := w.order(serial)
	earlier := w.buyer.order(w.made[0])
	w.takes("the payment of another order", w.pay.paid(o.Order, earlier.Transaction, o.Total, time.Now()))
	if now := w.buyer.order(o.Order); now.Standing != "unpaid" || now.CodeURL == "" {
		w.Errorf("paid by the payment of another order: %v", now)
	}
	at, ok := w.pay.pay(o.Order)
	if !ok {
		w.Fatal("the order cannot be paid")
	}
	status := w.pay.send(w.pay.settles(at))
	w.h.stop(syscall.SIGKILL)
	if status != http.StatusNoContent {
		w.Fatalf("the notice is answered with %d", status)
	}
	counts(w.T, w.h.says("bin/certhall admin payment list --dir .demo --order "+o.Order), map[string]int{at.Transaction: 1, " taken ": 1})
	w.h.start()
	w.pay.find(w.h)
	if b := w.buyer.order(o.Order); b.Standing != "paid" || b.Open != 1 || b.Transaction != at.Transaction {
		w.Errorf("after the restart the order is %v", b)
	}
	w.takes("the notice again, after the restart", w.pay.settles(at))
}

// addsUp compares what the sandbox has with what was bought, and what officers
// are shown with what was odd; then what was bought is used.
func (w *trade) addsUp() {
	w.Helper()
	const renew = "export CERTHALL_KEYS=.demo/keys CERTHALL_AUTHORITY=.demo/authority/root.cer; exec bin/certhall-agent renew --all"
	for _, used := range []map[string]int{{"open": 3}, {"spent": 3}} {
		has, owed, states := int64(0), int64(0), map[string]int{}
		for _, id := range w.made {
			for _, l := range w.buyer.order(id).Lines {
				if states[l.State]++; l.State == "open" || l.State == "spent" {
					owed += l.Subtotal
				}
			}
		}
		books := w.pay.books()
		for _, o := range books.Orders {
			if !o.PaidAt.IsZero() {
				has += o.Amount
			}
		}
		for _, r := range books.Refunds {
			if r.State != "done" {
				w.Errorf("the sandbox has a refund %v", r)
			}
			has -= r.Amount
		}
		if has != owed || len(books.Orders) != len(w.made) || len(books.Refunds) != 2 {
			w.Errorf("the sandbox has %d fen, the hall owes rights of %d: %v", has, owed, books)
		}
		for state, n := range used {
			if states[state] != n || states["refunded"] != 1 || states["refunding"] != 0 {
				w.Errorf("rights: %v", states)
			}
		}
		if out := w.h.says("bin/certhall fsck --dir .demo"); strings.Contains(out, "BROKEN") {
			w.Error(out)
		}
		if used["open"] > 0 {
			if code, out := w.h.does(renew); code != 0 || !strings.Contains(out, "3 done, 0 open, 0 failed") || strings.Contains(out, "Buy this") {
				w.Errorf("exit code %d:\n%s", code, out)
			}
		}
	}
	day := time.Now().AddDate(0, 0, -2).Format(time.DateOnly) // the sandbox has its bill at any hour
	w.h.says("bin/certhall admin payment reconcile --dir .demo --reason trial " + day)
	var out string
	eventually(func() bool {
		out = w.h.says("bin/certhall admin payment differences --dir .demo")
		return strings.Count(out, "refund not settled") == 2
	})
	counts(w.T, out, map[string]int{"refund not settled": 2, "stray payment": 1, "T-stray": 1, "T-second": 1, "T-after-the-refund": 1})
	counts(w.T, w.h.says("bin/certhall admin payment list --dir .demo"), map[string]int{
		" taken ": 3, "second payment": 2, "late: ": 1, "stray: ": 1, "wrong amount": 0, "T-forged": 0, "T-unasked": 0})
}
