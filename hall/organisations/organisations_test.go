package organisations_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

const (
	ours, theirs = "91310000MA1K35XE0X", "91110000600007519Y"
	boss, clerk  = "13800000001", "13800000002"
	newcomer     = "13800000003"
	serial       = certhall.Serial("00000001") // of lineage l1, ours
)

type clock struct{ now time.Time }

// Now is never twice the same: acts have an order.
func (c *clock) Now() time.Time {
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// sms keeps what was sent; some of it behind the caller's back (People.Wait).
type sms struct {
	mu            sync.Mutex
	phones, codes []string
	invited       []string // who, to what
	fail          error
}

func (s *sms) Send(_ context.Context, phone, template string, vars map[string]string, key string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	if template == notify.TemplateInvited {
		s.invited = append(s.invited, phone+" "+vars["organisation"]+" "+vars["days"])
		return key, nil
	}
	s.phones, s.codes = append(s.phones, phone), append(s.codes, vars["code"])
	return key, nil
}

// world is a hall with two organisations: l1 and l2 are ours, l3 is theirs; the
// boss administers ours, the clerk handles l1.
type world struct {
	*testing.T
	*organisations.Desk
	store *hall.Store
	clock *clock
	sms   *sms
}

func each(t *testing.T, f func(w world)) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, hall.Migrations())
		w := world{T: t, store: hall.New(db, nil), clock: &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}, sms: new(sms)}
		people := accounts.New(accounts.Options{Store: w.store.Accounts(), SMS: w.sms, Clock: w.clock, Random: rand.Reader, Secret: []byte("s")})
		w.Desk = organisations.New(organisations.Options{Store: w.store.Organisations(), People: people, Clock: w.clock, Random: rand.Reader})
		w.must(w.store.Write(t.Context(), func(s services.Writer) error {
			for i, of := range []string{ours, ours, theirs} {
				p := authority.PairInfo{
					ID: certhall.PairID(fmt.Sprint("p", i+1)), Lineage: certhall.LineageID(fmt.Sprint("l", i+1)), State: authority.Current, Subject: "某公司" + of[:3],
					Organisation: of, SignSerial: certhall.Serial(fmt.Sprintf("%08x", i+1)), NotBefore: w.clock.now, NotAfter: w.clock.now.AddDate(1, 0, 0),
				}
				if err := s.ProjectPair(p, int64(i+1)); err != nil {
					return err
				}
			}
			return nil
		}))
		_, err := people.Bring(t.Context(), []accounts.Brought{{Lineage: "l1", Phone: clerk, Name: "李经办"}})
		w.must(err)
		_, err = w.NameAdministrator(t.Context(), ours, boss, "officer", "letter of 3 May")
		w.must(err)
		f(w)
		people.Wait()
	})
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) refused(err error, want *certhall.Error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got %v, want %s", err, want.Code)
	}
}

// logIn logs in by code.
func (w world) logIn(phone string) accounts.Visit {
	w.Helper()
	w.clock.now = w.clock.now.Add(accounts.ResendAfter)
	s := accounts.Session("s" + phone)
	_, err := w.People.SendLoginCode(w.Context(), s, phone, "a", "")
	w.must(err)
	token, _, err := w.People.Login(w.Context(), accounts.Login{Name: phone, Code: w.sms.codes[len(w.sms.codes)-1], Session: s})
	w.must(err)
	v, err := w.People.Visit(w.Context(), accounts.SessionOf(token))
	w.must(err)
	return v
}

// sees lists the certificates that a person sees.
func (w world) sees(v accounts.Visit) (serials []certhall.Serial) {
	w.Helper()
	w.must(w.store.Read(w.Context(), func(r services.Reader) error {
		found, err := r.CertificatesOf(v.Person, 10)
		serials = nil
		for _, c := range found {
			serials = append(serials, c.SignSerial)
		}
		return err
	}))
	slices.Sort(serials)
	return serials
}

