package hall_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

// between is a transaction in the middle of which another one is committed:
// right before the call that it names.
type between struct {
	services.Writer
	mark, add func()
}

func (b between) MarkRefunding(id certhall.EntitlementID, refund certhall.RefundID) (bool, error) {
	if b.mark != nil {
		b.mark()
	}
	return b.Writer.MarkRefunding(id, refund)
}

func (b between) AddOrder(o orders.Order) (bool, error) {
	if b.add != nil {
		b.add()
	}
	return b.Writer.AddOrder(o)
}

// racing is a paid and an unpaid order on the database where transactions run
// side by side.
func racing(t *testing.T) (s *hall.Store, paid, unpaid orders.Order) {
	s, _ = open(t, storetest.Address(t, "postgres"))
	paid, unpaid = order("o1", "a", orders.Paid, noon, "l1"), order("o2", "a", orders.Unpaid, noon, "l2")
	write(t, s, func(w services.Writer) error { return addOrders(w, paid, unpaid) })
	return s, paid, unpaid
}

// TestRightGoesBackOrToACase: a right whose money is asked back between being
// found and being taken is not taken.
func TestRightGoesBackOrToACase(t *testing.T) {
	s, paid, _ := racing(t)
	write(t, s, func(w services.Writer) error {
		e := must[*orders.Entitlement](t)(w.OpenEntitlement("l1"))
		write(t, s, func(other services.Writer) error {
			_, _, err := orders.AskRefund(other, paid, []certhall.EntitlementID{e.ID}, "x", "a", noon, rand.Reader)
			return err
		})
		if must[bool](t)(w.AttachEntitlement(e.ID, "", "c1")) {
			t.Error("a case has a right whose money goes back")
		}
		return nil
	})
}

// TestRefundSeesTheCase: of a right that a case takes while its money is asked
// back, whoever asks is told the case that is to be closed.
func TestRefundSeesTheCase(t *testing.T) {
	s, paid, _ := racing(t)
	id := paid.Lines[0].Entitlement
	write(t, s, func(w services.Writer) error {
		_, cases, err := orders.AskRefund(between{Writer: w, mark: func() {
			write(t, s, func(other services.Writer) error {
				_, err := other.AttachEntitlement(id, "", "c1")
				return err
			})
		}}, paid, []certhall.EntitlementID{id}, "x", "a", noon, rand.Reader)
		if len(cases) != 1 {
			t.Errorf("to be closed: %v", cases)
		}
		return err
	})
}

// TestPaidWhileOrdered: a certificate whose order is paid this moment is not
// ordered once more.
func TestPaidWhileOrdered(t *testing.T) {
	s, _, unpaid := racing(t)
	again := orders.Order{Person: "a", Lines: unpaid.Lines}
	err := s.Write(t.Context(), func(w services.Writer) error {
		_, err := orders.Place(between{Writer: w, add: func() {
			write(t, s, func(other services.Writer) error {
				_, err := orders.Settle(other, unpaid, "T", noon, noon)
				return err
			})
		}}, again, unpaid.Total, "wechat", noon, rand.Reader)
		return err
	})
	if !errors.Is(err, orders.ErrEntitled) {
		t.Errorf("ordered twice: %v", err)
	}
}
