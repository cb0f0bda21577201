package services

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// Receipt is that of a paid order, for who made it.
func (c *Counter) Receipt(ctx context.Context, who Caller, id certhall.OrderID) (receipt orders.Receipt, err error) {
	err = c.Store.Read(ctx, func(r Reader) error {
		b, err := c.wholeOrder(r, who, id)
		if err == nil {
			receipt, err = orders.ReceiptOf(b.Order, b.made, b.refunds)
		}
		return err
	})
	return receipt, err
}

// wholeOrder is an order for who may see all of it; to others it is missing.
func (c *Counter) wholeOrder(r Reader, who Caller, id certhall.OrderID) (boughtOrder, error) {
	b, err := c.orderSeenBy(r, who, id)
	if err == nil && !b.whole {
		err = orders.ErrOrderMissing
	}
	return b, err
}
