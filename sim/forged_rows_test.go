package sim

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/sqldb"
)

// forger owns the hall's database and a certificate of his own (another
// holder's), and wants a pair that is not his: the authority must sign nothing.
type forger struct {
	*testing.T
	*World
	opened  services.Opened
	did     string // operation that the key carried out last
	request []byte // P10 over a key of the forger's
}

// forgeries are what he writes, each after the key has carried out an
// operation (or at the start, where none is named).
var forgeries = map[string]struct {
	after string
	forge func(*forger)
}{
	"another's pair as the old one":    {"", func(f *forger) { f.set("serial", string(f.t.other.SignSerial)) }},
	"another's pair and lineage":       {"", func(f *forger) { f.set("serial", string(f.t.other.SignSerial)); f.set("lineage", "lineage2") }},
	"another service":                  {"", func(f *forger) { f.set("service", "repair") }},
	"another's pair for the ticket":    {"identify", func(f *forger) { f.set("serial", string(f.t.other.SignSerial)) }},
	"another service for the ticket":   {"identify", func(f *forger) { f.set("service", "apply") }},
	"a project of his choice":          {"identify", func(f *forger) { f.set("project", "医保项目") }},
	"a profile of his choice":          {"identify", func(f *forger) { f.set("profile", "issuing-ca") }},
	"a term beyond the longest":        {"identify", func(f *forger) { f.set("term_years", 50) }},
	"no term":                          {"identify", func(f *forger) { f.set("term_years", 0) }},
	"an entitlement that is spent":     {"identify", func(f *forger) { f.set("entitlement", string(f.t.other.Entitlement)) }},
	"his request under the key's word": {"prepare", func(f *forger) { f.set("request", f.request) }},
	"no request":                       {"prepare", func(f *forger) { f.set("request", []byte{0x30, 0}) }},
	"no evidence": {"prepare", func(f *forger) {
		f.set("evidence", proof.Encode(proof.Signed{Message: proof.Encode(f.evidence(f.opened.Case))}))
	}},
	"evidence by his own certificate": {"prepare", func(f *forger) { f.put(f.request, f.byOther(f.evidence(f.opened.Case))) }},
	"evidence by a false authority": {"prepare", func(f *forger) {
		f.put(f.request, byParty(f.random, f.t.falseAuthority.Notary, f.evidence(f.opened.Case)))
	}},
	"evidence by the authority's own": {"prepare", func(f *forger) {
		f.put(f.request, byParty(f.random, f.t.founded.Main().OCSP, f.evidence(f.opened.Case)))
	}},
	"a decision by himself":                     {"prepare", func(f *forger) { f.put(f.request, f.byOther(f.decision())) }},
	"a case that nobody opened":                 {"prepare", (*forger).invent},
	"the key's evidence in a case he made":      {"prepare", func(f *forger) { f.add(f.sent()) }},
	"the key's evidence for a later attempt":    {"prepare", func(f *forger) { f.move(2) }},
	"the key's evidence for an attempt far off": {"prepare", func(f *forger) { f.move(7) }},
}

func TestForgedRowsIssueNothing(t *testing.T) {
	b := template(t).Bench()
	defer b.Close()
	for name, c := range forgeries {
		t.Run(name, func(t *testing.T) {
			f := newForger(t, b)
			before := f.made()
			f.quietly(func() {
				f.play(func() bool { return f.did == c.after })
				c.forge(f)
				f.play(func() bool { return false })
				f.pump()
				f.pump()
			})
			if after := f.made(); after != before {
				t.Errorf("%d pairs were made", after-before)
			}
		})
	}
}

// TestForgedRowsChangeNothing: what the key has signed is issued as it was
// signed, whatever the hall's rows say meanwhile.
func TestForgedRowsChangeNothing(t *testing.T) {
	b := template(t).Bench()
	defer b.Close()
	f := newForger(t, b)
	before := len(f.pairs())
	f.quietly(func() {
		f.play(func() bool { return f.did == "prepare" })
		for column, value := range map[string]any{
			"serial": string(f.t.other.SignSerial), "project": "医保项目", "profile": "issuing-ca",
			"term_years": 50, "disposal": "delete", "entitlement": "forged", "phone": "13900000000", "key_serial": "forged",
		} {
			f.set(column, value)
		}
		f.pump()
		f.pump()
	})
	made := f.pairs()[before:]
	if len(made) != 1 {
		t.Fatalf("%d pairs", len(made))
	}
	p, old := made[0], f.t.old
	if p.Lineage != old.Lineage || p.OldPair != old.ID || p.Project != old.Project || p.Profile != old.Profile || p.TermYears != old.TermYears ||
		p.KeySerial != keySerial || p.Entitlement == "forged" || p.Subject != old.Subject || p.Organisation != old.Organisation {
		t.Errorf("the pair is not what the key signed: %+v", p.PairInfo)
	}
}

