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

// Stage is which of the four steps that people see a case is at: 1 读取证书信息,
// 2 短信验证, 3 初始化证书, 4 执行.
func (c Case) Stage() int {
	switch c.Step() {
	case StepIdentify:
		return 1
	case StepPhone, StepPay:
		return 2
	case StepPrepare:
		return 3
	}
	return 4
}
