package wechat

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// billsAt is when, on the next day, the bill of a day is there: WeChat Pay makes
// them from nine and asks merchants to come after ten.
const billsAt = 10 * time.Hour

// Bill implements payment.Channel: GET /v3/bill/tradebill, then the file that
// the answer names.
func (c *Channel) Bill(ctx context.Context, day time.Time) ([]payment.BillRow, error) {
	year, month, date := day.In(certhall.Beijing).Date()
	day = time.Date(year, month, date, 0, 0, 0, 0, certhall.Beijing)
	if c.o.Clock.Now().Before(day.AddDate(0, 0, 1).Add(billsAt)) {
		return nil, payment.ErrBill
	}
	reply, err := c.client.Get(ctx, Gateway+"/v3/bill/tradebill?"+url.Values{"bill_date": {day.Format(time.DateOnly)}, "bill_type": {"ALL"}}.Encode())
	if core.IsAPIError(err, "NO_STATEMENT_EXIST") {
		return nil, nil // the time for it has come and nothing moved
	}
	if err != nil {
		return nil, meaning(err)
	}
	var made struct {
		HashType  string `json:"hash_type"`
		HashValue string `json:"hash_value"`
		Download  string `json:"download_url"`
	}
	if err := core.UnMarshalResponse(reply.Response, &made); err != nil {
		return nil, payment.ErrChannel.Because(err)
	}
	file, err := c.download(ctx, made.Download)
	if err != nil {
		return nil, err
	}
	if sum := sha1.Sum(file); made.HashType != "SHA1" || !strings.EqualFold(hex.EncodeToString(sum[:]), made.HashValue) {
		return nil, strange("the bill is not the one whose %s is %s", made.HashType, made.HashValue)
	}
	rows, err := readBill(file, c.o.Merchant)
	if err != nil {
		return nil, payment.ErrChannel.Because(err)
	}
	return rows, nil
}

// download fetches a bill from the gateway, whatever host the address names.
func (c *Channel) download(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Path != downloadPath {
		return nil, strange("the bill lies at a strange address")
	}
	reply, err := c.client.Get(ctx, Gateway+u.RequestURI())
	if err != nil {
		return nil, meaning(err)
	}
	file, err := io.ReadAll(reply.Response.Body)
	return file, errors.Join(err, reply.Response.Body.Close())
}
