package orders

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
)

// Offer is what can be bought for one certificate at this moment.
type Offer struct {
	Line  Line  // for the first of Years
	Years []int // to choose from
}

// OfferFor looks up what a service for a pair costs; at most maxYears fit.
func OfferFor(c *catalog.Catalog, p authority.PairInfo, service certhall.Service, maxYears int) (o Offer, err error) {
	found, err := c.Find(catalog.Holding{Project: p.Project, KeyNumber: p.KeyNumber, Organisation: p.Organisation})
	if err != nil {
		return o, err
	}
	product, err := found.Product(service)
	if err != nil {
		return o, err
	}
	for _, y := range product.Years {
		if y <= maxYears {
			o.Years = append(o.Years, y)
		}
	}
	if len(o.Years) == 0 {
		return o, ErrYears
	}
	o.Line = Line{
		Lineage: p.Lineage, Serial: p.SignSerial, Service: service, Years: o.Years[0], Price: product.Price,
		Project: found.Project.Code, Brand: found.Brand.Code, Type: found.Type.Code,
		Names: joined(found.Project.Names, found.Brand.Names), Picture: c.PictureAddress(cmp.Or(found.Brand.Picture, found.Project.Picture)),
		Subject: p.Subject, Organisation: p.Organisation, KeyNumber: p.KeyNumber,
	}
	return o, nil
}

func joined(project, brand catalog.Names) catalog.Names {
	all := catalog.Names{}
	maps.Copy(all, project)
	for lang, name := range brand {
		all[lang] += "-" + name
	}
	return all
}

// For is the offer's line for a number of years.
func (o Offer) For(years int) (Line, error) {
	if !slices.Contains(o.Years, years) {
		return Line{}, ErrYears
	}
	l := o.Line
	l.Years = years
	return l, nil
}

// Place stores an order of lines as the buyer agreed to them, at the total that he
// read. What costs nothing is paid at once; else it is to be paid within
// PayWithin, over channel. After any error the transaction must not be committed.
func Place(w Writer, o Order, agreed certhall.Money, channel string, now time.Time, random io.Reader) (Order, error) {
	o.ID, o.MadeAt, o.Total = certhall.OrderID(certhall.NewID(now, random)), now, total(o.Lines)
	o.Lines = slices.Clone(o.Lines)
	if o.Total != agreed {
		return o, ErrPriceChanged.With("total", o.Total.String())
	}
	var lineages []certhall.LineageID
	for _, l := range o.Lines {
		lineages = append(lineages, l.Lineage)
	}
	if err := w.LockLineages(lineages); err != nil {
		return o, err
	}
	for i := range o.Lines {
		o.Lines[i].Entitlement = certhall.EntitlementID(certhall.NewID(now, random))
	}
	if o.Total > 0 {
		if channel == "" {
			return o, ErrNoChannel
		}
		o.Standing, o.Channel, o.ExpiresAt, o.Due = Unpaid, channel, now.Add(PayWithin), now
	} else {
		o.Standing, o.PaidAt = Paid, now
	}
	if added, err := w.AddOrder(o); err != nil || !added {
		return o, cmp.Or(err, error(ErrOrdered))
	}
	for _, l := range o.Lines { // an order that was live until now may have become a right
		if open, err := w.OpenEntitlement(l.Lineage); err != nil {
			return o, err
		} else if open != nil {
			return o, ErrEntitled.With("key_number", l.KeyNumber)
		}
	}
	if o.Total > 0 {
		return o, nil
	}
	return o, entitle(w, o, now)
}

// entitle makes a paid order's lines entitlements.
func entitle(w Writer, o Order, now time.Time) error {
	for _, l := range o.Lines {
		e := Entitlement{ID: l.Entitlement, Lineage: l.Lineage, Order: o.ID, Years: l.Years, State: Open, MadeAt: now}
		if err := w.AddEntitlement(e); err != nil {
			return err
		}
	}
	return nil
}

// Settle makes a live order paid by a transaction of the channel; false if the
// order is paid or closed already.
func Settle(w Writer, o Order, transaction string, paidAt, now time.Time) (bool, error) {
	if !o.Live() {
		return false, nil
	}
	o.Standing, o.Transaction, o.PaidAt, o.Due = Paid, transaction, paidAt, time.Time{}
	if err := w.SaveOrder(o); err != nil {
		return false, err
	}
	return true, entitle(w, o, now)
}

// Cancel asks for the end of an unpaid order: it is closed once the channel has
// closed it, so that nobody pays it meanwhile. One being closed stays so.
func Cancel(w Writer, id certhall.OrderID, now time.Time) (Order, error) {
	o, err := w.LockOrder(id)
	switch {
	case err != nil:
		return Order{}, err
	case o == nil:
		return Order{}, ErrOrderMissing
	case o.Standing == Closing:
		return *o, nil
	case o.Standing != Unpaid:
		return *o, ErrOrderOver
	}
	o.Standing, o.Due, o.Looks = Closing, now, 0
	return *o, w.SaveOrder(*o)
}

// End closes a live order: nobody can pay it any more.
func End(w Writer, o Order) error {
	o.Standing, o.Due = Closed, time.Time{}
	return w.SaveOrder(o)
}

// EndUnheard closes a live order that nobody can pay any more without its
// channel's word: at due it is asked about, and what was paid goes back.
func EndUnheard(w Writer, o Order, due time.Time) error {
	o.Standing, o.Due, o.Looks = Closed, due, 0
	return w.SaveOrder(o)
}
