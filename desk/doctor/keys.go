package doctor

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
)

// soon is when renewing opens by the protocol's default; an authority may
// decide otherwise and says so when it is asked.
const soon = 90 * 24 * time.Hour

func (d *Doctor) examineKeys(ctx context.Context, drivers []Driver, add adder) {
	keys, err := d.Keys.List(ctx)
	if d.Drivers != nil {
		keys = slices.DeleteFunc(keys, func(k agent.Listed) bool { return k.Serial == "" && failed(drivers, k.Library) }) // told with the drivers
	}
	d.examineDrivers(drivers, len(keys) > 0, add)
	switch {
	case err != nil:
		add(Keys, Fault, "keys-unreadable", "folder", d.Folder)
		return
	case len(keys) == 0 && slices.ContainsFunc(drivers, Driver.slow):
		return
	case len(keys) == 0:
		add(Keys, Fault, "keys-none", "folder", d.Folder)
		return
	}
	add(Keys, Fine, "keys-found", "folder", d.Folder, "count", strconv.Itoa(len(keys)))
	for _, k := range keys {
		d.examineKey(k, add)
		for _, h := range k.Containers {
			d.examineCertificate(ctx, k, h, add)
		}
	}
}

func (d *Doctor) examineKey(k agent.Listed, add adder) {
	params := []string{"key", k.Label, "serial", k.Serial, "driver", k.Driver, "tries", strconv.Itoa(k.PIN.Tries)}
	switch {
	case k.Trouble != nil && k.Trouble.Code == token.ErrKeyBusy.Code:
		add(Key, Note, "key-busy", params...)
	case k.Trouble != nil && k.Trouble.Code == token.ErrDriverSlow.Code:
		add(Key, Note, "key-slow", append(params, "library", k.Trouble.Params["library"])...)
	case k.Trouble != nil:
		d.tell(finding(Key, Fault, "key-trouble", params...).because(k.Trouble))
	case k.PIN.Locked:
		add(Key, Fault, "key-locked", params...)
	case k.PIN.Final:
		add(Key, Note, "key-last-try", params...)
	case k.PIN.Tries < 0:
		add(Key, Fine, "key-fine-uncounted", params...)
	default:
		add(Key, Fine, "key-fine", params...)
	}
	room := []string{"key", k.Label, "count", strconv.Itoa(k.Room)}
	switch {
	case k.Trouble != nil || k.Room < 0: // not known
	case k.Room == 0:
		add(Key, Note, "key-full", room...)
	default:
		add(Key, Fine, "key-room", room...)
	}
	others := []string{"key", k.Label, "count", strconv.Itoa(k.Others)}
	switch {
	case k.Trouble != nil: // not known
	case len(k.Containers) == 0 && k.Others == 0:
		add(Key, Note, "key-empty", others...)
	case len(k.Containers) == 0:
		add(Key, Note, "key-foreign", others...)
	case k.Others > 0:
		add(Key, Fine, "key-others", others...)
	}
}

func (d *Doctor) examineCertificate(ctx context.Context, k agent.Listed, h *token.Holding, add adder) {
	if h.Sign == nil {
		if h.Enc != nil || h.SignKey != nil || h.EncKey != nil {
			add(Certificate, Note, "certificate-begun", "key", k.Label, "container", h.Name())
		}
		return
	}
	c := h.Sign
	left := c.NotAfter.Sub(d.now)
	params := []string{
		"key", k.Label, "subject", c.Subject.CommonName, "serial", string(certhall.SerialOf(c.SerialNumber)),
		"from", certhall.Date(c.NotBefore), "to", certhall.Date(c.NotAfter), "days", days(d.now, c.NotAfter),
	}
	if !h.Fits() || h.Enc != nil && !h.Whole() {
		add(Certificate, Fault, "certificate-incomplete", params...)
		return
	}
	if _, err := d.trust.Root(c, d.chain); err != nil && len(d.chain) > 0 && len(d.Known) > 0 {
		add(Certificate, Note, "certificate-foreign", append(params, "issuer", c.Issuer.CommonName)...)
		return
	}
	told := d.ask(ctx, h)
	if told == replaced && !slices.ContainsFunc(k.Containers, func(other *token.Holding) bool { return succeeds(other, h) }) {
		told = revoked // what took its place is not on this key
	}
	switch {
	case told == replaced:
		add(Certificate, Fine, "certificate-replaced", params...)
	case told == revoked:
		add(Certificate, Fault, "certificate-revoked", params...)
	case told == suspended:
		add(Certificate, Fault, "certificate-suspended", params...)
	case told == unheardOf:
		add(Certificate, Fault, "certificate-unknown", params...)
	case left < 0:
		add(Certificate, Fault, "certificate-expired", params...)
	case d.now.Before(c.NotBefore):
		add(Certificate, Fault, "certificate-future", params...)
	case told == unasked:
		add(Certificate, Unknown, "certificate-unasked", params...)
	case left < soon:
		add(Certificate, Note, "certificate-ends-soon", params...)
	default:
		add(Certificate, Fine, "certificate-fine", params...)
	}
}

// succeeds tells whether a container holds a newer certificate of the same holder.
func succeeds(other, h *token.Holding) bool {
	return other.Fits() && bytes.Equal(other.Sign.RawSubject, h.Sign.RawSubject) && other.Sign.NotBefore.After(h.Sign.NotBefore)
}

// days are counted as on the hall's pages, in whichever direction.
func days(from, to time.Time) string {
	return strings.TrimPrefix(strconv.Itoa(certhall.DaysBetween(from, to)), "-")
}

func minute(t time.Time) string { return t.In(certhall.Beijing).Format("2006-01-02 15:04") }
