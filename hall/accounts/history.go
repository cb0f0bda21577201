package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"github.com/certhall/certhall"
)

const day = 24 * time.Hour

// HistoryLife is how long log-ins are remembered.
const HistoryLife = 180 * day

// HistoryPage is how many of them are shown at a time.
const HistoryPage = 50

// Ways to log in.
const (
	WayPassword = "password"
	WayCode     = "code"
	WayFirst    = "first-password" // with a code
	WayKey      = "key"            // with a code
)

// Device is where somebody logs in from.
type Device struct {
	Address string // network address; of IPv6 the network
	Browser string // family; "" where it does not tell
	System  string
}

// LoginLine is a log-in, or one that was refused.
type LoginLine struct {
	ID      string
	Person  string // "" where nobody was named
	At      time.Time
	Way     string
	Refused string // code of the error; "" for none
	Device
}

// device is where an attempt comes from.
func (t *attempt) device() Device {
	agent := useragent.Parse(t.Agent)
	d := Device{Address: network(t.Address), Browser: agent.Name, System: agent.OS}
	if d.Browser == t.Agent { // the library names what it does not know by its whole text
		d.Browser = ""
	}
	return d
}

func (t *attempt) way() string {
	switch {
	case t.nonce != nil || len(t.Signed) > 0:
		return WayKey
	case isFirst(t.Password):
		return WayFirst
	case t.Password != "":
		return WayPassword
	}
	return WayCode
}

// line is what is noted of an attempt.
func (t *attempt) line(id, person string, at time.Time) LoginLine {
	return LoginLine{ID: id, Person: person, At: at, Way: t.way(), Device: t.device()}
}

// telling are the refusals that somebody is told of in his history: not the
// questions that a log-in is asked on its way, nor what is limited anyway.
var telling = []*certhall.Error{ErrLogin, ErrCodeWrong, ErrCodeTries, ErrLoginKey}

// noted notes a refusal, for names that are nobody's too: it takes as long.
func (d *Desk) noted(ctx context.Context, t *attempt, refusal error) error {
	for _, told := range telling {
		if !errors.Is(refusal, told) {
			continue
		}
		now := d.now()
		l := t.line(certhall.NewID(now, d.Random), "", now)
		l.Refused = told.Code
		if t.account != nil {
			l.Person = t.account.ID
		}
		err := d.Store.Write(ctx, func(w Writer) error {
			if err := w.ForgetLogins(now.Add(-HistoryLife)); err != nil {
				return err
			}
			return w.AddLogin(l)
		})
		if err != nil {
			return err
		}
	}
	return refusal
}

// ShownLogin is a log-in as the person himself sees it (登录记录).
type ShownLogin struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Way     string    `json:"way" enum:"password,code,first-password,key"`
	Success bool      `json:"success"`
	Refusal string    `json:"refusal,omitempty" doc:"code of the error"`
	ShownDevice
}

// ShownDevice is where a log-in came from, as people see it.
type ShownDevice struct {
	Address string `json:"address" doc:"network address, shortened"`
	Browser string `json:"browser" doc:"family, e.g. Chrome; empty if unknown"`
	System  string `json:"system" doc:"e.g. Windows; empty if unknown"`
}

// History are a page of a person's log-ins, latest first.
type History struct {
	Logins []ShownLogin `json:"logins"`
	Days   int          `json:"days" doc:"how long they are kept"`
	Before string       `json:"before,omitempty" doc:"give it to get the next page; absent on the last"`
}

// Logins tells a person when and how he has logged in, and who tried to. before
// is what the page before answered, "" for the first.
func (d *Desk) Logins(ctx context.Context, v Visit, before string) (h History, err error) {
	h.Days = int(HistoryLife / day)
	now := d.now()
	mark := certhall.ParseMark(before)
	from := LoginLine{ID: mark.ID, At: mark.At}
	if from.At.IsZero() {
		from.At = now.Add(time.Second)
	}
	err = d.Store.Read(ctx, func(r Reader) error {
		h.Logins, h.Before = []ShownLogin{}, ""
		lines, err := r.Logins(v.Person, from, HistoryPage+1)
		for i, l := range lines {
			if l.At.Before(now.Add(-HistoryLife)) {
				break
			}
			if i == HistoryPage {
				h.Before = certhall.Mark{At: lines[i-1].At, ID: lines[i-1].ID}.String()
				break
			}
			h.Logins = append(h.Logins, ShownLogin{l.ID, l.At, l.Way, l.Refused == "", l.Refused, l.shown()})
		}
		return err
	})
	return h, err
}

func (d Device) shown() ShownDevice { return ShownDevice{shorten(d.Address), d.Browser, d.System} }

// shorten hides the end of an address: it tells one's own network from others.
func shorten(address string) string {
	a, err := netip.ParseAddr(strings.TrimSuffix(address, "/64"))
	switch {
	case err != nil:
		return ""
	case a.Is4():
		b := a.As4()
		return fmt.Sprintf("%d.%d.*.*", b[0], b[1])
	}
	return strings.TrimSuffix(netip.PrefixFrom(a, 48).Masked().String(), "/48") + "*"
}
