package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/unlocks"
)

type (
	// UnlockInput names a request to unlock a key. (Exported for huma.)
	UnlockInput struct {
		Unlock string `path:"unlock" maxLength:"64" doc:"id"`
	}
	askUnlockInput    struct{ Body unlocks.Asked }
	reportUnlockInput struct {
		UnlockInput
		Body struct {
			Message []byte `json:"message" maxLength:"16384" doc:"the signed proof.UnlockReport, DER, as the agent gave it"`
		}
	}
	unlockOutput  struct{ Body unlocks.UnlockView }
	unlocksOutput struct{ Body unlocks.UnlockList }
)

// registerUnlocks registers how a locked key is unlocked. Whoever cannot sign
// with it logs in by password or by a code to his phone.
func (r routes) registerUnlocks(api huma.API) {
	const one = "/api/unlocks/{unlock}"
	huma.Register(api, mine(get("unlocks", "/api/unlocks", "What the person asked to have unlocked lately, the latest first", 401)), r.unlocks)
	huma.Register(api, mine(post("ask-unlock", "/api/unlocks", "Ask for a locked key to be unlocked, by the agent's request; the same one again answers how it stands", 200, 401, 404, 409, 429)), r.askUnlock)
	huma.Register(api, mine(get("unlock", one, "How a request to unlock a key stands", 401, 404)), r.unlock)
	huma.Register(api, mine(post("withdraw-unlock", one+"/withdraw", "Withdraw a request that waits", 200, 401, 404, 409)), r.withdrawUnlock)
	huma.Register(api, mine(post("report-unlock", one+"/report", "Hand over the agent's report; the same one again changes nothing", 200, 401, 404, 409)), r.reportUnlock)
}

func (r routes) unlocks(ctx context.Context, _ *struct{}) (*unlocksOutput, error) {
	list, err := asMe(ctx, r, func(v accounts.Visit) (unlocks.UnlockList, error) { return r.Unlocks.Mine(ctx, v) })
	return &unlocksOutput{list}, err
}

func (r routes) askUnlock(ctx context.Context, in *askUnlockInput) (*unlockOutput, error) {
	return r.aboutUnlock(ctx, func(v accounts.Visit) (unlocks.UnlockView, error) { return r.Unlocks.Ask(ctx, v, in.Body) })
}

func (r routes) unlock(ctx context.Context, in *UnlockInput) (*unlockOutput, error) {
	return r.aboutUnlock(ctx, func(v accounts.Visit) (unlocks.UnlockView, error) { return r.Unlocks.Look(ctx, v, in.Unlock) })
}

func (r routes) withdrawUnlock(ctx context.Context, in *UnlockInput) (*unlockOutput, error) {
	return r.aboutUnlock(ctx, func(v accounts.Visit) (unlocks.UnlockView, error) { return r.Unlocks.Withdraw(ctx, v, in.Unlock) })
}

func (r routes) reportUnlock(ctx context.Context, in *reportUnlockInput) (*unlockOutput, error) {
	return r.aboutUnlock(ctx, func(v accounts.Visit) (unlocks.UnlockView, error) {
		return r.Unlocks.Report(ctx, v, in.Unlock, in.Body.Message)
	})
}

func (r routes) aboutUnlock(ctx context.Context, call func(accounts.Visit) (unlocks.UnlockView, error)) (*unlockOutput, error) {
	view, err := asMe(ctx, r, call)
	return &unlockOutput{view}, err
}
