package doctor

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/gm"
)

// skewed is how far the PC's clock may be off before it is a fault: dates and
// codes would be misread.
const skewed = 5 * time.Minute

// examineServer answers the hall's facts, or nil if it is not heard.
func (d *Doctor) examineServer(ctx context.Context, add adder) *courier.Facts {
	if d.Hall == nil {
		add(Server, Unknown, "server-not-named")
		return nil
	}
	facts, err := d.Hall.Facts(ctx)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		add(Server, Fault, "server-tls", "server", d.Server)
		return nil
	case errors.Is(err, courier.ErrUnreachable):
		add(Server, Fault, "server-unreachable", "server", d.Server)
		return nil
	case errors.Is(err, courier.ErrAddress):
		add(Server, Fault, "server-address", "server", d.Server)
		return nil
	case err != nil:
		add(Server, Fault, "server-no-hall", "server", d.Server)
		return nil
	case !courier.SameOrigin(facts.Origin, d.Server):
		add(Server, Fault, "server-origin", "server", d.Server, "origin", facts.Origin)
		return &facts
	}
	if _, issuers, err := d.Hall.OriginList(ctx); err == nil {
		d.chain = append(d.chain, issuers...)
	}
	ready, message, err := d.Hall.Ready(ctx)
	if err == nil && !ready {
		add(Server, Note, "server-not-ready", "server", d.Server, "name", facts.Name, "message", message)
		return &facts
	}
	add(Server, Fine, "server-fine", "server", d.Server, "name", facts.Name)
	return &facts
}

// examineAuthority compares the hall's authority with those this PC trusts.
func (d *Doctor) examineAuthority(facts *courier.Facts, add adder) {
	if len(d.Known) == 0 {
		add(Authority, Fault, "authority-none")
		return
	}
	if facts == nil {
		for _, a := range d.Known {
			add(Authority, Unknown, "authority-unasked", "authority", a.Root.Subject.CommonName)
		}
		return
	}
	for _, a := range d.Known {
		if hex.EncodeToString(gm.SM3(a.Root.Raw)) == facts.Fingerprint {
			d.examineList(a, *facts, add)
			return
		}
	}
	for _, a := range d.Known {
		if a.List.Authority == facts.Authority {
			add(Authority, Fault, "authority-other-root", "authority", facts.Authority)
			return
		}
	}
	add(Authority, Fault, "authority-unknown", "authority", facts.Authority, "server", d.Server)
}

func (d *Doctor) examineList(a trust.Authority, facts courier.Facts, add adder) {
	params := []string{"authority", facts.Authority, "root", a.Root.Subject.CommonName, "server", d.Server,
		"number", strconv.FormatInt(a.List.Number, 10), "until", certhall.Date(a.List.Until)}
	switch {
	case !d.Listed:
		add(Authority, Fine, "authority-fine-file", params...)
	case a.List.Authority == "":
		add(Authority, Fault, "authority-no-list", params...)
	case a.List.Expired:
		add(Authority, Fault, "authority-list-expired", params...)
	case !slices.Contains(a.Portals, facts.Origin):
		add(Authority, Fault, "authority-no-portal", params...)
	default:
		add(Authority, Fine, "authority-fine", params...)
	}
}

// examineClock compares the PC's clock with the hall's.
func (d *Doctor) examineClock(add adder) {
	d.now = d.Clock.Now()
	var server, here time.Time
	if d.Heard != nil {
		server, here = d.Heard()
	}
	if server.IsZero() {
		add(Clock, Unknown, "clock-unasked", "time", minute(d.now))
		return
	}
	off := here.Sub(server)
	d.now = d.now.Add(-off)
	minutes := strconv.Itoa(int(off.Abs().Round(time.Minute) / time.Minute))
	switch {
	case off > skewed:
		add(Clock, Fault, "clock-ahead", "minutes", minutes, "time", minute(here), "server", minute(server))
	case off < -skewed:
		add(Clock, Fault, "clock-behind", "minutes", minutes, "time", minute(here), "server", minute(server))
	default:
		add(Clock, Fine, "clock-fine", "time", minute(here))
	}
}
