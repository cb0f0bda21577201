package services

import "github.com/certhall/certhall"

// EffectKind is a debt of a case to the authority.
type EffectKind string

// The kinds of effect; Work pays them.
const (
	EffectTicket      EffectKind = "ticket"
	EffectIssue       EffectKind = "issue"
	EffectAcknowledge EffectKind = "acknowledge"
	EffectClaim       EffectKind = "claim"
	EffectClose       EffectKind = "close"
	EffectRetired     EffectKind = "retired"
)

// Effect is one debt. It is a value: the store hands it to a queue in the
// transaction that made it, and Work may pay it twice without harm.
type Effect struct {
	Kind    EffectKind      `json:"kind"`
	Case    certhall.CaseID `json:"case"`
	Attempt int             `json:"attempt,omitempty"`
	// Message is carried by EffectRetired alone, whose receipt may be of an
	// earlier case; the other effects find theirs in the case.
	Message []byte `json:"message,omitempty"`
}
