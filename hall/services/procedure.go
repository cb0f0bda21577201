package services

import "github.com/certhall/certhall"

// Step of a procedure, by the name the loop tells.
type Step string

// The steps of renew and repair.
const (
	StepIdentify    Step = "identify"
	StepPhone       Step = "phone"
	StepPay         Step = "pay"
	StepPrepare     Step = "prepare"
	StepIssue       Step = "issue"
	StepInstall     Step = "install"
	StepAcknowledge Step = "acknowledge"
	StepDone        Step = "done"
)

// procedures are the ordered steps of each service, each in its own file.
var procedures = map[certhall.Service][]Step{
	certhall.Renew:  renew,
	certhall.Repair: repair,
}
