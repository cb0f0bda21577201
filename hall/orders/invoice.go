package orders

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// InvoiceStanding of an invoice.
type InvoiceStanding string

// The standings: requested → issued, refused or withdrawn; after the latter two it
// may be requested again. An issued one stays: what is refunded later is taken
// back by red invoices (红字).
const (
	InvoiceRequested InvoiceStanding = "requested"
	InvoiceIssued    InvoiceStanding = "issued"
	InvoiceRefused   InvoiceStanding = "refused"
	InvoiceWithdrawn InvoiceStanding = "withdrawn"
)

// Holders of invoices. Without a tax number go those made out to a person, and to
// what is no enterprise and was given none (State Taxation Administration,
// announcement 16 of 2017).
const (
	ForOrganisation = "organisation"
	ForPerson       = "person"
)

// InvoiceRequest says to whom an invoice (电子发票) is made out, and where it is sent.
type InvoiceRequest struct {
	Holder    string `json:"holder" enum:"organisation,person"`
	Title     string `json:"title" maxLength:"100" doc:"抬头"`
	TaxNumber string `json:"tax_number,omitempty" maxLength:"20" doc:"税号; of an organisation, none for a person or whoever was given none"`
	Mail      string `json:"mail" maxLength:"254"`
}

// Invoice is what was asked for and done about the invoice of one order.
type Invoice struct {
	InvoiceRequest
	Order     certhall.OrderID
	Version   int64 // grows by one with every change
	Standing  InvoiceStanding
	Person    string         // who asked
	Amount    certhall.Money // that it was issued over
	Number    string
	IssuedOn  time.Time
	Reversed  certhall.Money // by red invoices
	RedNumber string         // of the last of them
	Reason    string         // why it was refused
	MadeAt    time.Time
	ChangedAt time.Time
}

// InvoiceReader reads invoices. A row that is not there is nil.
type InvoiceReader interface {
	Invoice(certhall.OrderID) (*Invoice, error)
	InvoicesOf(...certhall.OrderID) ([]Invoice, error)
	// FindInvoices are those of a standing, "" for all, that changed last at or
	// after since, the oldest change first; at most limit.
	FindInvoices(s InvoiceStanding, since time.Time, limit int) ([]Invoice, error)
}

// InvoiceWriter writes invoices. The order is locked before.
type InvoiceWriter interface {
	// SaveInvoice stores a version, with who made it.
	SaveInvoice(i Invoice, by string) error
}

// What is answered about invoices beside success.
var (
	ErrInvoiceMissing = certhall.NewError("invoice-missing", certhall.NotFound)
	ErrInvoiceTitle   = certhall.NewError("invoice-title", certhall.Invalid)
	ErrTaxNumber      = certhall.NewError("invoice-tax-number", certhall.Invalid)
	ErrTaxMissing     = certhall.NewError("invoice-tax-missing", certhall.Invalid) // an organisation's
	ErrTaxPerson      = certhall.NewError("invoice-tax-person", certhall.Invalid)  // given for a person, who has none
	ErrInvoiceNothing = certhall.NewError("invoice-nothing", certhall.Conflict)    // nothing was paid, or all of it went back
	ErrInvoiceStands  = certhall.NewError("invoice-stands", certhall.Conflict)     // it is not in a standing for that
	ErrInvoiceRefund  = certhall.NewError("invoice-refund", certhall.Conflict)     // a refund is under way
)

// Billed is an order with what an invoice is about.
type Billed struct {
	Order   Order
	Refunds []Refund
	Invoice *Invoice // nil before it was asked for
}

// ReadBilled reads an order for its invoice; ErrOrderMissing if there is none.
func ReadBilled(r Reader, id certhall.OrderID) (b Billed, err error) {
	o, err := r.Order(id)
	if err == nil && o == nil {
		err = ErrOrderMissing
	}
	if err != nil {
		return b, err
	}
	b.Order = *o
	if b.Refunds, err = r.RefundsOf(id); err == nil {
		b.Invoice, err = r.Invoice(id)
	}
	return b, err
}

// Kept is what was paid and did not go back.
func (b Billed) Kept() certhall.Money {
	if b.Order.Standing != Paid {
		return 0
	}
	return b.Order.Total - GivenBack(b.Refunds)
}

// RedDue is what an issued invoice is too high by, since money went back: an
// officer issues a red one over it.
func (b Billed) RedDue() certhall.Money {
	if b.Invoice == nil || b.Invoice.Standing != InvoiceIssued {
		return 0
	}
	return max(b.Invoice.Amount-b.Invoice.Reversed-b.Kept(), 0)
}

