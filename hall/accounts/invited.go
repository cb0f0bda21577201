package accounts

import (
	"context"
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
)

// How many people are told of invitations within a day.
const (
	invitationsToPhone      = 3 // whoever invites it
	invitationsOrganisation = 100
)

// TellInvited tells a phone that its owner is invited to an organisation, and
// answers whether that was sent: not where limits are reached, or nothing can be
// sent. The invitation stands all the same.
func (d *Desk) TellInvited(ctx context.Context, code, name, phone string) bool {
	id, err := d.try(ctx, d.limitOf("invited", phone, invitationsToPhone).a(day), d.limitOf("inviting", code, invitationsOrganisation).a(day))
	if err == nil && d.SMS == nil {
		err = ErrSendFailed
	}
	if err == nil {
		ctx, end := context.WithTimeout(ctx, sendTime)
		defer end()
		_, err = d.SMS.Send(ctx, phone, notify.TemplateInvited, map[string]string{
			"organisation": name, "days": strconv.Itoa(int(InvitationLife / day)), "site": d.Origin,
		}, id)
	}
	if err != nil {
		d.Log.WarnContext(ctx, "an invitation was not sent", "organisation", code, "code", certhall.AsError(err).Code, "cause", certhall.CauseText(err))
	}
	return err == nil
}
