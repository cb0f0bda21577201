package e2e

import (
	"context"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/jobs"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// priced offers the demo's catalogue, at a price where it costs nothing.
type priced struct{ offers *catalog.Catalog }

func (p priced) Current(context.Context) (*catalog.Catalog, error) { return p.offers, nil }

func pricedAt(t *testing.T, price certhall.Money) priced {
	t.Helper()
	draft, err := demo.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	c := draft.Catalog
	c.Version = 1
	for _, o := range c.Offers {
		for i := range o.Products {
			if o.Project == demo.Procurement {
				o.Products[i].Price = price
			}
		}
	}
	return priced{c}
}

// counted is a till whose channel is the test: a code to pay by for every order.
type counted struct {
	store *hallstore.Store
	made  chan certhall.OrderID
}

func (*counted) Channel() string { return "wechat" }

func (c *counted) Ready(ctx context.Context, id certhall.OrderID) (o orders.Order, err error) {
	err = c.store.Write(ctx, func(w services.Writer) error {
		stored, err := w.LockOrder(id)
		if err != nil {
			return err
		}
		o = *stored
		o.CodeURL = "weixin://wxpay/bizpayurl?pr=" + string(id)
		return w.SaveOrder(o)
	})
	c.made <- id
	return o, err
}

func (c *counted) pay(ctx context.Context, id certhall.OrderID) error {
	now := time.Now()
	return c.store.Till().Write(ctx, func(w payment.Writer) error {
		o, err := w.LockOrder(id)
		if err != nil {
			return err
		}
		p := payment.Received{Number: "T1", Order: id, Channel: "wechat", Amount: o.Total, Currency: "CNY", Verdict: payment.Taken, PaidAt: now, SeenAt: now}
		if _, err := w.AddPayment(p); err != nil {
			return err
		}
		_, err = orders.Settle(w, *o, p.Number, now, now)
		return err
	})
}

// TestPaidAtATerminal buys a renewal: the price is shown and agreed to, the
// code is drawn, Ctrl-C leaves the order and the same command goes on with it;
// a script without leave to pay makes none.
func TestPaidAtATerminal(t *testing.T) {
	t.Parallel()
	s := newStack(t, "sqlite-file")
	var queue *jobs.Queue
	s.openHall("sqlite-file", func(db *sqldb.DB) (_ hallstore.Enqueuer) {
		var err error
		if queue, err = jobs.New(t.Context(), db, jobs.Options{}); err != nil {
			t.Fatal(err)
		}
		return queue
	})
	till := &counted{store: s.hall, made: make(chan certhall.OrderID, 1)}
	s.counter.Catalog, s.counter.Till = pricedAt(t, 200_00), till
	defer s.works(queue)()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root.cer")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.authority.Founded.Root.Certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(flags string) *session {
		return runLine(t, filepath.Dir(bin), "exec "+bin+"/certhall-agent "+flags, "LANG=zh_CN.UTF-8", "LC_ALL=", "LC_MESSAGES=",
			"CERTHALL_SERVER="+s.origin, "CERTHALL_AUTHORITY="+root, "CERTHALL_KEYS="+s.keys)
	}
	const typePIN, typePhone, typeCode, buy = `请输入钥匙[^\n]*PIN[^\n]*：`, `请输入手机号码[^\n]*：`, `短信验证码已发送[^\n]*：`, `购买并支付 ¥200.00？[^\n]*`
	begin := func(flags string, sooner time.Duration) *session {
		s.clock.Set(time.Now().Add(sooner)) // a phone gets one code a minute
		a := run(flags)
		a.waitFor(typePIN)
		a.answer(s.pin)
		if sooner == 0 {
			a.waitFor(typePhone)
			a.answer(s.phone)
		}
		a.waitFor(typeCode)
		a.answer(s.lastCode())
		return a
	}
	first := begin("renew", 0)
	first.waitFor(`政府采购项目-海泰KEY  ¥200.00 × 1 年 = ¥200.00`)
	first.waitFor(buy)
	first.answer("n")
	if out := first.ends(3); !strings.Contains(out, "没有下单，没有扣款，旧证书仍然可用") {
		t.Error(out)
	}
	second := begin("renew", 2*time.Minute)
	second.waitFor(buy)
	second.answer("y")
	order := <-till.made
	second.waitFor(`█`)
	second.waitFor(`pr=` + string(order))
	second.waitFor(`等待支付，剩余 [23]\d:\d\d`)
	if err := syscall.Kill(second.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	second.ends(6)
	third := begin("renew --all", 4*time.Minute)
	third.waitFor(`pr=` + string(order)) // nothing is agreed to again
	if err := till.pay(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	third.waitFor(`订单支付成功 ¥200.00`)
	third.waitFor(`延期成功`)
	third.waitFor(`回车`)
	third.answer("q")
	if out := third.ends(0); strings.Contains(out, "购买并支付") {
		t.Error(out)
	}
	s.sound()
}