// Ask asks for the invoice, or changes what was asked for.
func (b Billed) Ask(bill InvoiceRequest, person string, now time.Time) (Invoice, error) {
	bill, err := bill.checked()
	if err != nil {
		return Invoice{}, err
	}
	if b.Kept() == 0 {
		return Invoice{}, ErrInvoiceNothing
	}
	i := Invoice{Order: b.Order.ID, MadeAt: now}
	if b.Invoice != nil {
		i = *b.Invoice
	}
	if i.Standing == InvoiceIssued {
		return i, ErrInvoiceStands
	}
	i.InvoiceRequest, i.Person, i.Standing, i.Reason = bill, person, InvoiceRequested, ""
	return i.changed(now), nil
}

// Withdraw takes back that it was asked for.
func (b Billed) Withdraw(now time.Time) (Invoice, error) {
	return b.from(InvoiceRequested, now, func(i *Invoice) { i.Standing = InvoiceWithdrawn })
}

// Issue notes that an officer has issued the invoice, over what was kept.
func (b Billed) Issue(number string, on, now time.Time) (Invoice, error) {
	switch {
	case slices.ContainsFunc(b.Refunds, unsettled):
		return Invoice{}, ErrInvoiceRefund
	case b.Invoice != nil && b.Kept() == 0:
		return Invoice{}, ErrInvoiceNothing
	}
	return b.from(InvoiceRequested, now, func(i *Invoice) {
		i.Standing, i.Number, i.IssuedOn, i.Amount = InvoiceIssued, number, on, b.Kept()
	})
}

// unsettled tells that a refund of what was bought may still change what was kept.
func unsettled(f Refund) bool { return !f.Whole && (f.UnderWay() || f.Standing == RefundFailed) }

// Refuse notes that an officer does not issue it.
func (b Billed) Refuse(reason string, now time.Time) (Invoice, error) {
	return b.from(InvoiceRequested, now, func(i *Invoice) { i.Standing, i.Reason = InvoiceRefused, reason })
}

// Reverse notes that an officer has issued a red invoice over what is due.
func (b Billed) Reverse(number string, now time.Time) (Invoice, error) {
	if b.Invoice != nil && b.RedDue() == 0 {
		return Invoice{}, ErrInvoiceNothing
	}
	return b.from(InvoiceIssued, now, func(i *Invoice) { i.Reversed, i.RedNumber = i.Reversed+b.RedDue(), number })
}

// from changes an invoice that is in a standing.
func (b Billed) from(s InvoiceStanding, now time.Time, change func(*Invoice)) (Invoice, error) {
	if b.Invoice == nil {
		return Invoice{}, ErrInvoiceMissing
	}
	i := *b.Invoice
	if i.Standing != s {
		return i, ErrInvoiceStands
	}
	change(&i)
	return i.changed(now), nil
}

func (i Invoice) changed(now time.Time) Invoice {
	i.Version, i.ChangedAt = i.Version+1, now
	return i
}

// checked is a bill in the form in which it is kept.
func (b InvoiceRequest) checked() (InvoiceRequest, error) {
	b.Title = strings.TrimSpace(b.Title)
	b.TaxNumber = strings.ToUpper(strings.Join(strings.Fields(b.TaxNumber), ""))
	if b.Title == "" || utf8.RuneCountInString(b.Title) > 100 || strings.ContainsFunc(b.Title, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return b, ErrInvoiceTitle
	}
	switch person, given := b.Holder == ForPerson, b.TaxNumber != ""; {
	case person && given:
		return b, ErrTaxPerson
	case !person && !given:
		return b, ErrTaxMissing
	case given && !taxNumber(b.TaxNumber):
		return b, ErrTaxNumber
	}
	mail, err := accounts.ParseMail(b.Mail)
	b.Mail = mail
	return b, err
}

// taxNumber tells whether something can be a taxpayer's number: a unified social
// credit code, or 15 to 20 digits and capitals as those have who were given
// none. Of 18 characters, a code must be whole and so must an identity card's
// number.
func taxNumber(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') }) {
		return false
	}
	if len(s) == 18 {
		return certhall.ValidCreditCode(s) || identityNumber(s)
	}
	return len(s) >= 15 && len(s) <= 20
}

// identityNumber checks the check character of an identity card's number
// (GB 11643-1999; ISO 7064, MOD 11-2).
func identityNumber(s string) bool {
	sum := 0
	for _, r := range s[:17] {
		if r < '0' || r > '9' {
			return false
		}
		sum = (sum + int(r-'0')) * 2 % 11
	}
	return s[17] == "10X98765432"[sum]
}
