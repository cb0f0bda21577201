package payment

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// Store is what the till needs of the hall's database.
type Store interface {
	Read(ctx context.Context, f func(Reader) error) error
	// Write runs f in one transaction, perhaps more than once; success means
	// committed and durable. f touches nothing but the Writer.
	Write(ctx context.Context, f func(Writer) error) error
}

// Reader reads one consistent state. A row that is not there is nil.
type Reader interface {
	orders.Reader
	// DueOrders are those that the till has to look at, the longest due first.
	DueOrders(now time.Time, limit int) ([]certhall.OrderID, error)
	DueRefunds(now time.Time, limit int) ([]certhall.RefundID, error)
	// Payment by the channel's number.
	Payment(number string) (*Received, error)
	PaymentsOf(certhall.OrderID) ([]Received, error)
	// PaymentsBetween are those paid at from or later, and before to.
	PaymentsBetween(from, to time.Time) ([]Received, error)
	// RefundsSentBetween are those that the channel took at from or later, and before to.
	RefundsSentBetween(from, to time.Time) ([]orders.Refund, error)
	// Unsettled are refunds that have failed, or wait since before a time.
	Unsettled(since time.Time) ([]orders.Refund, error)
	// DueBills are days whose bill is to be fetched, the earliest first.
	DueBills(now time.Time, limit int) ([]string, error)
	// Bill by its day; LastBill is the latest that was fetched.
	Bill(day string) (*Bill, error)
	LastBill() (*Bill, error)
	// FirstPaid is when an order was first paid over a channel; zero: never.
	FirstPaid() (time.Time, error)
	// Billed tells whether a bill of any day lists a payment (refund "") or a refund of it.
	Billed(number string, refund certhall.RefundID) (bool, error)
	// Differences of a day, or of all ("").
	Differences(day string, open bool, limit int) ([]Difference, error)
	// PaymentActs are what officers did about an order, or asked for on a day, in order.
	PaymentActs(subject string) ([]Act, error)
	// Tally counts what stands, for metrics.
	Tally() (Tally, error)
	FindOrders(OrderSearch) ([]orders.Order, error)
	FindPayments(PaymentSearch) ([]Received, error)
}

// Writer writes within one transaction.
type Writer interface {
	Reader
	orders.Writer
	// AddPayment stores a payment; false if one of that number stands already.
	AddPayment(Received) (bool, error)
	// LockBill reads a day's bill and holds it until the transaction ends.
	LockBill(day string) (*Bill, error)
	// AddBill stores a day's bill that is to be fetched, unless it stands already;
	// SaveBill what moved of it.
	AddBill(Bill) error
	SaveBill(Bill) error
	// SaveBillRows replaces the rows of a day's bill.
	SaveBillRows(day string, rows []BillRow) error
	// AddDifference stores one, unless the same of that day is known.
	AddDifference(Difference) error
	// DropDifference takes one back that is open.
	DropDifference(id string) error
	// ExplainDifference stores what an officer says of one; false if there is none.
	ExplainDifference(d Difference) (bool, error)
	AddPaymentAct(Act) error
}

// Verdict is what became of a payment.
type Verdict string

// The verdicts. Late, second and wrong payments go back as a whole; of a stray
// one nobody knows what it was for, and an officer sees to it.
const (
	Taken  Verdict = "taken"  // it paid its order
	Late   Verdict = "late"   // its order was closed
	Second Verdict = "second" // another one of its order came before
	Wrong  Verdict = "wrong"  // another amount or currency than its order's
	Stray  Verdict = "stray"  // of no order, or given back already by somebody else
)

// Received is a payment as the hall keeps it.
type Received struct {
	Number   string // the channel's
	Order    certhall.OrderID
	Channel  string
	Amount   certhall.Money
	Currency string
	Merchant string
	Verdict  Verdict
	PaidAt   time.Time
	SeenAt   time.Time
}

// OrderSearch says which orders are meant; what is empty does not narrow it.
type OrderSearch struct {
	Order    certhall.OrderID
	Serial   certhall.Serial // of a certificate that it was made for
	Key      string          // key number
	Standing orders.Standing
	Refund   orders.RefundStanding // that a refund of it has
	Unheard  bool                  // closed without the channel's word
	Limit    int
	After    certhall.OrderID // go on behind this one; the latest come first
}

// PaymentSearch says which payments are meant; what is empty does not narrow it.
type PaymentSearch struct {
	Order    certhall.OrderID
	Number   string
	Verdict  Verdict
	From, To time.Time // when it was paid
	Limit    int
}

// Tally is how many of each there are.
type Tally struct {
	Orders  map[orders.Standing]int64
	Refunds map[orders.RefundStanding]int64
	Unheard int64 // orders closed without the channel's word; Orders counts them too
	Open    int64 // differences that nobody has explained
}
