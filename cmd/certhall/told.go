package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/certhall/certhall"
)

// toldFile is where a node that publishes keeps, outside the database, which
// certificates it has called good: what `restore reconcile --serials` reads
// when the database is lost. Its lines are as that wants them.
const toldFile = "told.serials"

// Bounds of the told: how many serials wait to be written, how many are known
// to be written, how often it is written, and how long a file grows before it
// becomes the old one.
const (
	toldWaiting = 4096
	toldKnown   = 200_000
	toldEvery   = time.Second
	toldSize    = 64 << 20
)

// told writes down serials that status called good. Answers never wait for it:
// what comes faster than it is written is heard again with the next answer.
type told struct {
	path    string
	log     *slog.Logger
	heard   chan string
	known   *simplelru.LRU[string, struct{}]
	failing bool
}

func newTold(dir string, log *slog.Logger) *told {
	known, err := simplelru.NewLRU[string, struct{}](toldKnown, nil)
	if err != nil {
		panic("certhall: " + err.Error()) // a size below one
	}
	return &told{path: filepath.Join(dir, toldFile), log: log, heard: make(chan string, toldWaiting), known: known}
}

// hear takes a serial, or lets it go if too many wait.
func (t *told) hear(issuer string, serial certhall.Serial) {
	select {
	case t.heard <- string(serial) + "," + issuer + "\n":
	default:
	}
}

// run writes what is heard, until ctx ends and everything is written.
func (t *told) run(ctx context.Context) {
	tick := time.NewTicker(toldEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			t.write()
			return
		case <-tick.C:
			t.write()
		}
	}
}

// write appends what is new, and remembers it once it is on the disk.
func (t *told) write() {
	var fresh []string
	for {
		select {
		case line := <-t.heard:
			if !t.known.Contains(line) {
				t.known.Add(line, struct{}{})
				fresh = append(fresh, line)
			}
			continue
		default:
		}
		break
	}
	if len(fresh) == 0 {
		return
	}
	err := t.add(strings.Join(fresh, ""))
	if err != nil {
		for _, line := range fresh { // they are written when they are heard again
			t.known.Remove(line)
		}
		if !t.failing {
			t.log.Error("serials that were called good are not kept", "file", toldFile, "cause", err)
		}
	}
	t.failing = err != nil
}

func (t *told) add(lines string) error {
	if info, err := os.Stat(t.path); err == nil && info.Size() > toldSize {
		if err := os.Rename(t.path, t.path+".old"); err != nil {
			return err
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(lines)
	return errors.Join(err, file.Sync(), file.Close())
}
