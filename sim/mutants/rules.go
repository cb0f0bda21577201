package main

// rule is one rule of the protocol and how to switch it off.
type rule struct {
	Name   string // in the order of the protocol
	What   string
	Faults string // that meet it, so that the check is quick; "" for all
	Edits  []edit
}

const (
	issue   = "authority/ca/issue.go"
	ack     = "authority/ca/acknowledge.go"
	claim   = "authority/ca/claim.go"
	shut    = "authority/ca/close.go"
	revoke  = "authority/ca/revoke.go"
	judge   = "authority/ca/eligible.go"
	weigh   = "authority/ca/evidence.go"
	schema  = "store/authority/migrations/001_authority.sql"
	pairs   = "store/authority/pairs.go"
	issued  = "store/authority/issued.go"
	trust   = "desk/token/trust.go"
	prepare = "desk/token/prepare.go"
	bundle  = "desk/token/bundle.go"
	install = "desk/token/install.go"
	testify = "desk/token/acknowledge.go"
	retire  = "desk/token/retire.go"
	advance = "hall/services/advance.go"
	hallrow = "hall/services/case.go"
	closing = "hall/services/close.go"
	refund  = "hall/orders/refund.go"
	rights  = "hall/orders/entitlement.go"
	take    = "hall/payment/till_take.go"
)

