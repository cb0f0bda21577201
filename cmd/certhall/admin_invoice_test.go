package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/locale"
)

// TestInvoicesToBeDone: what waits for an officer, with its amount: requested
// ones, and those that were refunded since they were issued.
func TestInvoicesToBeDone(t *testing.T) {
	billed := func(title string, s orders.InvoiceStanding, refunds ...orders.Refund) orders.Billed {
		i := orders.Invoice{InvoiceRequest: orders.InvoiceRequest{Title: title}, Order: "o1", Standing: s}
		if s == orders.InvoiceIssued {
			i.Amount, i.Number = 40000, "n1"
		}
		return orders.Billed{Order: orders.Order{Standing: orders.Paid, Total: 40000}, Refunds: refunds, Invoice: &i}
	}
	back := orders.Refund{Standing: orders.RefundDone, Amount: 15000}
	all := []orders.Billed{
		billed("某公司甲", orders.InvoiceRequested, back), billed("某公司乙", orders.InvoiceIssued), billed("某公司丙", orders.InvoiceIssued, back), billed("某公司丁", orders.InvoiceRefused),
	}
	var out bytes.Buffer
	env := &environment{out: &out, lang: locale.Chinese}
	if err := env.invoices(tableFlags{Format: "csv"}, all, true); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(rows) != 3 || !strings.Contains(rows[1], "待开,某公司甲,,,250.00,") || !strings.Contains(rows[2], "已开,某公司丙,,,400.00,n1,150.00,") {
		t.Errorf("%s", out.String())
	}
}

func TestDayOfAnInvoice(t *testing.T) {
	if day, err := dayOf("2026-12-14"); err != nil || !day.Equal(time.Date(2026, 12, 13, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("%v, %v", day, err)
	}
	if _, err := dayOf("14.12.2026"); !errors.Is(err, errInvoiceDay) {
		t.Errorf("%v", err)
	}
}

// TestAllInvoices: none is left out where there are more than are read at once,
// nor where many changed in one moment.
func TestAllInvoices(t *testing.T) {
	var kept []orders.Billed
	for i := range 10 {
		at := time.Unix(int64(max(i, 5)), 0) // the first six in one moment
		kept = append(kept, orders.Billed{Order: orders.Order{ID: certhall.OrderID(fmt.Sprint(i))}, Invoice: &orders.Invoice{ChangedAt: at}})
	}
	got, err := allInvoices(time.Time{}, 2, func(since time.Time, limit int) (piece []orders.Billed, err error) {
		for _, b := range kept {
			if !b.Invoice.ChangedAt.Before(since) && len(piece) < limit {
				piece = append(piece, b)
			}
		}
		return piece, nil
	})
	if err != nil || len(got) != len(kept) {
		t.Errorf("%d of %d: %v", len(got), len(kept), err)
	}
}
