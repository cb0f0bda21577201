package services

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// UpdatesPage is how many entries a page of a history has.
const UpdatesPage = 50

// Kinds of entries of a history.
const (
	CaseKind  = "case"
	OrderKind = "order"
)

// HistoryQuery asks for a part of a person's history.
type HistoryQuery struct {
	Person string
	Kind   string    // "" for all
	Before Happening // the last one of the page before; zero for the first page
	Limit  int
}

// Happening says that a case was opened, or an order made.
type Happening struct {
	Kind string
	ID   string
	At   time.Time
}

// Updates are a page of what a person did here (我的更新), the latest first.
type Updates struct {
	Entries []UpdateEntry `json:"entries"`
	Before  string        `json:"before,omitempty" doc:"give it to get the next page; absent on the last"`
}

// UpdateEntry is a case of a certificate that the person handles, or an order
// that he made.
type UpdateEntry struct {
	Kind    string        `json:"kind" enum:"case,order"`
	At      time.Time     `json:"at"`
	Case    *CaseLine     `json:"case,omitempty"`
	Order   *OrderSummary `json:"order,omitempty"`
	Actions []string      `json:"actions" enum:"continue,pay,cancel,use,refund,receipt,invoice" doc:"what can be done with it now"`
}

// OrderSummary is an order as lists show it.
type OrderSummary struct {
	orders.OrderHead
	Count    int             `json:"count" doc:"of lines"`
	First    orders.LineView `json:"first" doc:"line"`
	Open     int             `json:"open" doc:"lines that are paid and not used"`
	Refunded certhall.Money  `json:"refunded" doc:"that went back, in fen"`
	Invoice  *InvoiceView    `json:"invoice,omitempty" doc:"that was asked for"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (h Updates) Problems() []*Problem {
	var all []*Problem
	for _, e := range h.Entries {
		if e.Case != nil {
			all = append(all, e.Case.Problem)
		}
	}
	return problems(all...)
}

// Updates tell what the person did: of one kind, or all if kind is "". before is
// what the page before it answered, "" for the first.
func (c *Counter) Updates(ctx context.Context, who Caller, kind, before string) (h Updates, err error) {
	mark := certhall.ParseMark(before)
	q := HistoryQuery{Person: who.Person, Kind: kind, Before: Happening{ID: mark.ID, At: mark.At}, Limit: UpdatesPage + 1}
	h.Entries = []UpdateEntry{}
	err = c.Store.Read(ctx, func(r Reader) error {
		found, err := r.History(q)
		if err != nil {
			return err
		}
		h.Before = ""
		if len(found) > UpdatesPage {
			found = found[:UpdatesPage]
			last := found[UpdatesPage-1]
			h.Before = certhall.Mark{At: last.At, ID: last.ID}.String()
		}
		h.Entries, err = entries(r, found)
		return err
	})
	return h, err
}

// entries are what happened, with all that a list shows of it: by as many
// statements for one as for a whole page.
func entries(r Reader, found []Happening) ([]UpdateEntry, error) {
	var caseIDs []certhall.CaseID
	var orderIDs []certhall.OrderID
	for _, h := range found {
		if h.Kind == CaseKind {
			caseIDs = append(caseIDs, certhall.CaseID(h.ID))
		} else {
			orderIDs = append(orderIDs, certhall.OrderID(h.ID))
		}
	}
	cases, err := r.CasesListed(caseIDs...)
	if err != nil {
		return nil, err
	}
	bought, err := boughtOrders(r, orderIDs)
	if err != nil {
		return nil, err
	}
	byID := map[string]UpdateEntry{}
	for _, k := range cases {
		line := k.line()
		e := UpdateEntry{Case: &line, Actions: []string{}}
		if k.Live() {
			e.Actions = append(e.Actions, ActContinue)
		}
		byID[string(k.ID)] = e
	}
	for id, b := range bought {
		byID[string(id)] = UpdateEntry{Order: b.summary(), Actions: b.actions()}
	}
	list := make([]UpdateEntry, 0, len(found))
	for _, h := range found {
		e := byID[h.ID]
		e.Kind, e.At = h.Kind, h.At
		list = append(list, e)
	}
	return list, nil
}

// boughtOrders reads orders, for who made them, with what became of them.
func boughtOrders(r Reader, ids []certhall.OrderID) (map[certhall.OrderID]*boughtOrder, error) {
	all := map[certhall.OrderID]*boughtOrder{}
	found, err := r.Orders(ids...)
	if err != nil {
		return nil, err
	}
	for _, o := range found {
		all[o.ID] = &boughtOrder{Order: o, whole: true}
	}
	made, err := r.EntitlementsOf(ids...)
	if err != nil {
		return nil, err
	}
	for _, e := range made {
		all[e.Order].made = append(all[e.Order].made, e)
	}
	refunds, err := r.RefundsOf(ids...)
	if err != nil {
		return nil, err
	}
	for _, f := range refunds {
		all[f.Order].refunds = append(all[f.Order].refunds, f)
	}
	invoices, err := r.InvoicesOf(ids...)
	for _, i := range invoices {
		all[i.Order].invoice = &i
	}
	return all, err
}

func (b boughtOrder) summary() *OrderSummary {
	return &OrderSummary{OrderHead: b.Head(), Count: len(b.Lines), First: b.Lines[0].BoughtView(b.made), Open: b.open(), Refunded: orders.GivenBack(b.refunds), Invoice: b.invoiceView()}
}
