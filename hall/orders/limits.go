package orders

import (
	"strconv"
	"time"

	"github.com/certhall/certhall"
)

// Limits bound what one person asks of the channel of payment. An order counts
// once, however many lines it has; what costs nothing does not count. 0: no limit.
type Limits struct {
	Open int // orders that are not paid yet, at a time
	Day  int // orders within 24 hours that were not paid, taken back or run out
}

// What Limits answer. count: how many there are; time: from when on there is room.
var (
	ErrManyOpen  = certhall.NewError("orders-many-open", certhall.Limited)
	ErrManyToday = certhall.NewError("orders-many-today", certhall.Limited)
)

const day = 24 * time.Hour

// UnpaidCount counts a person's orders that cost something and were not paid.
type UnpaidCount struct {
	Live  int       // may still be paid
	Made  int       // since a time, live or closed
	First time.Time // when the earliest of these was made
}

// Admit tells whether a person may order once more. What it has counted holds
// until the transaction ends.
func (l Limits) Admit(w Writer, person string, now time.Time) error {
	if err := w.LockBuyer(person); err != nil {
		return err
	}
	n, err := w.UnpaidBy(person, now.Add(-day))
	switch {
	case err != nil:
		return err
	case l.Open > 0 && n.Live >= l.Open:
		return ErrManyOpen.With("count", strconv.Itoa(n.Live))
	case l.Day > 0 && n.Made >= l.Day:
		room := n.First.Add(day + time.Minute).In(certhall.Beijing) // shown to the minute: when that has come there is
		return ErrManyToday.With("count", strconv.Itoa(n.Made)).With("time", room.Format("2006-01-02 15:04"))
	}
	return nil
}
