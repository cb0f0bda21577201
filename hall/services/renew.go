package services

// renew (延期/续费): the old pair is near its end; the new one follows it. The
// authority judges its window and adds the term to the old end.
var renew = []Step{StepIdentify, StepPhone, StepPay, StepPrepare, StepIssue, StepInstall, StepAcknowledge, StepDone}
