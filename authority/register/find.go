package register

import (
	"context"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// MaxFound bounds one page of a search.
const MaxFound = 1000

// ErrTooWide says that a search names nothing that an index finds.
var ErrTooWide = certhall.NewError("search-too-wide", certhall.Invalid)

// Search says which pairs are meant. What is zero does not narrow it. At least
// one of the first five must be given.
type Search struct {
	Serial        certhall.Serial // of either certificate
	KeyNumber     string          // 证书卡号
	Organisation  string          // 统一社会信用代码
	Subject       string          // beginning of the common name
	ExpiresBefore time.Time       // current pairs that end before it
	Project       string
	State         authority.State
	Limit         int             // at most MaxFound; 0 means 50
	After         certhall.Serial // go on behind the pair with this serial
}

// Found is one page of a search.
type Found struct {
	Pairs []*ca.Pair      // without papers and certificates
	Next  certhall.Serial // for Search.After; "" if there are no more
}

// Find looks pairs up, page by page. The order is stable: by their coming, by
// subject where that is searched, by their end where that is. Pages neither
// miss nor repeat a pair, whatever is issued meanwhile.
func (r *Register) Find(ctx context.Context, s Search) (found Found, err error) {
	s.Serial, s.After = Serial(string(s.Serial)), Serial(string(s.After))
	if s.Serial == "" && s.KeyNumber == "" && s.Organisation == "" && s.Subject == "" && s.ExpiresBefore.IsZero() {
		return Found{}, ErrTooWide
	}
	if s.Limit <= 0 {
		s.Limit = 50
	}
	limit := min(s.Limit, MaxFound)
	s.Limit = limit + 1
	err = r.Store.Look(ctx, func(rd Reader) error {
		if s.After != "" {
			if _, err := find(rd, s.After); err != nil {
				return err
			}
		}
		found.Pairs, err = rd.Find(s)
		return err
	})
	if len(found.Pairs) > limit {
		found.Pairs = found.Pairs[:limit]
		found.Next = found.Pairs[limit-1].SignSerial
	}
	return found, err
}

// Serial reads a serial number as people copy it: with colons, spaces or 0x, in
// capitals.
func Serial(typed string) certhall.Serial {
	s := strings.NewReplacer(":", "", " ", "").Replace(strings.ToLower(typed))
	return certhall.Serial(strings.TrimPrefix(s, "0x"))
}

// Case finds a case by its id.
func (r *Register) Case(ctx context.Context, id certhall.CaseID) (c *ca.Case, err error) {
	err = r.Store.Look(ctx, func(rd Reader) (err error) {
		c, err = rd.Case(id)
		return err
	})
	if err == nil && c == nil {
		err = authority.ErrUnknownCase
	}
	return c, err
}
