package sim

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// attempt names an attempt in the book.
type attempt struct {
	c string
	n int
}

// book keeps every paper the authority's notary was seen to sign and every
// bundle it gave, and notices when two of them contradict each other: what is
// said once is said for ever.
type book struct {
	w        *World
	receipts map[attempt]proof.Signed
	voids    map[attempt]proof.Signed
	tickets  map[attempt]proof.Signed // the latest
	closings map[string]string        // outcome by case
	bundles  map[attempt]proof.Bundle
	handed   map[string]proof.Signed // receipts and void notices handed to the agent, by message
	seen     map[string]bool
	orders   [][]byte // every order handed to the agent
}

func newBook(w *World) *book {
	b := &book{
		w: w, receipts: map[attempt]proof.Signed{}, voids: map[attempt]proof.Signed{},
		tickets: map[attempt]proof.Signed{}, closings: map[string]string{},
		bundles: map[attempt]proof.Bundle{}, handed: map[string]proof.Signed{}, seen: map[string]bool{},
	}
	for _, paper := range slices.Concat(w.t.otherTickets, w.t.otherReceipts, w.t.otherVoids) {
		b.add(paper)
	}
	return b
}

// add notes a paper of the notary's.
func (b *book) add(s proof.Signed) {
	if s.IsZero() || len(s.Signatures) == 0 {
		return
	}
	bytes := string(s.Message) + string(s.Signatures[0].Value)
	if b.seen[bytes] {
		return
	}
	b.seen[bytes] = true
	switch proof.Tag(s.Message) {
	case proof.TagOf[proof.Receipt]():
		if r, err := byNotary[proof.Receipt](b.w, s); err == nil {
			b.receipt(r, s)
		}
	case proof.TagOf[proof.VoidNotice]():
		if v, err := byNotary[proof.VoidNotice](b.w, s); err == nil {
			b.void(v, s)
		}
	case proof.TagOf[proof.Ticket]():
		if t, err := byNotary[proof.Ticket](b.w, s); err == nil {
			b.tickets[attempt{t.Case, t.Attempt}] = s
		}
	case proof.TagOf[proof.Closing]():
		if c, err := byNotary[proof.Closing](b.w, s); err == nil {
			b.closing(c)
		}
	}
}

func (b *book) receipt(r proof.Receipt, s proof.Signed) {
	a := attempt{r.Case, r.Attempt}
	if was, ok := b.receipts[a]; ok {
		if !bytes.Equal(was.Message, s.Message) {
			b.w.violate("two receipts of attempt %d differ", a.n)
		}
		return
	}
	if _, ok := b.voids[a]; ok {
		b.w.violate("attempt %d has a void notice and now a receipt", a.n)
	}
	if b.closings[r.Case] == proof.Closed {
		b.w.violate("a closed case has a receipt")
	}
	for other := range b.receipts {
		if other.c == r.Case {
			b.w.violate("attempts %d and %d of one case both have receipts", other.n, a.n)
		}
	}
	b.receipts[a] = s
}

func (b *book) void(v proof.VoidNotice, s proof.Signed) {
	a := attempt{v.Case, v.Attempt}
	if _, ok := b.receipts[a]; ok {
		b.w.violate("attempt %d has a receipt and now a void notice", a.n)
	}
	b.voids[a] = s
}

func (b *book) closing(c proof.Closing) {
	if was := b.closings[c.Case]; was != "" && was != c.Outcome {
		b.w.violate("a case was %s and is now %s", was, c.Outcome)
	}
	if c.Outcome == proof.Closed {
		for a := range b.receipts {
			if a.c == c.Case {
				b.w.violate("a case with a receipt is closed")
			}
		}
	}
	b.closings[c.Case] = c.Outcome
}

// addBundle notes what Issue gave: one attempt has one pair of certificates.
func (b *book) addBundle(n proof.Bundle) {
	a := attempt{n.Case, n.Attempt}
	if was, ok := b.bundles[a]; ok {
		if !bytes.Equal(proof.Encode(was), proof.Encode(n)) {
			b.w.violate("two bundles of attempt %d differ", a.n)
		}
		return
	}
	b.bundles[a] = n
}

func (b *book) addView(v authority.PairView) {
	b.add(v.Ticket)
	b.add(v.Receipt)
	b.add(v.Void)
	if v.Bundle != nil {
		b.addBundle(*v.Bundle)
	}
}

// hand notes an order that the agent is handed, with the papers inside.
func (b *book) hand(order []byte) {
	b.orders = append(b.orders, order)
	if proof.Tag(order) != proof.TagOf[proof.Retire]() {
		return
	}
	r, err := proof.Decode[proof.Retire](order)
	if err != nil {
		return
	}
	for _, s := range append(append([]proof.Signed(nil), r.Receipts...), r.Voids...) {
		b.handed[string(proof.Encode(s))] = s
	}
}

// byNotary reads a paper that the notary's true key signed.
func byNotary[M proof.Message](w *World, s proof.Signed) (M, error) {
	m, err := proof.Decode[M](s.Message)
	if err != nil {
		return m, err
	}
	if len(s.Signatures) != 1 {
		return m, fmt.Errorf("sim: %d signatures", len(s.Signatures))
	}
	return m, gm.VerifyAny(w.t.notary, s.Message, s.Signatures[0].Value)
}
