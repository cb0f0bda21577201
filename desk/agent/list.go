package agent

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Listed is one key and what lies on it.
type Listed struct {
	token.Info
	PIN        token.PINState
	Containers []*token.Holding // to be read only: the key may be in use
	Room       int              // containers that still fit; -1 where the driver cannot tell
	Others     int              // containers that are not the caller's, left out above
}

// List reads all keys; needs no PIN and waits for nobody. A key that cannot be
// read now is named with its trouble; one in use, or whose library does not
// answer yet, with what was last seen on it and token.ErrKeyBusy or
// token.ErrDriverSlow.
func (a *Agent) List(ctx context.Context) ([]Listed, error) {
	infos, err := a.keys.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []Listed
	for _, info := range infos {
		l := Listed{Info: info, Room: -1}
		if info.Trouble != nil && token.Passes(info.Trouble) {
			l = a.seen(info)
		} else if info.Trouble == nil {
			if l, err = a.look(ctx, info); errors.Is(err, token.ErrRemoved) {
				continue
			} else if err != nil {
				l.Trouble = certhall.AsError(err)
			}
		}
		all = append(all, a.shown(l))
	}
	return all, nil
}

// look reads one key, for every caller alike.
func (a *Agent) look(ctx context.Context, info token.Info) (Listed, error) {
	s := a.slot(info.Serial)
	if !s.talk.TryLock() {
		if s.inUse.Load() {
			return a.seen(info), token.ErrKeyBusy
		}
		return a.seen(info), nil // another listing is reading
	}
	defer s.talk.Unlock()
	held, err := a.held(info.Serial)
	if held {
		return a.seen(info), token.ErrKeyBusy
	}
	if err != nil {
		return Listed{Info: info, Room: -1}, err
	}
	return a.read(token.Glance(ctx), s, info)
}

// seen is what was last seen on a key that cannot be read now.
func (a *Agent) seen(info token.Info) Listed {
	l := Listed{Room: -1}
	if last := a.slot(info.Serial).seen.Load(); last != nil {
		l = *last
	}
	l.Info = info
	return l
}

// read is look by whoever has the slot.
func (a *Agent) read(ctx context.Context, s *slot, info token.Info) (Listed, error) {
	l := Listed{Info: info, Room: -1}
	err := a.open(ctx, s, info.Serial)
	if err == nil {
		l.PIN, err = s.key.PINState(ctx)
	}
	if err == nil {
		l.Containers, err = token.Look(ctx, s.key)
	}
	if err == nil {
		l.Room, err = s.key.Room(ctx)
	}
	switch {
	case errors.Is(err, token.ErrRemoved):
		return l, errors.Join(err, s.drop())
	case token.Passes(err): // its library is in use, or has not answered yet
		return a.seen(info), err
	case err == nil:
		s.seen.Store(&l)
	}
	return l, err
}

// shown leaves out what is not the caller's.
func (a *Agent) shown(l Listed) Listed {
	var kept []*token.Holding
	for _, h := range l.Containers {
		if a.mine(h) {
			kept = append(kept, h)
		}
	}
	l.Others = len(l.Containers) - len(kept)
	l.Containers = kept
	return l
}
