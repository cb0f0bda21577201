package services_test

import (
	"slices"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

// history lays superseded pairs on the key, the oldest first: as after so many
// renewals whose receipts were obeyed and kept the old container.
func (w *world) history(n int, change ...func(i int, r *proof.Receipt)) {
	w.Helper()
	for i := range n {
		w.succeed(func(r *proof.Receipt) {
			for _, f := range change {
				f(i, r)
			}
		})
	}
	slices.Reverse(w.rest) // keys list as they like
}

// succeed replaces the pair in force by a new one, and keeps the old container.
func (w *world) succeed(change func(*proof.Receipt)) {
	w.Helper()
	old := w.fake.bySerial(serialOf(w.old))
	name := certhall.ContainerName(authorityID, old.Case, old.Attempt)
	w.rest = append(w.rest, proof.ListedContainer{Name: name, Sign: w.old.cert.Raw})
	next := certify(w.T, &w.fake.root, "某公司")
	of := old.Case + "x"
	v := w.fake.pairView(of, 1, "l1", next)
	v.Pair.State, v.Pair.NotAfter, v.Standing, v.Old = authority.Current, old.Pair.NotAfter.AddDate(1, 0, 0), authority.AttemptAcknowledged, old.Pair.SignSerial
	receipt := proof.Receipt{Authority: authorityID, Case: string(of), Attempt: 1, OldSign: string(v.Old), NewSign: string(v.Pair.SignSerial), Disposal: string(certhall.Keep), Escrowed: true}
	change(&receipt)
	v.Receipt = w.fake.notary.sign(receipt)
	old.Pair.State, old.ReplacedBy, old.ReplacedByAttempt = authority.Revoked, of, 1
	w.fake.cases[of] = &fakeCase{certhall.Renew, "acknowledged", v.Old, "l1", []*authority.PairView{v}}
	w.fake.pairs = append(w.fake.pairs, v)
	w.fake.emit(authority.PairAcknowledged, v)
	w.follow()
	w.old = next
}

// now is the key as it lies there: the pair in force and its history.
func (w *world) now() proof.Listing {
	l := w.listing(w.old)
	v := w.fake.bySerial(serialOf(w.old))
	l.Containers[0].Name = certhall.ContainerName(authorityID, v.Case, v.Attempt)
	return l
}

// TestHistory: what lies on the key beyond the policy is handed out with its
// receipts, the oldest first, and one goes at a time; the old pair of this
// renewal counts where it will be kept.
func TestHistory(t *testing.T) {
	for name, c := range map[string]struct {
		history, keep int
		disposal      certhall.Disposal
		change        func(i int, r *proof.Receipt)
		hide          []int // containers that lie on another key, from the oldest
		want          []int // whose receipts are handed out
	}{
		"no policy":                  {3, 0, "", nil, nil, nil},
		"all fit":                    {2, 3, "", nil, nil, nil},
		"one too many":               {3, 3, "", nil, nil, []int{0}},
		"none but this one's":        {2, 1, "", nil, nil, []int{0, 1}},
		"this one will not stay":     {3, 2, certhall.Delete, nil, nil, []int{0}},
		"not in escrow":              {2, 1, "", func(i int, r *proof.Receipt) { r.Escrowed = i > 0 }, nil, []int{1}},
		"one goes by its own errand": {2, 2, "", func(i int, r *proof.Receipt) { r.Disposal = map[bool]string{true: "delete", false: "keep"}[i == 1] }, nil, nil},
		"its successor is elsewhere": {3, 1, "", nil, []int{1}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.offering(catalog.Policy{History: c.keep, Disposal: c.disposal})
			w.history(c.history, func(i int, r *proof.Receipt) {
				if c.change != nil {
					c.change(i, r)
				}
			})
			oldest := slices.Clone(w.rest)
			slices.Reverse(oldest)
			w.rest = slices.DeleteFunc(w.rest, func(x proof.ListedContainer) bool {
				return slices.ContainsFunc(c.hide, func(i int) bool { return oldest[i].Name == x.Name })
			})
			o := w.open(w.old)
			n := w.reply(o, w.now())
			if len(c.want) == 0 {
				w.expect(n, services.Open, services.StepIdentify, "wait:ticket")
				return
			}
			w.expect(n, services.Open, services.StepIdentify, "retire")
			order := decode[proof.Retire](w, n)
			var got, want []string
			for _, s := range order.Receipts {
				r, err := proof.Decode[proof.Receipt](s.Message)
				w.must(err)
				got = append(got, r.OldSign)
			}
			for _, i := range c.want {
				cert, err := serialIn(oldest[i].Sign)
				w.must(err)
				want = append(want, string(cert))
			}
			if !order.MakeRoom || !slices.Equal(got, want) || len(order.Voids) != 0 {
				t.Errorf("room %v, receipts over %v, want %v", order.MakeRoom, got, want)
			}
		})
	}
}

// TestHistoryGoesOneByOne: the key is read anew after each; a refusal ends it
// and the renewal goes on.
func TestHistoryGoesOneByOne(t *testing.T) {
	w := newWorld(t)
	w.offering(catalog.Policy{History: 1})
	w.history(3)
	o := w.open(w.old)
	n := w.reply(o, w.now())
	for left := 2; left >= 1; left-- {
		w.expect(n, services.Open, services.StepIdentify, "retire")
		gone := w.rest[left].Name
		w.rest = w.rest[:left]
		w.expect(w.reply(o, proof.RetireReport{Authority: authorityID, Deleted: []proof.DeletedName{{Name: gone}}}), services.Open, services.StepIdentify, "identify")
		n = w.reply(o, w.now())
	}
	w.expect(n, services.Open, services.StepIdentify, "retire")
	n = w.reply(o, proof.RetireReport{Authority: authorityID, Refused: true})
	w.expect(n, services.Open, services.StepIdentify, "wait:ticket")
	if n.Problem != nil {
		t.Errorf("a refusal stops the renewal: %+v", n.Problem)
	}
	w.must(w.work())
	w.expect(w.prove(o), services.Open, services.StepPay, "ask:pay")
}

// TestHistoryOfNobodyElse: another lineage's containers on the same key count
// for nothing.
func TestHistoryOfNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.offering(catalog.Policy{History: 1})
	w.history(2)
	for _, x := range w.rest {
		cert, err := serialIn(x.Sign)
		w.must(err)
		w.fake.bySerial(cert).Pair.Lineage = "l2"
	}
	o := w.open(w.old)
	w.expect(w.reply(o, w.now()), services.Open, services.StepIdentify, "wait:ticket")
}

// serialIn is the serial of a listed certificate.
func serialIn(der []byte) (certhall.Serial, error) {
	cert, err := gm.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	return certhall.SerialOf(cert.SerialNumber), nil
}
