package orders

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
)

// LineView is a line as people see it.
type LineView struct {
	Entitlement  certhall.EntitlementID `json:"entitlement,omitempty"`
	State        State                  `json:"state,omitempty" enum:"open,refunding,spent,refunded" doc:"absent until the order is paid"`
	Case         certhall.CaseID        `json:"case,omitempty" doc:"that uses it, or has used it"`
	Serial       certhall.Serial        `json:"serial" doc:"of the signing certificate that it was bought for"`
	Service      certhall.Service       `json:"service"`
	Years        int                    `json:"years"`
	Price        certhall.Money         `json:"price" doc:"for a year, in fen"`
	Subtotal     certhall.Money         `json:"subtotal" doc:"in fen"`
	Project      string                 `json:"project"`
	Brand        string                 `json:"brand"`
	Type         string                 `json:"type"`
	Names        catalog.Names          `json:"names" doc:"of project and brand, by language"`
	Picture      string                 `json:"picture,omitempty"`
	Subject      string                 `json:"subject"`
	Organisation string                 `json:"organisation"`
	KeyNumber    string                 `json:"key_number"`
}

// OrderHead is an order without its lines.
type OrderHead struct {
	Order       certhall.OrderID `json:"order"`
	Standing    Standing         `json:"standing" enum:"unpaid,closing,paid,closed"`
	Total       certhall.Money   `json:"total" doc:"in fen"`
	Channel     string           `json:"channel,omitempty" doc:"of payment; absent where nothing is to be paid"`
	CodeURL     string           `json:"code_url,omitempty" doc:"what the QR code shows; absent until the channel has said it"`
	Transaction string           `json:"transaction,omitempty" doc:"the channel's number of the payment"`
	MadeAt      time.Time        `json:"made_at"`
	ExpiresAt   time.Time        `json:"expires_at,omitzero"`
	PaidAt      time.Time        `json:"paid_at,omitzero"`
	Case        certhall.CaseID  `json:"case,omitempty" doc:"at whose counter it was made; absent from the cart"`
}

// OrderView is an order as its buyer sees it.
type OrderView struct {
	OrderHead
	Lines []LineView `json:"lines"`
}

// View of a line before it is bought.
func (l Line) View() LineView {
	return LineView{
		Serial: l.Serial, Service: l.Service, Years: l.Years, Price: l.Price, Subtotal: l.Subtotal(), Project: l.Project, Brand: l.Brand,
		Type: l.Type, Names: l.Names, Picture: l.Picture, Subject: l.Subject, Organisation: l.Organisation, KeyNumber: l.KeyNumber,
	}
}

// BoughtView is the view of a bought line, with what became of it.
func (l Line) BoughtView(made []Entitlement) LineView {
	v := l.View()
	for _, e := range made {
		if e.ID == l.Entitlement {
			v.Entitlement, v.State, v.Case = e.ID, e.State, e.Case
		}
	}
	return v
}

// Head of an order. The code is shown only while it can be paid.
func (o Order) Head() OrderHead {
	h := OrderHead{
		Order: o.ID, Standing: o.Standing, Total: o.Total, Channel: o.Channel, Transaction: o.Transaction,
		MadeAt: o.MadeAt, ExpiresAt: o.ExpiresAt, PaidAt: o.PaidAt, Case: o.Case,
	}
	if o.Standing == Unpaid {
		h.CodeURL = o.CodeURL
	}
	return h
}

// View of an order, with what became of its lines.
func (o Order) View(made []Entitlement) OrderView {
	v := OrderView{OrderHead: o.Head(), Lines: make([]LineView, 0, len(o.Lines))}
	for _, l := range o.Lines {
		v.Lines = append(v.Lines, l.BoughtView(made))
	}
	return v
}

// Bought says with what a right to a pair was bought.
type Bought struct {
	Order   certhall.OrderID `json:"order"`
	Years   int              `json:"years"`
	Paid    certhall.Money   `json:"paid" doc:"for this certificate, in fen; 0 is free of charge"`
	Channel string           `json:"channel,omitempty" doc:"of payment; absent where nothing was to be paid"`
	PaidAt  time.Time        `json:"paid_at"`
}

// BoughtWith tells with what an entitlement was bought; nil where there was
// nothing to buy.
func BoughtWith(r Reader, id certhall.EntitlementID) (*Bought, error) {
	e, err := r.Entitlement(id)
	if err != nil || e == nil || e.Order == "" {
		return nil, err
	}
	o, err := r.Order(e.Order)
	if err != nil || o == nil {
		return nil, err
	}
	for _, l := range o.Lines {
		if l.Entitlement == id {
			return &Bought{Order: o.ID, Years: l.Years, Paid: l.Subtotal(), Channel: o.Channel, PaidAt: o.PaidAt}, nil
		}
	}
	return nil, nil
}
