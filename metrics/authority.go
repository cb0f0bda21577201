package metrics

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Authority counts the calls that go through it.
func (m *Metrics) Authority(a authority.Authority) authority.Authority { return counted{a, m} }

type counted struct {
	authority.Authority
	m *Metrics
}

// count makes a call and counts it.
func count[T any](m *Metrics, name string, call func() (T, error)) (T, error) {
	began := time.Now()
	answer, err := call()
	m.call(name, began, err)
	return answer, err
}

func countOnly(m *Metrics, name string, call func() error) error {
	_, err := count(m, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// Eligible implements authority.Authority.
func (c counted) Eligible(ctx context.Context, service certhall.Service, serial certhall.Serial) (authority.Eligibility, error) {
	return count(c.m, "eligible", func() (authority.Eligibility, error) { return c.Authority.Eligible(ctx, service, serial) })
}

// Ticket implements authority.Authority.
func (c counted) Ticket(ctx context.Context, r authority.TicketRequest) (proof.Signed, error) {
	return count(c.m, "ticket", func() (proof.Signed, error) { return c.Authority.Ticket(ctx, r) })
}

// Issue implements authority.Authority.
func (c counted) Issue(ctx context.Context, r authority.IssueRequest) (proof.Bundle, error) {
	return count(c.m, "issue", func() (proof.Bundle, error) { return c.Authority.Issue(ctx, r) })
}

// Acknowledge implements authority.Authority.
func (c counted) Acknowledge(ctx context.Context, ack proof.Signed) (proof.Signed, error) {
	return count(c.m, "acknowledge", func() (proof.Signed, error) { return c.Authority.Acknowledge(ctx, ack) })
}

// Retired implements authority.Authority.
func (c counted) Retired(ctx context.Context, r proof.Signed) error {
	return countOnly(c.m, "retired", func() error { return c.Authority.Retired(ctx, r) })
}

// Claim implements authority.Authority.
func (c counted) Claim(ctx context.Context, s proof.Signed) (proof.Signed, error) {
	return count(c.m, "claim", func() (proof.Signed, error) { return c.Authority.Claim(ctx, s) })
}

// Close implements authority.Authority.
func (c counted) Close(ctx context.Context, id certhall.CaseID) (proof.Signed, error) {
	return count(c.m, "close", func() (proof.Signed, error) { return c.Authority.Close(ctx, id) })
}

// Revoke implements authority.Authority.
func (c counted) Revoke(ctx context.Context, evidence proof.Signed) error {
	return countOnly(c.m, "revoke", func() error { return c.Authority.Revoke(ctx, evidence) })
}

// Suspend implements authority.Authority.
func (c counted) Suspend(ctx context.Context, lineage certhall.LineageID, reason string) error {
	return countOnly(c.m, "suspend", func() error { return c.Authority.Suspend(ctx, lineage, reason) })
}

// Resume implements authority.Authority.
func (c counted) Resume(ctx context.Context, evidence proof.Signed) error {
	return countOnly(c.m, "resume", func() error { return c.Authority.Resume(ctx, evidence) })
}

// Unlockable implements authority.Authority.
func (c counted) Unlockable(ctx context.Context, keySerial string) error {
	return countOnly(c.m, "unlockable", func() error { return c.Authority.Unlockable(ctx, keySerial) })
}

// Unlock implements authority.Authority.
func (c counted) Unlock(ctx context.Context, r authority.UnlockRequest) (proof.Signed, error) {
	return count(c.m, "unlock", func() (proof.Signed, error) { return c.Authority.Unlock(ctx, r) })
}

// Unlocked implements authority.Authority.
func (c counted) Unlocked(ctx context.Context, report proof.Signed) error {
	return countOnly(c.m, "unlocked", func() error { return c.Authority.Unlocked(ctx, report) })
}

// Pair implements authority.Authority.
func (c counted) Pair(ctx context.Context, q authority.PairQuery) (authority.PairView, error) {
	return count(c.m, "pair", func() (authority.PairView, error) { return c.Authority.Pair(ctx, q) })
}

// Origins implements authority.Authority.
func (c counted) Origins(ctx context.Context) (proof.Signed, error) {
	return count(c.m, "origins", func() (proof.Signed, error) { return c.Authority.Origins(ctx) })
}

// Events implements authority.Authority.
func (c counted) Events(ctx context.Context, after int64, limit int) ([]authority.Event, error) {
	return count(c.m, "events", func() ([]authority.Event, error) { return c.Authority.Events(ctx, after, limit) })
}
