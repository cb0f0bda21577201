package courier_test

import (
	"context"
	"errors"
	"testing"

	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// heir is an agent that finds the old pair once it has taken a list.
type heir struct {
	courier.Agent
	refuses error
	took    int
	does    int
}

func (h *heir) Do(context.Context, string, []byte) ([]byte, error) {
	if h.does++; h.took == 0 {
		return nil, token.ErrOldPairMissing
	}
	return []byte("done"), nil
}

func (h *heir) Succeed(proof.Signed) error {
	if h.refuses == nil {
		h.took++
	}
	return h.refuses
}

// TestSuccession: the list is asked for once, when it is needed; what stands
// against it is said, not hidden.
func TestSuccession(t *testing.T) {
	lost := errors.New("lost")
	list := proof.Encode(proof.Signed{Message: []byte{1}})
	for name, c := range map[string]struct {
		refuses, fails error
		want           error
	}{
		"taken": {}, "not answered": {fails: lost, want: lost}, "not the authority's": {refuses: token.ErrUntrusted, want: token.ErrUntrusted},
	} {
		h, asked := &heir{refuses: c.refuses}, 0
		s := &courier.Succession{Agent: h, List: func(context.Context) ([]byte, [][]byte, error) { asked++; return list, nil, c.fails }}
		for range 3 {
			if _, err := s.Do(t.Context(), "K", nil); !errors.Is(err, c.want) && !errors.Is(err, token.ErrOldPairMissing) || c.want == nil && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.want == nil && (asked != 1 || h.took != 1 || h.does != 4) {
			t.Errorf("%s: asked %d times, took %d lists, did %d orders", name, asked, h.took, h.does)
		}
	}
}
