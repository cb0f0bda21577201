package wechat

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Columns of a bill that we read, by their heading.
const (
	colTime         = "交易时间"
	colMerchant     = "商户号"
	colTransaction  = "微信订单号"
	colOrder        = "商户订单号"
	colState        = "交易状态"
	colCurrency     = "货币种类"
	colRefund       = "商户退款单号"
	colRefundState  = "退款状态"
	colTotal        = "订单金额"
	colRefundAmount = "申请退款金额"
	colRows         = "总交易单数"
	colSum          = "订单总金额"
	colRefundSum    = "申请退款总金额"
)

// readBill reads a bill of type ALL: a heading, rows, a heading of sums, and the
// sums, which must agree with the rows. Every value follows a backtick, so that
// sheets leave long numbers alone; that is also what parts them, since a
// description may hold commas.
func readBill(file []byte, merchant string) ([]payment.BillRow, error) {
	lines := strings.FieldsFunc(strings.TrimPrefix(string(file), "\ufeff"), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) < 3 {
		return nil, fmt.Errorf("wechat: a bill of %d lines", len(lines))
	}
	columns := newHeading(lines[0])
	var rows []payment.BillRow
	var paid, refunded certhall.Money
	for i, line := range lines[1 : len(lines)-2] {
		row, total, back, err := columns.row(line, merchant)
		if err != nil {
			return nil, fmt.Errorf("wechat: line %d of the bill: %w", i+2, err)
		}
		rows, paid, refunded = append(rows, row), paid+total, refunded+back
	}
	return rows, newHeading(lines[len(lines)-2]).agrees(lines[len(lines)-1], len(rows), paid, refunded)
}

// heading tells where a column stands.
type heading map[string]int

func newHeading(line string) heading {
	h := heading{}
	for i, name := range strings.Split(line, ",") {
		h[strings.TrimSpace(name)] = i
	}
	return h
}

// cells parts a line; get answers "" for a column that is not there.
func (h heading) cells(line string) (get func(column string) string, err error) {
	rest, ok := strings.CutPrefix(line, "`")
	values := strings.Split(rest, ",`")
	if !ok || len(values) != len(h) {
		return nil, fmt.Errorf("%d values under %d headings", len(values), len(h))
	}
	return func(column string) string {
		if i, ok := h[column]; ok {
			return strings.TrimSpace(values[i])
		}
		return ""
	}, nil
}

// row reads a line, with the two amounts that go into the sums.
func (h heading) row(line, merchant string) (r payment.BillRow, total, back certhall.Money, err error) {
	get, err := h.cells(line)
	if err != nil {
		return r, 0, 0, err
	}
	if m, c := get(colMerchant), get(colCurrency); m != merchant || c != currency {
		return r, 0, 0, fmt.Errorf("merchant %q, currency %q", m, c)
	}
	if r.At, err = time.ParseInLocation(time.DateTime, get(colTime), certhall.Beijing); err != nil {
		return r, 0, 0, err
	}
	if total, err = yuan(get(colTotal)); err != nil {
		return r, 0, 0, err
	}
	if back, err = yuan(get(colRefundAmount)); err != nil {
		return r, 0, 0, err
	}
	r.At, r.Order, r.Transaction = r.At.UTC(), certhall.OrderID(get(colOrder)), get(colTransaction)
	r.State, r.Amount = get(colState), total
	if refund := get(colRefund); refund != "" && refund != "0" {
		r.Refund, r.State, r.Amount = certhall.RefundID(refund), get(colRefundState), back
	}
	if r.Order == "" || r.Transaction == "" || r.State == "" || r.Amount == 0 {
		return r, 0, 0, fmt.Errorf("order, number, state or amount is missing")
	}
	return r, total, back, nil
}

// agrees compares the bill's sums with what its rows come to: a bill that broke
// off, or was read wrongly, does not.
func (h heading) agrees(line string, rows int, paid, refunded certhall.Money) error {
	get, err := h.cells(line)
	if err != nil {
		return fmt.Errorf("wechat: the sums of the bill: %w", err)
	}
	sum, err := yuan(get(colSum))
	if err != nil {
		return err
	}
	refundSum, err := yuan(get(colRefundSum))
	if err != nil {
		return err
	}
	if get(colRows) != strconv.Itoa(rows) || sum != paid || refundSum != refunded {
		return fmt.Errorf("wechat: the bill says %s rows, %s and %s; its rows are %d, %s and %s", get(colRows), sum, refundSum, rows, paid, refunded)
	}
	return nil
}

// amountBits bound an amount so that no bill's sum overflows: ten billion yuan.
const amountBits = 40

// yuan reads an amount in yuan with at most two places.
func yuan(text string) (certhall.Money, error) {
	whole, part, _ := strings.Cut(text, ".")
	if whole == "" || len(part) > 2 {
		return 0, fmt.Errorf("the amount %q is no whole number of fen", text)
	}
	fen, err := strconv.ParseUint(whole+part+"00"[len(part):], 10, amountBits)
	if err != nil {
		return 0, fmt.Errorf("the amount %q: %w", text, err)
	}
	return certhall.Money(fen), nil
}
