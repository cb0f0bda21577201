package courier

import (
	"time"

	"github.com/certhall/certhall"
)

// What travels as JSON between hall and courier (the hall's OpenAPI document
// has the same). Unknown members are ignored: a newer hall may say more.

// Nonce begins an opening.
type Nonce struct {
	Nonce     []byte    `json:"nonce"`
	Origin    string    `json:"origin"`
	Authority string    `json:"authority"`
	ExpiresAt time.Time `json:"expires_at"`
}

// CaseRef is a case and the token that opens it.
type CaseRef struct {
	Case  certhall.CaseID `json:"case"`
	Token string          `json:"token"`
}

// Input is the agent's last reply, or the person's answer, or nothing.
type Input struct {
	Reply  []byte  `json:"reply,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
}

// Answer is the person's.
type Answer struct {
	Phone    string `json:"phone,omitempty"`
	SendCode bool   `json:"send_code,omitempty"`
	Code     string `json:"code,omitempty"`
	Pay      *Agree `json:"pay,omitempty"`
}

// Agree is the person's agreement to an offer, at the total that he read; or
// it takes back an order that stands.
type Agree struct {
	Years  int            `json:"years,omitempty"`
	Total  certhall.Money `json:"total,omitempty"`
	Cancel bool           `json:"cancel,omitempty"`
}

// States of a case.
const (
	StateOpen         = "open"
	StateDone         = "done"
	StateRefused      = "refused"
	StateClosing      = "closing"
	StateClosed       = "closed"
	StateNeedsReissue = "needs-reissue"
)

// Next says how the case stands and what comes next.
type Next struct {
	Case      certhall.CaseID  `json:"case"`
	Service   certhall.Service `json:"service"`
	State     string           `json:"state"`
	Step      string           `json:"step"`
	Steps     []string         `json:"steps"`
	Operation string           `json:"operation,omitempty"`
	Message   []byte           `json:"message,omitempty"`
	Ask       *Ask             `json:"ask,omitempty"`
	Wait      *Wait            `json:"wait,omitempty"`
	Problem   *Problem         `json:"problem,omitempty"`
	Result    *Result          `json:"result,omitempty"`
}

// Kinds of Ask.
const (
	AskPhone = "phone"
	AskCode  = "code"
	AskPay   = "pay"
)

// Ask is a question to the person.
type Ask struct {
	Kind        string   `json:"kind"`
	Pay         *Payable `json:"pay,omitempty"` // with kind pay alone
	Phone       string   `json:"phone"`         // masked
	Choices     []string `json:"choices,omitempty"`
	AnyPhone    bool     `json:"any_phone,omitempty"` // another number will do
	Sent        bool     `json:"sent"`
	ResendAfter int      `json:"resend_after_s"`
	TriesLeft   int      `json:"tries_left"`
}

// unpaid is the order that an ask waits for, or nil.
func (a Ask) unpaid() *Order {
	if a.Pay == nil {
		return nil
	}
	return a.Pay.Order
}

// Payable is what is to be agreed to (Line, for the first of Years), or an
// order that stands and is not paid yet.
type Payable struct {
	Line  *Line  `json:"line,omitempty"`
	Years []int  `json:"years,omitempty"`
	Order *Order `json:"order,omitempty"`
}

// Line is one certificate's service with its price.
type Line struct {
	Service   certhall.Service  `json:"service"`
	Years     int               `json:"years"`
	Price     certhall.Money    `json:"price"` // for a year
	Subtotal  certhall.Money    `json:"subtotal"`
	Names     map[string]string `json:"names"` // of project and brand, by language
	Subject   string            `json:"subject"`
	KeyNumber string            `json:"key_number"`
}

// Order is to be paid by what its QR code shows; CodeURL is empty until the
// channel has said it.
type Order struct {
	Order     certhall.OrderID `json:"order"`
	Standing  string           `json:"standing"`
	Total     certhall.Money   `json:"total"`
	Channel   string           `json:"channel,omitempty"`
	CodeURL   string           `json:"code_url,omitempty"`
	ExpiresAt time.Time        `json:"expires_at,omitzero"`
	Lines     []Line           `json:"lines"`
}

// Wait asks to ask again.
type Wait struct {
	AfterMS int    `json:"after_ms"`
	Reason  string `json:"reason"`
}

// Problem is what stands in the way.
type Problem struct {
	Code    string            `json:"code"`
	Params  map[string]string `json:"params,omitempty"`
	Message string            `json:"message,omitempty"`
	Hint    string            `json:"hint,omitempty"`
}

// Error is the problem as an error with the hall's words; nil for none.
func (p *Problem) Error() *certhall.Error {
	if p == nil {
		return nil
	}
	e := &certhall.Error{Code: p.Code, Kind: certhall.Denied, Params: p.Params}
	return e.Because(said{p.Message, p.Hint})
}

// Result is the receipt of a finished case.
type Result struct {
	Old            *Dates    `json:"old,omitempty"`
	New            *Dates    `json:"new,omitempty"`
	Receipt        string    `json:"receipt"`
	KeyNumber      string    `json:"key_number"`
	AcknowledgedAt time.Time `json:"acknowledged_at"`
	Untestable     bool      `json:"untestable"`
}

// Dates show one pair.
type Dates struct {
	SignSerial certhall.Serial `json:"sign_serial"`
	EncSerial  certhall.Serial `json:"enc_serial"`
	NotBefore  time.Time       `json:"not_before"`
	NotAfter   time.Time       `json:"not_after"`
	Subject    string          `json:"subject"`
}