// TestForgedAcknowledgementMakesNothingCurrent: nor does a claim, or a closing.
func TestForgedAcknowledgementMakesNothingCurrent(t *testing.T) {
	b := template(t).Bench()
	defer b.Close()
	f := newForger(t, b)
	f.quietly(func() {
		f.play(func() bool { return f.did == "install" })
		p := f.pairs()[len(f.pairs())-1]
		f.set("acknowledgement", proof.Encode(f.byOther(proof.Acknowledgement{
			Authority: authorityID, Case: string(p.Case), Attempt: p.Attempt, SignSerial: string(p.SignSerial), EncSerial: string(p.EncSerial),
			KeyDigest: p.KeyDigest, Untestable: true,
		})))
		f.owe(services.Effect{Kind: services.EffectAcknowledge, Case: p.Case, Attempt: p.Attempt})
		f.set("acknowledged", true)
		f.set("new_serial", string(p.SignSerial))
		f.pump()
		f.pump()
	})
	pairs := f.pairs()
	if last := pairs[len(pairs)-1]; last.State != authority.Issued {
		t.Errorf("the new pair is %s", last.State)
	}
}

func newForger(t *testing.T, b *Bench) *forger {
	t.Helper()
	w, err := b.world(Schedule{Service: certhall.Renew, Key: Roomy})
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{T: t, World: w}
	key, err := sm2.GenerateKey(w.random)
	if err == nil {
		f.request, err = demo.Request(w.random, key, "伪造")
	}
	f.must(err)
	f.quietly(func() {
		counter := w.nodes[0].counter
		n, err := counter.Nonce(background)
		f.must(err)
		opening, err := w.pc.agent.SignOpening(background, keySerial, proof.Opening{
			Authority: authorityID, Service: string(certhall.Renew), Serial: string(w.t.old.SignSerial), Origin: origin, Nonce: n.Nonce,
		})
		f.must(err)
		f.opened, err = counter.Open(background, services.Caller{}, proof.Encode(opening))
		f.must(err)
	})
	return f
}

// made counts the authority's pairs, in whatever state.
func (f *forger) made() (n int) {
	f.Helper()
	f.must(f.data.authorityDB.Read(background, func(tx *sqldb.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM pairs").Scan(&n)
	}))
	return n
}

// byOther signs with the forger's own pair.
func (f *forger) byOther(m proof.Message) proof.Signed {
	f.Helper()
	k, err := f.t.otherMedium.look()
	f.must(err)
	f.must(k.Login(background, pin))
	s, err := signIn(k, f.t.otherContainer, m)
	f.must(err)
	return s
}

func (f *forger) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(certhall.CauseText(err))
	}
}

// play is the honest handler with his key, until something is reached or
// nothing goes on any more.
func (f *forger) play(reached func() bool) {
	f.Helper()
	var in services.Input
	for range 40 {
		if reached() {
			if len(in.Reply) > 0 { // arrives; no worker has seen it yet
				_, err := f.nodes[0].counter.Next(background, services.Caller{Token: f.opened.Token}, f.opened.Case, in)
				f.must(err)
			}
			return
		}
		n, err := f.nodes[0].counter.Next(background, services.Caller{Token: f.opened.Token}, f.opened.Case, in)
		in = services.Input{}
		switch {
		case err != nil:
			f.clock.advance(time.Second)
			f.pump()
		case n.Operation != "":
			in.Reply, f.did = f.tell(n.Message), n.Operation
		case n.Ask != nil && n.Ask.Sent:
			in.Answer = &services.Answer{Code: f.lastCode()}
		case n.Ask != nil:
			in.Answer = &services.Answer{SendCode: true}
		case n.Wait != nil:
			f.clock.advance(time.Second)
			f.pump()
		default:
			return
		}
	}
}

// set forges a column of the case.
func (f *forger) set(column string, value any) {
	f.Helper()
	f.must(f.data.hallDB.Write(background, func(tx *sqldb.Tx) error {
		_, err := tx.Exec("UPDATE cases SET "+column+" = $1 WHERE id = $2", value, string(f.opened.Case))
		return err
	}))
}