// lines shows members as name, role and source, those who are invited with a ?.
func lines(m organisations.Members) string {
	var all []string
	for _, x := range m.Members {
		line := x.Phone[7:] + " " + string(x.Role) + " " + x.Source
		if x.Invited {
			line += "?"
		}
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

// TestAnAdministratorSeesAll of his organisation, and nothing of another's.
func TestAnAdministratorSeesAll(t *testing.T) {
	each(t, func(w world) {
		a, c := w.logIn(boss), w.logIn(clerk)
		if got := fmt.Sprint(w.sees(a), w.sees(c)); got != "[00000001 00000002] [00000001]" {
			t.Error(got)
		}
		me, err := w.People.Me(w.Context(), a)
		if err != nil || me.Level != accounts.LevelAdministrator || len(me.Organisations) != 1 || me.Organisations[0] != (accounts.Membership{Organisation: ours, Name: "某公司913", Role: accounts.Administrator}) {
			t.Errorf("%+v %v", me, err)
		}
		m, err := w.Members(w.Context(), a, ours)
		if err != nil || m.Name != "某公司913" || lines(m) != "0001 administrator officer, 0002 handler import" {
			t.Errorf("%+v %v", m, err)
		}
		if x := m.Members[1]; x.Name != "李经办" || x.Certificates != 1 || x.Phone != "138****0002" || x.Myself || !m.Members[0].Myself {
			t.Errorf("%+v", x)
		}
		for _, v := range []accounts.Visit{c, {Person: "nobody"}} {
			_, err = w.Members(w.Context(), v, ours)
			w.refused(err, organisations.ErrOrganisation)
			_, err = w.Invite(w.Context(), v, ours, newcomer, accounts.Agent)
			w.refused(err, organisations.ErrOrganisation)
			_, err = w.SetPhone(w.Context(), v, ours, a.Person, newcomer)
			w.refused(err, organisations.ErrOrganisation)
			_, err = w.AddHandler(w.Context(), v, ours, serial, v.Person)
			w.refused(err, organisations.ErrOrganisation)
		}
		_, err = w.Members(w.Context(), a, theirs)
		w.refused(err, organisations.ErrOrganisation)
	})
}

// TestInvited: whoever is invited belongs to it from his next log-in on.
func TestInvited(t *testing.T) {
	each(t, func(w world) {
		a := w.logIn(boss)
		m, err := w.Invite(w.Context(), a, ours, "138 0000 0003", accounts.Agent)
		if err != nil || lines(m) != "0001 administrator officer, 0002 handler import, 0003 handler administrator?" {
			t.Fatalf("%s %v", lines(m), err)
		}
		if m, err = w.Invite(w.Context(), a, ours, clerk, accounts.Administrator); err != nil || len(m.Members) != 3 {
			t.Errorf("who belongs to it already: %s %v", lines(m), err)
		}
		if m, err = w.Invite(w.Context(), a, ours, "13800000004", accounts.Agent); err != nil || len(m.Members) != 4 {
			t.Fatal(lines(m), err)
		}
		if m, err = w.Remove(w.Context(), a, ours, m.Members[3].ID, false); err != nil || len(m.Members) != 3 {
			t.Errorf("taken back: %s %v", lines(m), err)
		}
		n, other := w.logIn(newcomer), w.logIn("13800000004")
		if m, err = w.Members(w.Context(), a, ours); err != nil || lines(m) != "0001 administrator officer, 0002 handler import, 0003 handler administrator" {
			t.Errorf("%s %v", lines(m), err)
		}
		me, err := w.People.Me(w.Context(), n)
		if err != nil || me.Level != accounts.LevelOrdinary || len(me.Organisations) != 1 {
			t.Errorf("%+v %v", me, err)
		}
		if me, _ := w.People.Me(w.Context(), other); len(me.Organisations) != 0 {
			t.Errorf("%+v", me)
		}
		if len(w.sees(n)) != 0 {
			t.Error("a handler sees what he is registered for")
		}
	})
}

// TestHandlersOfACertificate are assigned and removed by the administrator.
func TestHandlersOfACertificate(t *testing.T) {
	each(t, func(w world) {
		a, c := w.logIn(boss), w.logIn(clerk)
		h, err := w.Handlers(w.Context(), a, ours, serial)
		if err != nil || len(h.Handlers) != 1 || h.Handlers[0].ID != c.Person || h.Handlers[0].Phone != "138****0002" {
			t.Errorf("%+v %v", h, err)
		}
		if h, err = w.AddHandler(w.Context(), a, ours, "00000002", c.Person); err != nil || len(h.Handlers) != 1 || h.Handlers[0].Source != accounts.ByAdministrator {
			t.Errorf("%+v %v", h, err)
		}
		if _, err = w.AddHandler(w.Context(), a, ours, "00000002", a.Person); err != nil { // as any member
			t.Error(err)
		}
		his, err := w.Handled(w.Context(), a, ours, c.Person)
		if err != nil || his.Member != c.Person || fmt.Sprint(his.Serials) != "[00000001 00000002]" {
			t.Errorf("%+v %v", his, err)
		}
		if his, err = w.Handled(w.Context(), a, ours, a.Person); err != nil || fmt.Sprint(his.Serials) != "[00000002]" { // not those of the office
			t.Errorf("%+v %v", his, err)
		}
		_, err = w.Handled(w.Context(), c, ours, c.Person)
		w.refused(err, organisations.ErrOrganisation)
		if got := fmt.Sprint(w.sees(c)); got != "[00000001 00000002]" {
			t.Error(got)
		}
		if h, err = w.RemoveHandler(w.Context(), a, ours, serial, c.Person); err != nil || len(h.Handlers) != 0 {
			t.Errorf("%+v %v", h, err)
		}
		if got := fmt.Sprint(w.sees(c), w.sees(a)); got != "[00000002] [00000001 00000002]" {
			t.Error(got)
		}
		_, err = w.AddHandler(w.Context(), a, ours, "00000003", c.Person)
		w.refused(err, organisations.ErrCertificate)
		stranger := w.logIn("13900000009")
		_, err = w.AddHandler(w.Context(), a, ours, serial, stranger.Person)
		w.refused(err, organisations.ErrMember)
		_, err = w.RemoveHandler(w.Context(), a, ours, serial, stranger.Person)
		w.refused(err, organisations.ErrMember)
		_, err = w.Handled(w.Context(), a, ours, stranger.Person)
		w.refused(err, organisations.ErrMember)
		f, err := w.File(w.Context(), ours)
		var kinds []string
		for _, act := range f.Acts {
			kinds = append(kinds, act.Kind)
		}
		if err != nil || fmt.Sprint(kinds) != "[member-role handler-add handler-add handler-remove]" || f.Acts[1].Operator != accounts.ByPerson(a.Person) || f.Acts[0].Reason == "" {
			t.Errorf("%+v %v", f.Acts, err)
		}
	})
}

// TestTheLastAdministrator does not go without a word.
func TestTheLastAdministrator(t *testing.T) {
	each(t, func(w world) {
		a, c := w.logIn(boss), w.logIn(clerk)
		_, err := w.SetRole(w.Context(), a, ours, a.Person, accounts.Agent, false)
		w.refused(err, organisations.ErrLast)
		_, err = w.Remove(w.Context(), a, ours, a.Person, false)
		w.refused(err, organisations.ErrLast)
		m, err := w.SetRole(w.Context(), a, ours, c.Person, accounts.Administrator, false)
		if err != nil || lines(m) != "0001 administrator officer, 0002 administrator import" {
			t.Fatalf("%s %v", lines(m), err)
		}
		if got := fmt.Sprint(w.sees(c)); got != "[00000001 00000002]" {
			t.Error(got)
		}
		if _, err = w.Remove(w.Context(), a, ours, a.Person, false); err != nil {
			t.Error(err)
		}
		if len(w.sees(a)) != 0 {
			t.Error("he sees nothing any more")
		}
		if _, err = w.Remove(w.Context(), c, ours, c.Person, true); err != nil {
			t.Error(err)
		}
		if len(w.sees(c)) != 0 {
			t.Error("what he handled went with his membership")
		}
		_, err = w.Remove(w.Context(), c, ours, c.Person, true)
		w.refused(err, organisations.ErrOrganisation)
	})
}

// TestAMemberIsRemoved: by an administrator; his links end with it.
func TestAMemberIsRemoved(t *testing.T) {
	each(t, func(w world) {
		a, c := w.logIn(boss), w.logIn(clerk)
		m, err := w.Remove(w.Context(), a, ours, c.Person, false)
		if err != nil || lines(m) != "0001 administrator officer" || len(w.sees(c)) != 0 {
			t.Errorf("%s %v", lines(m), err)
		}
		_, err = w.Remove(w.Context(), a, ours, c.Person, false)
		w.refused(err, organisations.ErrMember)
	})
}

// TestAMembersPhone: set by the administrator, proved at the next log-in; not of
// whoever has something to do elsewhere, nor his own.
func TestAMembersPhone(t *testing.T) {
	each(t, func(w world) {
		a, c := w.logIn(boss), w.logIn(clerk)
		_, err := w.SetPhone(w.Context(), a, ours, a.Person, newcomer)
		w.refused(err, organisations.ErrMyself)
		_, err = w.SetPhone(w.Context(), a, ours, c.Person, boss)
		w.refused(err, accounts.ErrPhoneTaken)
		m, err := w.SetPhone(w.Context(), a, ours, c.Person, newcomer)
		if err != nil || m.Members[1].Phone != "138****0003" {
			t.Fatalf("%+v %v", m, err)
		}
		w.People.Wait()
		if told := w.sms.phones[len(w.sms.phones)-1]; told != clerk {
			t.Errorf("the notice went to %s", told)
		}
		if v, err := w.People.Visit(w.Context(), c.Session); err != nil || v.Person != "" {
			t.Errorf("his log-ins end: %+v %v", v, err)
		}
		if v := w.logIn(newcomer); v.Person != c.Person {
			t.Errorf("he logs in by the new one: %+v", v)
		}
		_, err = w.People.Bring(w.Context(), []accounts.Brought{{Lineage: "l3", Phone: newcomer}})
		w.must(err)
		_, err = w.SetPhone(w.Context(), a, ours, c.Person, clerk)
		w.refused(err, organisations.ErrElsewhere)
	})
}

// TestOfficers name and remove administrators; an import brings them, but not
// those on whom somebody here has decided since.
func TestOfficers(t *testing.T) {
	each(t, func(w world) {
		for _, code := range []string{"", "91 310", "x'y", strings.Repeat("9", 41)} {
			_, err := w.NameAdministrator(w.Context(), code, boss, "o", "r")
			w.refused(err, organisations.ErrCode)
		}
		f, err := w.NameAdministrator(w.Context(), strings.ToLower(ours), boss, "o", "again")
		if err != nil || len(f.Acts) != 1 {
			t.Errorf("he is one already: %+v %v", f, err)
		}
		brought := []organisations.Brought{{Organisation: ours, Phone: boss}, {Organisation: theirs, Phone: boss}, {Organisation: theirs, Phone: boss}}
		if n, err := w.Bring(w.Context(), brought, "o"); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		if _, err = w.RemoveAdministrator(w.Context(), theirs, boss, "o", "left"); err != nil {
			t.Fatal(err)
		}
		_, err = w.RemoveAdministrator(w.Context(), theirs, boss, "o", "left")
		w.refused(err, organisations.ErrMember)
		if n, err := w.Bring(w.Context(), brought, "o"); n != 0 || err != nil {
			t.Errorf("brought back: %d %v", n, err)
		}
		if f, err = w.File(w.Context(), ours); err != nil || len(f.Members.Members) != 2 || f.Members.Members[0].Phone != "138****0001" {
			t.Errorf("%+v %v", f, err)
		}
	})
}

// TestAnInvitationIsForWhoeverHasThePhone: shown by a code, not by a password,
// and not a year later, when the number may be somebody else's.
func TestAnInvitationIsForWhoeverHasThePhone(t *testing.T) {
	each(t, func(w world) {
		a, n := w.logIn(boss), w.logIn(newcomer)
		const own = "Kx9-zebra-lamp"
		_, err := w.People.SetPassword(w.Context(), n, "", own)
		w.must(err)
		_, err = w.Invite(w.Context(), a, ours, newcomer, accounts.Administrator)
		w.must(err)
		_, me, err := w.People.Login(w.Context(), accounts.Login{Name: newcomer, Password: own, Session: "p"})
		if err != nil || len(me.Organisations) != 0 {
			t.Errorf("by password alone: %+v %v", me.Organisations, err)
		}
		w.clock.now = w.clock.now.Add(accounts.InvitationLife)
		w.logIn(newcomer)
		a = w.logIn(boss)
		if m, err := w.Members(w.Context(), a, ours); err != nil || lines(m) != "0001 administrator officer, 0002 handler import" {
			t.Errorf("too late: %s %v", lines(m), err)
		}
		_, err = w.Invite(w.Context(), a, ours, newcomer, accounts.Agent)
		w.must(err)
		w.logIn(newcomer)
		if m, err := w.Members(w.Context(), a, ours); err != nil || lines(m) != "0001 administrator officer, 0002 handler import, 0003 handler administrator" {
			t.Errorf("%s %v", lines(m), err)
		}
	})
}

// TestAnInvitationEndsWithTheMembership: nobody who was removed comes back by it.
func TestAnInvitationEndsWithTheMembership(t *testing.T) {
	each(t, func(w world) {
		a, n := w.logIn(boss), w.logIn(newcomer)
		_, err := w.Invite(w.Context(), a, ours, newcomer, accounts.Administrator)
		w.must(err)
		_, err = w.People.Bring(w.Context(), []accounts.Brought{{Lineage: "l2", Phone: newcomer}}) // a handler before he logs in again
		w.must(err)
		_, err = w.Remove(w.Context(), a, ours, n.Person, false)
		w.must(err)
		n = w.logIn(newcomer)
		if m, err := w.Members(w.Context(), a, ours); err != nil || len(m.Members) != 2 || len(w.sees(n)) != 0 {
			t.Errorf("%s %v", lines(m), err)
		}
	})
}

// TestPhonesOfMembersAreNotSetOften: the answer tells whether a number has an
// account, and a number that nobody has proved is told nothing.
func TestPhonesOfMembersAreNotSetOften(t *testing.T) {
	each(t, func(w world) {
		a, c := w.logIn(boss), w.logIn(clerk)
		sent := len(w.sms.phones)
		for i := range 10 {
			_, err := w.SetPhone(w.Context(), a, ours, c.Person, fmt.Sprintf("137%08d", i))
			w.must(err)
		}
		_, err := w.SetPhone(w.Context(), a, ours, c.Person, newcomer)
		w.refused(err, accounts.ErrLoginLimited)
		w.People.Wait()
		if told := w.sms.phones[sent:]; len(told) != 1 || told[0] != clerk {
			t.Errorf("told: %v", told)
		}
	})
}

// TestAnImportIsRunAgain: it decides nothing anew about a handler of whom it said
// the same before, and does take what is new.
func TestAnImportIsRunAgain(t *testing.T) {
	each(t, func(w world) {
		first := accounts.Brought{Lineage: "l1", Phone: clerk, Name: "李经办"}
		bring := func(want string, row accounts.Brought) {
			t.Helper()
			became, err := w.People.Bring(w.Context(), []accounts.Brought{row})
			if err != nil || became[0] != want {
				t.Errorf("%v %v, want %s", became, err, want)
			}
		}
		handlers := func(want string) {
			t.Helper()
			all, err := w.People.HandlersOf(w.Context(), "l1")
			w.must(err)
			var got []string
			for _, h := range all {
				if h.Source != accounts.ByOrganisation {
					got = append(got, h.Person.Phone+h.Name)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		a, c := w.logIn(boss), w.logIn(clerk)
		bring(accounts.HandlerThere, first)
		handlers(clerk + "李经办")

		_, err := w.RemoveHandler(w.Context(), a, ours, "00000001", c.Person)
		w.must(err)
		bring(accounts.HandlerKept, first)
		handlers("")
		_, err = w.NameAdministrator(w.Context(), ours, clerk, "officer", "so that he belongs to it")
		w.must(err)
		_, err = w.AddHandler(w.Context(), a, ours, "00000001", c.Person)
		w.must(err)
		bring(accounts.HandlerThere, first)
		handlers(clerk)

		const moved = "13800000007"
		next := accounts.Brought{Lineage: "l2", Phone: newcomer, Name: "王经办"}
		bring(accounts.HandlerAdded, next)
		_, err = w.People.SetPhone(w.Context(), newcomer, moved, "officer", "lost")
		w.must(err)
		bring(accounts.HandlerThere, next) // his old number may be somebody else's by now
		next.Name = "王五"
		bring(accounts.HandlerChanged, next)
		if all, err := w.People.HandlersOf(w.Context(), "l2"); err != nil || len(accounts.Registered(all)) != 1 || all[0].Person.Phone != moved || all[0].Name != "王五" {
			t.Errorf("%+v %v", all, err)
		}
		next.Phone = clerk // the table was corrected
		bring(accounts.HandlerChanged, next)
		if all, err := w.People.HandlersOf(w.Context(), "l2"); err != nil || len(accounts.Registered(all)) != 1 || all[0].Person.Phone != clerk {
			t.Errorf("%+v %v", all, err)
		}

		brought := []organisations.Brought{{Organisation: theirs, Phone: newcomer}}
		if n, err := w.Bring(w.Context(), brought, "o"); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		_, err = w.People.SetPhone(w.Context(), newcomer, "13800000008", "officer", "lost")
		w.must(err)
		if n, err := w.Bring(w.Context(), brought, "o"); n != 0 || err != nil {
			t.Errorf("whoever has the number now administers it: %d %v", n, err)
		}
	})
}

// TestInvitedAreTold by a short message, three times a day whoever invites them;
// the invitation stands where none is sent, and whoever invites hears so.
func TestInvitedAreTold(t *testing.T) {
	each(t, func(w world) {
		a := w.logIn(boss)
		invite := func(phone, told string) {
			t.Helper()
			m, err := w.Invite(w.Context(), a, ours, phone, accounts.Agent)
			if err != nil || m.Told != told {
				t.Errorf("%s: told %q %v, want %q", phone, m.Told, err, told)
			}
		}
		invite(newcomer, organisations.Sent)
		if want := newcomer + " 某公司" + ours[:3] + " 30"; len(w.sms.invited) != 1 || w.sms.invited[0] != want {
			t.Errorf("%q, want %q", w.sms.invited, want)
		}
		invite(newcomer, organisations.Sent)
		invite(newcomer, organisations.Sent)
		w.clock.now = w.clock.now.Add(2 * time.Hour)
		invite(newcomer, organisations.Unsent)
		invite(clerk, "") // belongs to it already
		w.clock.now = w.clock.now.Add(22 * time.Hour)
		a = w.logIn(boss)
		invite(newcomer, organisations.Sent)
		w.sms.fail = errors.New("no answer")
		invite("13800000006", organisations.Unsent)
		if m, err := w.Members(w.Context(), a, ours); err != nil || !strings.Contains(lines(m), "0006") || m.Told != "" {
			t.Errorf("%s %v", lines(m), err)
		}
		if len(w.sms.invited) != 4 {
			t.Errorf("%q", w.sms.invited)
		}
	})
}
