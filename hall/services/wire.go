package services

import (
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// Nonce begins an opening.
type Nonce struct {
	Nonce     []byte    `json:"nonce"`
	Origin    string    `json:"origin" doc:"what the key signs as the hall's origin"`
	Authority string    `json:"authority" doc:"id of the authority"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Opened is a case with the token that opens it, and it alone; without one
// where a handler has opened it by his log-in.
type Opened struct {
	Case  certhall.CaseID `json:"case"`
	Token string          `json:"token,omitempty" doc:"opens this case alone; absent where it was opened by log-in"`
}

// Input is what a carrier brings: the agent's last reply, or the person's
// answer, or nothing.
type Input struct {
	Reply   []byte  `json:"reply,omitempty" doc:"the agent's last reply, unread"`
	Answer  *Answer `json:"answer,omitempty" doc:"what the person answered to an ask"`
	Address string  `json:"-"` // network address the request came from
}

// Answer is the person's.
type Answer struct {
	Phone    string `json:"phone,omitempty" maxLength:"32"`
	SendCode bool   `json:"send_code,omitempty"`
	Code     string `json:"code,omitempty" maxLength:"32"`
	Pay      *Agree `json:"pay,omitempty"`
}

// Agree is what a person answers to an ask of kind pay: he agrees to what is
// offered, at the total that he read; or he takes back an order that stands.
type Agree struct {
	Years  int            `json:"years,omitempty" minimum:"0" maximum:"99"`
	Total  certhall.Money `json:"total,omitempty" doc:"in fen"`
	Cancel bool           `json:"cancel,omitempty" doc:"close the order that is not paid yet"`
}

// Next says how the case stands and what comes next: exactly one of an
// operation for the agent, an ask for the person, a wait; or nothing, where
// the case has ended, or where Problem stands in the way until the same
// question is asked again.
type Next struct {
	Case      certhall.CaseID   `json:"case"`
	Service   certhall.Service  `json:"service"`
	State     State             `json:"state" enum:"open,done,refused,closing,closed,needs-reissue"`
	Step      Step              `json:"step"`
	Steps     []Step            `json:"steps"`
	Stage     int               `json:"stage" minimum:"1" maximum:"4" doc:"which of the four steps that people see"`
	Phone     string            `json:"phone,omitempty" doc:"masked, once it is proved"`
	Disposal  certhall.Disposal `json:"disposal,omitempty" enum:"keep,delete" doc:"what becomes of the old container once the new pair is confirmed; absent until the terms are agreed"`
	Operation string            `json:"operation,omitempty" enum:"identify,prepare,install,acknowledge,retire,claim"`
	Message   []byte            `json:"message,omitempty" doc:"order for the agent"`
	Ask       *Ask              `json:"ask,omitempty"`
	Wait      *Wait             `json:"wait,omitempty"`
	Problem   *Problem          `json:"problem,omitempty"`
	Result    *Result           `json:"result,omitempty"`
	Bought    *orders.Bought    `json:"bought,omitempty" doc:"with what the right to the pair was bought; absent until the phone is proved and it is bought, and where there was nothing to buy"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (n Next) Problems() []*Problem { return problems(n.Problem) }

// problems leaves out those that are none.
func problems(all ...*Problem) []*Problem {
	return slices.DeleteFunc(all, func(p *Problem) bool { return p == nil })
}

// Ask is a question to the person. Kind phone: give a number. Kind code: have
// a code sent (answer send_code), then give it. Kind pay: agree to an offer, or,
// where an order stands, pay it and ask again every few seconds.
type Ask struct {
	Kind        string   `json:"kind" enum:"phone,code,pay"`
	Pay         *Payable `json:"pay,omitempty"`
	Phone       string   `json:"phone" doc:"masked, or empty"`
	Choices     []string `json:"choices,omitempty" doc:"masked numbers of the registered handlers, if there are several: answer one of them"`
	AnyPhone    bool     `json:"any_phone,omitempty" doc:"another number than those shown will do: answer it as phone"`
	Sent        bool     `json:"sent"`
	ResendAfter int      `json:"resend_after_s"`
	TriesLeft   int      `json:"tries_left"`
}

// Payable is what is to be agreed to (Line, Years), or an order to be paid.
type Payable struct {
	Line  *orders.LineView  `json:"line,omitempty" doc:"what is offered, for the first of years"`
	Years []int             `json:"years,omitempty" doc:"to choose from"`
	Order *orders.OrderView `json:"order,omitempty" doc:"stands and is not paid yet"`
}

// Wait asks the carrier to ask again.
type Wait struct {
	AfterMS int    `json:"after_ms"`
	Reason  string `json:"reason" enum:"ticket,issuing,sealed,acknowledging,claiming,closing,releasing"`
}

// Result is the receipt of a finished case.
type Result struct {
	Receipt        string           `json:"receipt" doc:"number of the receipt"`
	Service        certhall.Service `json:"service"`
	Subject        string           `json:"subject"`
	Organisation   string           `json:"organisation"`
	Project        string           `json:"project" doc:"code; /api/hall has the names"`
	KeyNumber      string           `json:"key_number"`
	KeySerial      string           `json:"key_serial" doc:"of the USB key that holds the new pair"`
	Old            *PairDates       `json:"old,omitempty"`
	New            *PairDates       `json:"new,omitempty"`
	AcknowledgedAt time.Time        `json:"acknowledged_at"`
	Untestable     bool             `json:"untestable" doc:"the driver could not test decryption"`
}

// PairDates show one pair.
type PairDates struct {
	SignSerial certhall.Serial `json:"sign_serial"`
	EncSerial  certhall.Serial `json:"enc_serial"`
	NotBefore  time.Time       `json:"not_before"`
	NotAfter   time.Time       `json:"not_after"`
	Subject    string          `json:"subject"`
}