// put forges what the key sent.
func (f *forger) put(request []byte, evidence proof.Signed) {
	f.set("request", request)
	f.set("evidence", proof.Encode(evidence))
}

// owe gives the workers something to do.
func (f *forger) owe(e services.Effect) {
	f.Helper()
	text, err := json.Marshal(e)
	f.must(err)
	f.must(f.data.hallDB.Write(background, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO sim_queue (effect) VALUES ($1)`, string(text))
		return err
	}))
}

// invent writes a case for the victim's pair as if everything before issue had
// been done; only the evidence is not by the victim's key.
func (f *forger) invent() {
	f.add(func(id certhall.CaseID) ([]byte, []byte) {
		return f.request, proof.Encode(f.byOther(f.evidence(id)))
	})
}

// sent is what the victim's key has signed for its own case.
func (f *forger) sent() func(certhall.CaseID) (request, evidence []byte) {
	f.Helper()
	var k *services.Case
	f.must(f.data.hall.Read(background, func(r services.Reader) (err error) {
		k, err = r.Case(f.opened.Case)
		return err
	}))
	return func(certhall.CaseID) ([]byte, []byte) { return k.Request, k.Evidence }
}

// move sends what the key has signed to another attempt.
func (f *forger) move(attempt int) {
	f.set("attempt", attempt)
	f.owe(services.Effect{Kind: services.EffectIssue, Case: f.opened.Case, Attempt: attempt})
}

// add writes a case with a genuine ticket for the victim's pair, whose issue is
// owed. The victim's own case goes no further.
func (f *forger) add(papers func(certhall.CaseID) (request, evidence []byte)) {
	f.Helper()
	f.set("request", nil)
	f.set("suspended", true)
	k := services.Case{
		ID: "forged", Version: 1, Service: certhall.Renew, State: services.Open, Lineage: "forged", Serial: f.t.old.SignSerial,
		OpenedAt: f.clock.Now(), Identified: true, PhoneProved: true, Entitlement: "forged",
	}
	f.must(f.data.hall.Write(background, func(w services.Writer) error {
		_, err := w.AddCase(k)
		return err
	}))
	f.must(f.nodes[0].counter.Work(background, services.Effect{Kind: services.EffectTicket, Case: k.ID}))
	k.Version, k.Attempt, k.Rank = 2, 1, services.RankOpened
	k.Request, k.Evidence = papers(k.ID)
	f.must(f.data.hall.Write(background, func(w services.Writer) error {
		_, err := w.SaveCase(k)
		return err
	}))
	f.owe(services.Effect{Kind: services.EffectIssue, Case: k.ID, Attempt: k.Attempt})
}

// evidence says everything that the authority wants to hear.
func (f *forger) evidence(id certhall.CaseID) proof.OldKey {
	a := f.attempt(id)
	old := f.t.old
	return proof.OldKey{
		Authority: authorityID, Service: string(certhall.Renew), Case: string(a.Case), Attempt: a.Number, Entitlement: "forged",
		OldSerial: string(old.SignSerial), Project: old.Project, Profile: old.Profile, TermYears: 1, RequestDigest: f.digest(),
		Disposal: string(certhall.Keep), KeySerial: keySerial, Nonce: a.Nonce, Expiry: a.Expiry,
	}
}

func (f *forger) decision() proof.Decision {
	a := f.attempt(f.opened.Case)
	return proof.Decision{
		Authority: authorityID, Service: string(certhall.Apply), Case: string(a.Case), Attempt: a.Number, Entitlement: "forged",
		Lineage: string(lineage), Organisation: "91330000MA27XXXX0A", Project: project, KeyNumber: "SIM-0001", KeySerial: keySerial,
		Profile: f.t.old.Profile, TermYears: 1, RequestDigest: f.digest(), Verdict: proof.Approve, Nonce: a.Nonce, Expiry: a.Expiry,
	}
}

func (f *forger) attempt(id certhall.CaseID) (a *ca.Attempt) {
	f.Helper()
	f.read(func(r ca.Reader) (err error) {
		a, err = r.OpenAttempt(id)
		return err
	})
	if a == nil {
		f.Fatal("no attempt is open")
	}
	return a
}

func (f *forger) digest() []byte {
	f.Helper()
	_, digest, err := gm.ParseRequest(f.request)
	f.must(err)
	return digest
}
