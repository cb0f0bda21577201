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
)

// Ask is a question to the person.
type Ask struct {
	Kind        string   `json:"kind"`
	Phone       string   `json:"phone"` // masked
	Choices     []string `json:"choices,omitempty"`
	AnyPhone    bool     `json:"any_phone,omitempty"` // another number will do
	Sent        bool     `json:"sent"`
	ResendAfter int      `json:"resend_after_s"`
	TriesLeft   int      `json:"tries_left"`
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