// Where a rule is kept twice (an index and a check, two compare-and-swaps),
// both keepers are switched off: either alone suffices, as it should.
//
// Not here: the order of locks and the numbering after commit, which nothing
// on SQLite can break (its one writer is alone; store/storetest tries both on
// PostgreSQL); that early events are not dropped, because a hall in one piece
// never sees one (the table test of hall/services tries it).
var rules = []rule{
	{"final-states", "void and revoked never become anything else", "false-claim,close", []edit{
		{pairs, `" AND state = $"+strconv.Itoa(n+2)`, `" AND $"+strconv.Itoa(n+2)+" <> ''"`},
		{ack, `if a == nil || a.Standing != authority.AttemptOpen {`, `if a == nil {`},
		{ack, `authority.AttemptAcknowledged); err != nil || !ended {`, `authority.AttemptAcknowledged); err != nil && !ended {`},
	}},
	{"one-current", "one current pair a lineage", "fail", []edit{
		{schema, `CREATE UNIQUE INDEX pairs_lineage_current`, `CREATE INDEX pairs_lineage_current`},
		{ack, `		if old != nil {
			standing`, `		if old != nil && false {
			standing`},
	}},
	{"one-coming", "one intended or issued pair a lineage, across all cases", "rival", []edit{
		{schema, `CREATE UNIQUE INDEX pairs_lineage_coming`, `CREATE INDEX pairs_lineage_coming`},
	}},
	{"one-entitlement", "an entitlement is unique among non-void pairs", "thief", []edit{
		{schema, `CREATE UNIQUE INDEX pairs_entitlement`, `CREATE INDEX pairs_entitlement`},
	}},
	{"spent-when-acknowledged", "an entitlement is spent by the event acknowledged, not before", "close,lost", []edit{
		{hallrow, `func (c Case) Spent() bool { return c.Acknowledged }`, `func (c Case) Spent() bool { return c.Rank >= RankIssued }`},
	}},
	{"window-judged-once", "the window's judgement holds until the case is closed", "expiry", []edit{
		{weigh, `	if err := inForce(old); err != nil {`, `	if err := ca.judge(old, c.Service, now); err != nil {`},
	}},
	{"prepare-with-ticket", "a container is made only with a ticket", "forged-ticket", []edit{
		{prepare, `	ticket, root, err := Notarized[proof.Ticket](env.Trust, order.Ticket)
	if err != nil {
		return nil, err
	}`, `	ticket, err := proof.Decode[proof.Ticket](order.Ticket.Message)
	if err != nil {
		return nil, err
	}
	root := env.Trust.roots[0]`},
	}},
	{"generate-on-empty", "a key is made only in an empty container", "lost,twice,dup", []edit{
		{prepare, `	if err != nil || !h.Empty() {`, `	if err != nil {`},
	}},
	{"issued-by-swap", "signatures are stored by compare-and-swap from intended", "false-claim,close,node,suspend", []edit{
		{issued, `+" AND state = 'intended' AND NOT suspended"+`, `+`},
		{issued, ` WHERE n = $2 AND state = 'intended' AND NOT suspended`, ` WHERE n = $2`},
	}},
	{"stored-answer-first", "same attempt and same key: the stored answer, before any other check", "twice,lost,dup", []edit{
		{issue, `		if err != nil || stored != nil {`, `		if stored = nil; err != nil || stored != nil {`},
	}},
	{"restart-completes", "a restart completes open intents", "node", []edit{
		{issue, `	for _, p := range open {`, `	for _, p := range open[:0] {`},
	}},
	{"install-proves-chain", "before writing: chain to the trusted root", "forged-bundle", []edit{
		{bundle, `	if p.root, err = e.Trust.Root(p.sign, b.Chain); err != nil {
		return nil, err
	}`, `	p.root = e.Trust.roots[0]`},
		{bundle, `	if root, err := t.Root(p.enc, p.Chain); err != nil || !root.Equal(p.root) {`, `	if false {`},
	}},
	{"install-keeps-encryption-key", "an encryption key that lies there is never replaced", "lost,cut-after,crash-after", []edit{
		{install, `	if h.EncKey == nil {`, `	if h.EncKey == nil || true {`},
	}},
	{"install-proves-envelope", "the enveloped key is the certificate's", "forged-bundle", []edit{
		{bundle, `if err != nil || !gm.SameKey(wrapped, p.encKey) {`, `if err != nil || wrapped == nil {`},
	}},
	{"acknowledge-reads-back", "the agent reads all four parts back before it signs", "overwrite", []edit{
		{testify, `reason == "" && !p.complete(h)`, `reason == "" && h == nil`},
	}},
	{"acknowledge-self-test", "the agent repeats the self-test before it signs", "spoil", []edit{
		{testify, `	nonce, untestable, reason, err := p.test(ctx, h, env)
	if err != nil {`, `	nonce, untestable, reason, err := p.test(ctx, h, env)
	if reason == proof.FailingSelfTest {
		reason, untestable = "", true
	}
	if err != nil {`},
	}},
	{"acknowledged-by-swap", "acknowledge: compare-and-swap from issued of the open attempt", "false-claim,close", []edit{
		{ack, `if a == nil || a.Standing != authority.AttemptOpen {`, `if a == nil {`},
		{ack, `authority.AttemptAcknowledged); err != nil || !ended {`, `authority.AttemptAcknowledged); err != nil && !ended {`},
		{ack, `	if moved, err := w.MovePair(p.ID, authority.Issued, authority.Current,`, `	now2, _ := w.Pair(p.ID)
		if now2.State == authority.Void {
			return nil
		}
		if moved, err := w.MovePair(p.ID, now2.State, authority.Current,`},
	}},
	{"same-receipt", "the same receipt for ever", "twice,lost,dup,crash-after", []edit{
		{ack, `		if p.Receipt != nil {`, `		if p.Receipt == nil && false {`},
	}},
	{"retire-verifies", "receipts and void notices count only under the notary's signature", "forged-receipt,forged-void", []edit{
		{trust, `	if m, err = proof.VerifyKey[M](s, pub); err != nil {`, `	if m, err = proof.Decode[M](s.Message); err != nil || pub == nil {`},
	}},
	{"notary-only", "and only under the notary's certificate, not another of the authority's", "forged-receipt,forged-void,forged-ticket", []edit{
		{trust, `			if !oid.Equal(office) || c.IsCA {`, `			if c.IsCA || len(oid) == 0 {`},
	}},
	{"retire-self-test", "the old container goes only while the new one passes its self-test", "spoil", []edit{
		{retire, `	if ok, err := SelfTest(ctx, h, r.env.Random); err != nil || !ok {
		return nil, proof.FailingSelfTest, err
	}`, ``},
	}},
	{"retire-names", "only the old pair that the receipt names", "false-claim,fail", []edit{
		{retire, `	old := r.env.Trust.bySerial(r.all, rc.OldSign, rc.root, r.order.Chain)
	if old == nil ||`, `	old := r.all[0]
	if old == nil ||`},
	}},
	{"claim-voids", "void comes first: the claim voids the attempt's pair", "false-claim", []edit{
		{claim, `	if p != nil && (p.State == authority.Intended || p.State == authority.Issued) {`, `	if p != nil && p.State == authority.Intended {`},
	}},
	{"claim-names-the-key", "a claim names the key in the authority's record", "other-claim", []edit{
		{claim, `len(m.keyDigest) != 0 && !bytes.Equal(known, m.keyDigest) || len(m.keyDigest) == 0 && known != nil`, `false && !bytes.Equal(known, m.keyDigest)`},
	}},
	{"suspension-blocks", "a suspension blocks issue, claim and acknowledge", "suspend,suspend-brief", []edit{
		{judge, `	case p.Suspended:
		return authority.ErrSuspended`, ``},
		{issued, `+" AND state = 'intended' AND NOT suspended"+`, `+" AND state = 'intended'"+`},
		{issued, ` WHERE n = $2 AND state = 'intended' AND NOT suspended`, ` WHERE n = $2 AND state = 'intended'`},
	}},
	{"suspension-holds-all", "a suspension acts on the whole lineage", "suspend", []edit{
		{pairs, `(state IN ('issued', 'current', 'superseded') OR`, `(state IN ('current') OR`},
	}},
	{"revoke-ends-superseded", "a revocation ends superseded pairs in grace too", "revoke", []edit{
		{revoke, `		if p.State != authority.Current && p.State != authority.Superseded {`, `		if p.State != authority.Current {`},
	}},
	{"revoke-voids", "a revocation voids what is intended or issued", "revoke", []edit{
		{revoke, `			if err := ca.shut(w, c, o.why); err != nil {
				return err
			}`, ``},
	}},
	{"close-unheard", "a case is closed for ever even if it was never heard of", "close", []edit{
		{shut, `			if err := w.AddCase(*c); err != nil {
				return err
			}
			outcome = proof.Closed
			return`, `			outcome = proof.Closed
			return`},
	}},
	{"close-voids", "closing voids an intended or issued pair", "close,lapse", []edit{
		{shut, `	if a != nil {
		p, err`, `	if a != nil && false {
		p, err`},
	}},
	{"close-after-acknowledge", "once acknowledged, close answers so", "close", []edit{
		{shut, `			outcome = proof.Acknowledged`, `			outcome = proof.Closed`},
	}},
	{"freed-when-closed", "nothing is freed before the signed closing", "close-hall", []edit{
		{hallrow, `func (c Case) Freed() bool { return len(c.Closing) > 0 }`, `func (c Case) Freed() bool { return c.State == Closing || len(c.Closing) > 0 }`},
	}},
	{"closing-is-checked", "a closing that says acknowledged frees nothing", "close-hall", []edit{
		{closing, `	if closing.Outcome == proof.Acknowledged {`, `	if closing.Outcome == "" {`},
	}},
	{"events-by-rank", "late events change nothing", "shuffle", []edit{
		{advance, `e.Attempt < c.Attempt || e.Attempt == c.Attempt && rank <= c.Rank`, `e.Attempt < c.Attempt`},
	}},
	{"closed-applies", "the event closed applies unless acknowledged", "close,lapse", []edit{
		{advance, `		if c.Acknowledged || c.ClosedThere {`, `		if c.Acknowledged || !c.ClosedThere {`},
	}},
	{"refund-after-closing", "no money goes back before the signed closing", "refund", []edit{
		{refund, `		if e.Case != "" {
			return nil
		}
		for`, `		for`},
		{refund, `	if len(cases) > 0 {`, `	if false {`},
	}},
	{"bought-comes-back", "an abandoned case keeps its entitlement", "close-hall,close", []edit{
		{rights, `if e == nil || e.Order == "" {`, `if e == nil || e.State == Open {`},
	}},
	{"paid-once", "a payment counts once, however often it is told", "twice", []edit{
		{take, `if added, err := w.AddPayment(received); err != nil || !added {`, `if _, err := w.AddPayment(received); err != nil {`},
	}},
}
