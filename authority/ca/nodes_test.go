package ca_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// ◆ Same attempt and same key: the stored answer, also to a call that another
// node overtook while it weighed the evidence.
func TestOvertakenIssueAnswersWhatIsStored(t *testing.T) {
	for n := 2; n <= 5; n++ {
		t.Run(fmt.Sprint("before call ", n), func(t *testing.T) {
			o := newOffice(t)
			request := p10(t, newKey(t))
			o.ticket("apply", "c", "")
			call := authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, o.decision("c", "l", 1, request), o.reviewer)}
			var first proof.Bundle
			slow := o.slowNode(n, func() {
				var err error
				first, err = o.Issue(t.Context(), call)
				must(t, err)
			})
			second, err := slow.Issue(t.Context(), call)
			must(t, err)
			if len(first.Sign) == 0 || !bytes.Equal(first.Sign, second.Sign) {
				t.Error("two answers for one attempt")
			}
		})
	}
}

// A decision over a lineage that another decision filled in the meantime.
func TestTwoDecisionsForOneLineage(t *testing.T) {
	o := newOffice(t)
	request := p10(t, newKey(t))
	o.ticket("apply", "late", "")
	slow := o.slowNode(4, func() { o.apply("l", 1) })
	_, err := slow.Issue(t.Context(), authority.IssueRequest{Case: "late", Attempt: 1, Request: request,
		Evidence: signBy(t, o.decision("late", "l", 1, request), o.reviewer)})
	if !errors.Is(err, authority.ErrLineageBusy) {
		t.Errorf("a second first pair in the lineage: %v", err)
	}
}
