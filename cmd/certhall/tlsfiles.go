package main

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/metrics"
)

// Failures of a TLS certificate's files.
var (
	errTLSFiles   = certhall.NewError("tls-files-broken", certhall.Invalid)
	errTLSExpires = certhall.NewError("tls-expires", certhall.Unavailable)
)

// lookEvery bounds how often the files are looked at.
const lookEvery = time.Second

// expiresSoon is how long before a certificate's end /readyz complains of it.
const expiresSoon = 7 * 24 * time.Hour

// tlsFiles is a certificate with its key in two files. They are read again
// when they change, so that a certificate is renewed without a restart and
// without dropping connections; a new pair that does not fit leaves the old
// one in use and is complained of.
type tlsFiles struct {
	cert, key string
	clock     certhall.Clock
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   [2]stamp // of the files at the last try
	looked time.Time
	broken error // of the last try
}

// stamp tells one state of a file from another.
type stamp struct {
	changed time.Time
	size    int64
}

// openTLSFiles reads both files; they must fit at the start.
func openTLSFiles(cert, key string, clock certhall.Clock, log *slog.Logger) (*tlsFiles, error) {
	f := &tlsFiles{cert: cert, key: key, clock: clock, log: log}
	f.refresh()
	return f, f.broken
}

// get is the certificate in use, for the next handshake.
func (f *tlsFiles) get() (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	return f.pair, nil
}

// ready says what is wrong with the files, or that the certificate ends soon.
func (f *tlsFiles) ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	if f.broken != nil {
		return f.broken
	}
	if end := f.pair.Leaf.NotAfter; !f.clock.Now().Before(end.Add(-expiresSoon)) {
		return errTLSExpires.With("file", f.cert).With("date", certhall.Date(end))
	}
	return nil
}

// look tells until when the certificate in use counts.
func (f *tlsFiles) look(set metrics.Set, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	set(metrics.TLSNotAfter, float64(f.pair.Leaf.NotAfter.Unix()), "certificate", name)
}

func (f *tlsFiles) refresh() {
	now := f.clock.Now()
	if f.pair != nil && now.Sub(f.looked) < lookEvery && !now.Before(f.looked) {
		return
	}
	f.looked = now
	var seen [2]stamp
	for i, path := range []string{f.cert, f.key} {
		if info, err := os.Stat(path); err == nil {
			seen[i] = stamp{info.ModTime(), info.Size()}
		} else if !errors.Is(err, fs.ErrNotExist) {
			f.complain(err)
			return
		}
	}
	if f.pair != nil && f.broken == nil && seen == f.seen {
		return
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		if seen != f.seen || f.broken == nil {
			f.complain(err)
		}
		f.seen = seen
		return
	}
	if f.pair != nil {
		f.log.Info("a TLS certificate was read anew", "file", f.cert, "until", pair.Leaf.NotAfter)
	}
	f.pair, f.seen, f.broken = &pair, seen, nil
}

func (f *tlsFiles) complain(cause error) {
	f.broken = errTLSFiles.With("file", f.cert).Because(cause)
	if f.pair != nil {
		f.log.Error("a TLS certificate cannot be read, the one before stays in use", "file", f.cert, "cause", cause)
	}
}
