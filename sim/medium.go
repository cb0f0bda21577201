package sim

import (
	"io"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
)

// medium is what a key lies on, with the driver that reaches it.
type medium interface {
	// serial of the device.
	serial() string
	// plug opens the key as the agent does. Where the driver lets it, cut is
	// asked before every write; nil: the power holds.
	plug(cut softkey.Switch) (token.Key, error)
	// look opens the key past the agent, as another program does.
	look() (token.Key, error)
	// unplug pulls the key out and plugs it in again.
	unplug()
	// powerCut ends whatever reaches the key for the agent, at once.
	powerCut()
	// clone is a run's own key with the same content.
	clone(b *Bench, random io.Reader) (medium, error)
	// close gives it up.
	close() error
}

// soft is a soft key in memory.
type soft struct {
	memory *softkey.Memory
	random io.Reader
	open   *[]*softkey.Key // by the agent
}

// newSoft is a new one, with another program's container where there is room.
func newSoft(kind keyKind, random io.Reader) (medium, error) {
	m := soft{softkey.NewMemory(), random, new([]*softkey.Key)}
	if err := softkey.Format(m.memory, softkey.Options{Serial: keySerial, Label: "simulation", PIN: pin, Room: kind.room, Iterations: 1, Random: random}); err != nil {
		return nil, err
	}
	if kind.room < roomForForeign {
		return m, nil
	}
	return m, layForeign(m, kind.algorithm)
}

// layForeign makes another program's container.
func layForeign(m medium, a gm.Algorithm) error {
	k, err := m.look()
	if err != nil {
		return err
	}
	defer k.Close()
	if err := k.Login(background, pin); err != nil {
		return err
	}
	c, err := k.Create(background, foreign)
	if err == nil {
		_, err = c.GenerateSigningKey(background, a)
	}
	return err
}

func (soft) serial() string { return keySerial }

func (m soft) plug(cut softkey.Switch) (token.Key, error) {
	k, err := softkey.Use(m.memory, m.random, cut)
	if err != nil {
		return nil, err
	}
	*m.open = append(*m.open, k)
	return k, nil
}

func (m soft) look() (token.Key, error) { return softkey.Use(m.memory, m.random, nil) }

// unplug ends every use of the key; plugged in again it has to be opened anew.
func (m soft) unplug() {
	for _, k := range *m.open {
		_ = k.Close()
	}
	*m.open = nil
}

// powerCut has nothing to end: what the agent held dies with the agent.
func (soft) powerCut() {}

func (m soft) clone(_ *Bench, random io.Reader) (medium, error) {
	return soft{m.memory.Clone(), random, new([]*softkey.Key)}, nil
}

func (soft) close() error { return nil }
