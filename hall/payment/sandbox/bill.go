package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Misprint changes the bills that are made, so that a reconciliation has
// something to find.
type Misprint func([]payment.BillRow) []payment.BillRow

// Misprint sets what is done to every bill from now on; nil: nothing.
func (b *Bank) Misprint(m Misprint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.misprint = m
}

// bill lists what moved on a day of Beijing; bills are made on the next day at ten.
func (b *Bank) bill(day time.Time) ([]payment.BillRow, *refusal) {
	return do(b, func(now time.Time) ([]payment.BillRow, *refusal) {
		year, month, date := day.In(certhall.Beijing).Date()
		from := time.Date(year, month, date, 0, 0, 0, 0, certhall.Beijing)
		to := from.AddDate(0, 0, 1)
		if now.Before(to.Add(10 * time.Hour)) {
			return nil, &notYet
		}
		within := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
		var rows []payment.BillRow
		for _, o := range b.books.Orders {
			if within(o.PaidAt) {
				rows = append(rows, payment.BillRow{At: o.PaidAt, Order: o.Order, Transaction: o.Transaction, Amount: o.Amount, State: paid})
			}
		}
		for _, r := range b.books.Refunds {
			if within(r.Made) {
				rows = append(rows, payment.BillRow{At: r.Made, Order: r.Order, Transaction: b.books.Orders[r.Order].Transaction, Refund: r.Refund, Amount: r.Amount, State: refundWords[r.State]})
			}
		}
		slices.SortFunc(rows, func(x, y payment.BillRow) int {
			return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Order, y.Order), cmp.Compare(x.Refund, y.Refund))
		})
		if b.misprint != nil {
			rows = b.misprint(rows)
		}
		if len(rows) == 0 {
			return nil, &noStatement
		}
		return rows, nil
	})
}

// printBill writes a bill of type ALL as WeChat Pay does.
func printBill(rows []payment.BillRow) []byte {
	var text strings.Builder
	var sum, back certhall.Money
	text.WriteString("交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
		"微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n")
	for _, r := range rows {
		total, refund, number, kind, state, refundState := r.Amount, certhall.Money(0), "0", "", r.State, ""
		if r.Refund != "" {
			total, refund, number, kind, state, refundState = 0, r.Amount, string(r.Refund), "ORIGINAL", refunded, r.State
		}
		sum, back = sum+total, back+refund
		values(&text, certhall.DateTime(r.At), App, Merchant, "0", "", r.Transaction, string(r.Order), payer, "NATIVE", state, "OTHERS", currency,
			total.String(), "0.00", "0", number, refund.String(), "0.00", kind, refundState, "证书服务", "", "0.00000", "0.60%", total.String(), refund.String(), "")
	}
	text.WriteString("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n")
	values(&text, fmt.Sprint(len(rows)), sum.String(), back.String(), "0.00", "0.00000", sum.String(), back.String())
	return []byte(text.String())
}

func values(text *strings.Builder, cells ...string) {
	text.WriteString("`" + strings.Join(cells, ",`") + "\r\n")
}
