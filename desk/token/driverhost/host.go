package driverhost

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Keys is where keys are plugged in: a folder of soft keys.
type Keys interface {
	List(ctx context.Context) ([]token.Info, error)
	Open(ctx context.Context, serial string) (token.Key, error)
}

// Options say what a Host reaches.
type Options struct {
	Libraries []Library
	Folder    Keys     // soft keys; may be nil
	Command   []string // starts a child: by default this program with driver-host
	Record    string   // file to which all calls of libraries are recorded (Begin); "": they are not
	Clock     certhall.Clock
	Log       *slog.Logger
	// After is a timer and how it is stopped; by default the machine's.
	After func(time.Duration) (<-chan time.Time, func() bool)
}

// Host reaches the keys of several libraries and of a folder of soft keys. A
// serial that several of them have is reached through the first: a library that
// was named, the folder, a library that was found. Its methods may be called
// concurrently.
type Host struct {
	named, found []*driver
	folder       Keys
}

// Open makes a host; it starts no child yet.
func Open(o Options) (*Host, error) {
	if o.After == nil {
		o.After = func(d time.Duration) (<-chan time.Time, func() bool) {
			t := time.NewTimer(d)
			return t.C, t.Stop
		}
	}
	if o.Clock == nil {
		o.Clock = certhall.SystemClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Command == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, certhall.ErrInternal.Because(err)
		}
		o.Command = []string{self, "driver-host"}
	}
	h := &Host{folder: o.Folder}
	for _, l := range o.Libraries {
		if d := newDriver(l, o); l.Explicit {
			h.named = append(h.named, d)
		} else {
			h.found = append(h.found, d)
		}
	}
	return h, nil
}

// sources are all, in the order in which they go before each other.
func (h *Host) sources() []source {
	var all []source
	for _, d := range h.named {
		all = append(all, d)
	}
	if h.folder != nil {
		all = append(all, folder{h.folder})
	}
	for _, d := range h.found {
		all = append(all, d)
	}
	return all
}

// source is a library or the folder.
type source interface {
	list(ctx context.Context) ([]token.Info, error)
	open(ctx context.Context, serial string) (token.Key, error)
	seen(serial string) bool // in what was listed last
}

type folder struct{ Keys }

func (f folder) list(ctx context.Context) ([]token.Info, error) { return f.List(ctx) }

func (f folder) open(ctx context.Context, serial string) (token.Key, error) {
	return f.Open(ctx, serial)
}

func (f folder) seen(string) bool { return true } // opening asks it

// List names the keys of all, at once. A library that cannot be used is named
// with its trouble.
func (h *Host) List(ctx context.Context) ([]token.Info, error) {
	sources := h.sources()
	lists := make([][]token.Info, len(sources))
	errs := make([]error, len(sources))
	var listing sync.WaitGroup
	for i, s := range sources {
		listing.Go(func() { lists[i], errs[i] = s.list(ctx) })
	}
	listing.Wait()
	var all []token.Info
	for i, s := range sources {
		if d, isLibrary := s.(*driver); isLibrary && errs[i] != nil && ctx.Err() == nil {
			if d.Explicit || d.unfit == nil {
				lists[i] = append(lists[i], d.troubled(errs[i]))
			}
		} else if errs[i] != nil {
			return nil, errs[i]
		}
		for _, info := range lists[i] {
			if info.Serial == "" || !has(all, info.Serial) {
				all = append(all, info)
			}
		}
	}
	return all, nil
}

// troubled is a library that cannot be used, in the place of its keys.
func (d *driver) troubled(err error) token.Info {
	return token.Info{Label: d.Name, Driver: d.Kind, Library: d.Name, Trouble: certhall.AsError(err)}
}

// Open opens the key with this serial: token.ErrRemoved if it is not there; why
// its library cannot be used, if that was seen to have it.
func (h *Host) Open(ctx context.Context, serial string) (token.Key, error) {
	if key, err := h.open(ctx, serial); !errors.Is(err, token.ErrRemoved) {
		return key, err
	}
	if _, err := h.List(ctx); err != nil {
		return nil, err
	}
	return h.open(ctx, serial)
}

func (h *Host) open(ctx context.Context, serial string) (token.Key, error) {
	for _, s := range h.sources() {
		if !s.seen(serial) {
			continue
		}
		if key, err := s.open(ctx, serial); !errors.Is(err, token.ErrRemoved) {
			return key, err
		}
	}
	return nil, token.ErrRemoved
}

// State is what is known of a library on this machine.
type State struct {
	Name, Kind string
	Path       string // "" if there is no file
	Arch       string // that the file is for, as Go names it; "" if it is no library
	Keys       int    // plugged in
	Err        error  // why it cannot be used; nil if it can
}

// Libraries tells how each library does, in the order of the table; it loads
// those that are not loaded.
func (h *Host) Libraries(ctx context.Context) []State {
	drivers := slices.Concat(h.named, h.found)
	states := make([]State, len(drivers))
	var asking sync.WaitGroup
	for i, d := range drivers {
		asking.Go(func() {
			infos, err := d.list(ctx)
			states[i] = State{Name: d.Name, Kind: d.Kind, Path: d.Path, Keys: len(infos), Err: err}
			_, states[i].Arch, _ = platform(d.Path) // no library: "", and its error is told by list
		})
	}
	asking.Wait()
	return states
}

// Close ends all children.
func (h *Host) Close() error {
	var closing sync.WaitGroup
	for _, d := range slices.Concat(h.named, h.found) {
		closing.Go(d.close)
	}
	closing.Wait()
	return nil
}
