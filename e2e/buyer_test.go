package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// boughtLine is a line of an order as the API shows it.
type boughtLine struct {
	Entitlement, State, Serial string
	Subtotal                   int64
}

// bought is an order as the API shows it.
type bought struct {
	Order, Standing, Transaction string
	CodeURL                      string `json:"code_url"`
	Total, Refunded              int64
	Open                         int
	Lines                        []boughtLine
	Refunds                      []struct {
		Refund, Standing string
		Whole            bool
		Amount           int64
	}
}

// String is what must not change by a notice that is not to be believed.
func (b bought) String() string {
	return fmt.Sprintf("%s total %d refunded %d open %d transaction %q lines %v refunds %v", b.Standing, b.Total, b.Refunded, b.Open, b.Transaction, b.Lines, b.Refunds)
}

// asks calls the API and answers its status.
func (v visitor) asks(method, path, body string, answer any) int {
	v.t.Helper()
	r := must(http.NewRequest(method, v.base+path, strings.NewReader(body)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", rand.Text())
	reply, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode/100 == 2 && answer != nil {
		if err := json.NewDecoder(reply.Body).Decode(answer); err != nil {
			v.t.Fatal(err)
		}
	}
	return reply.StatusCode
}

// renewable are the serial numbers of what can be renewed now.
func (v visitor) renewable() (serials []string) {
	v.t.Helper()
	var list struct {
		Certificates []struct {
			Serial  string
			Actions []string
		}
	}
	if status := v.asks(http.MethodGet, "/api/certificates", "", &list); status != http.StatusOK {
		v.t.Fatal(status)
	}
	for _, c := range list.Certificates {
		if slices.Contains(c.Actions, "renew") {
			serials = append(serials, c.Serial)
		}
	}
	return serials
}

// orders buys for certificates: through the cart, which tells the price.
func (v visitor) orders(serials ...string) (b bought) {
	v.t.Helper()
	lines := `[{"serial":"` + strings.Join(serials, `"},{"serial":"`) + `"}]`
	var cart struct{ Total int64 }
	if status := v.asks(http.MethodPost, "/api/cart", `{"lines":`+lines+`}`, &cart); status != http.StatusOK || cart.Total == 0 {
		v.t.Fatalf("the cart answers %d, total %d", status, cart.Total)
	}
	if status := v.asks(http.MethodPost, "/api/orders", fmt.Sprintf(`{"lines":%s,"total":%d}`, lines, cart.Total), &b); status != http.StatusCreated || b.Standing == "" {
		v.t.Fatalf("an order is answered with %d %v", status, b)
	}
	return b
}

// order is how an order stands.
func (v visitor) order(id string) (b bought) {
	v.t.Helper()
	if status := v.asks(http.MethodGet, "/api/orders/"+id, "", &b); status != http.StatusOK {
		v.t.Fatalf("order %s is answered with %d", id, status)
	}
	return b
}

// becomes waits until an order stands as wanted.
func (v visitor) becomes(id, what string, want func(bought) bool) (b bought) {
	v.t.Helper()
	if !eventually(func() bool { b = v.order(id); return want(b) }) {
		v.t.Fatalf("order %s is never %s: %v", id, what, b)
	}
	return b
}

// refund asks for the money of a line.
func (v visitor) refund(b bought, line int) {
	v.t.Helper()
	body := fmt.Sprintf(`{"entitlements":[%q],"reason":"no longer wanted"}`, b.Lines[line].Entitlement)
	if status := v.asks(http.MethodPost, "/api/orders/"+b.Order+"/refund", body, nil); status != http.StatusOK {
		v.t.Fatalf("a refund is answered with %d", status)
	}
}

// eventually looks until something is so, as long as patience lasts.
func eventually(so func() bool) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if so() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// charges sets a price on everything that the demo offers.
func (h *house) charges() {
	h.t.Helper()
	to := filepath.Join(h.dir, "catalog")
	if err := os.CopyFS(to, os.DirFS("../demo/catalog")); err != nil { // an import numbers the file
		h.t.Fatal(err)
	}
	name := filepath.Join(to, "catalog.toml")
	text := must(os.ReadFile(name))
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(text), `price = "0.00"`, `price = "150.00"`)), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.says("bin/certhall admin catalog import --yes --force --dir .demo --reason trial catalog/catalog.toml")
}

// counts checks how often words stand in a text.
func counts(t *testing.T, text string, want map[string]int) {
	t.Helper()
	for words, n := range want {
		if got := strings.Count(text, words); got != n {
			t.Errorf("says %q %d times, want %d:\n%s", words, got, n, text)
		}
	}
}
