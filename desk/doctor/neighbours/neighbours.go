// Package neighbours finds the other programs on this PC that reach for its
// keys or for the agent's ports: whoever listens on those ports, has a library
// of a key loaded, or has a key's device or lock file open. It only looks, and
// sees as much as the system lets this user see. A table names the known ones.
package neighbours

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Wanted is what is looked for.
type Wanted struct {
	Ports     []int    // of this PC's loopback address
	Libraries []string // through which keys are reached, by path or file name; those of the table are looked for in any case
	Files     []string // that are held while a key is used: lock files, by path; devices of keys are looked for in any case
}

// Neighbour is a program that has one of these. Exactly one of Port, Library
// and File is set.
type Neighbour struct {
	PID     int      // 0 where it belongs to another user and the system does not tell
	Program string   // name of its file
	Own     bool     // of this product
	Known   *Program // what the table says; nil if nothing
	Port    int      // it listens there
	Library string   // file name of a key's library that it has loaded
	File    string   // name of a key's device or lock file that it has open
}

// ErrUnsupported says that this system cannot be looked at.
var ErrUnsupported = errors.New("neighbours: not on this system")

// own are the programs of this product, by the names of their files.
var own = []string{"certhall", "certhall-agent", "certhall.exe", "certhall-agent.exe"}

// process is one that the system shows.
type process struct {
	pid  int
	path string // of its program
}

// neighbour makes one of a process; library is the one that it has loaded.
func (p process) neighbour(library string) Neighbour {
	name := filepath.Base(p.path)
	return Neighbour{PID: p.pid, Program: name, Own: p.own(), Known: knownBy(name, library), Library: library}
}

// own tells a process of this product from others: it runs the very program
// that looks, or one of its name.
func (p process) own() bool {
	if slices.Contains(own, strings.ToLower(filepath.Base(p.path))) {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		return false
	}
	a, err := os.Stat(self)
	if err != nil {
		return false
	}
	b, err := os.Stat(p.path)
	return err == nil && os.SameFile(a, b)
}

// wants tells whether a loaded file is one of the libraries.
func (w Wanted) wants(path string) bool {
	name := filepath.Base(path)
	return library(name) || slices.ContainsFunc(w.Libraries, func(l string) bool { return strings.EqualFold(filepath.Base(l), name) })
}

// told drops what shares keys with others, says each thing once, and puts it in order.
func told(found []Neighbour) []Neighbour {
	found = slices.DeleteFunc(found, func(n Neighbour) bool { return n.Known != nil && n.Known.Harmless && n.Port == 0 })
	slices.SortFunc(found, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(b.Port, a.Port), cmp.Compare(a.PID, b.PID), cmp.Compare(a.File, b.File), cmp.Compare(a.Library, b.Library))
	})
	return slices.CompactFunc(found, func(a, b Neighbour) bool {
		return a.PID == b.PID && a.Port == b.Port && a.Library == b.Library && a.File == b.File
	})
}
