// Package trust keeps which authorities a PC trusts and which pages are their
// portals: a folder with the authorities' root certificates (NAME.cer) and,
// for each authority, the origin list with the highest number (ID.origins).
// Several authorities share one folder.
package trust

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Endings of the folder's files.
const (
	rootFile = ".cer"
	listFile = ".origins"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 1 << 20

// ErrFolder says that the authorities' folder cannot be read or written.
var ErrFolder = certhall.NewError("authorities-folder", certhall.Unavailable)

// Folder is the authorities' folder. What others put into it is seen at the
// next question. Its methods may be called concurrently.
type Folder struct {
	dir   string
	clock certhall.Clock
	log   *slog.Logger

	mu    sync.Mutex
	read  string // the folder's stamp when it was read
	known []*smx509.Certificate
	trust *token.Trust            // of all roots
	lists map[string]kept         // by authority
	alone map[string]*token.Trust // of one root, by authority
}

// kept is a verified origin list.
type kept struct {
	proof.OriginList
	message []byte
	root    *smx509.Certificate
}

// Open reads the folder; one that is not there is empty. A file that cannot be
// used is named in the log and left out.
func Open(dir string, clock certhall.Clock, log *slog.Logger) (*Folder, error) {
	f := &Folder{dir: dir, clock: clock, log: log}
	return f, f.reload()
}

// fresh reads the folder again if it has changed.
func (f *Folder) fresh() {
	if entries, err := os.ReadDir(f.dir); err == nil && stamp(entries) == f.read {
		return
	}
	if err := f.reload(); err != nil {
		f.log.Error("authorities' folder not read", "cause", certhall.CauseText(err))
	}
}

// stamp tells two states of a folder apart.
func stamp(entries []fs.DirEntry) string {
	var b strings.Builder
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			fmt.Fprintln(&b, e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

func (f *Folder) reload() error {
	f.read, f.known, f.lists, f.alone, f.trust = "", nil, map[string]kept{}, map[string]*token.Trust{}, token.NewTrust(nil)
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ErrFolder.Because(err)
	}
	f.read = stamp(entries)
	var lists []string
	for _, e := range entries {
		path := filepath.Join(f.dir, e.Name())
		switch {
		case e.IsDir() || strings.HasPrefix(e.Name(), "."):
		case strings.HasSuffix(e.Name(), rootFile):
			certificates, err := readCertificates(path)
			if err != nil {
				f.log.Warn("left out", "file", e.Name(), "cause", certhall.CauseText(err))
			}
			f.known = append(f.known, certificates...)
		case strings.HasSuffix(e.Name(), listFile):
			lists = append(lists, path)
		}
	}
	f.trust = token.NewTrust(f.known)
	for _, path := range lists {
		der, err := readFile(path)
		if err != nil {
			f.log.Warn("left out", "file", filepath.Base(path), "cause", certhall.CauseText(err))
			continue
		}
		list, err := verify(f.trust, der)
		if err == nil && list.Authority+listFile != filepath.Base(path) {
			err = ErrList.Becausef("a list of %s", list.Authority)
		}
		if err != nil {
			f.log.Warn("left out", "file", filepath.Base(path), "cause", certhall.CauseText(err))
			continue
		}
		f.lists[list.Authority] = list
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, ErrFolder.Becausef("%s: %d bytes", filepath.Base(path), info.Size())
	}
	return durable.Read(path)
}

func readCertificates(path string) ([]*smx509.Certificate, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Certificates(data)
}

// Certificates reads certificates: PEM (several) or DER (one).
func Certificates(data []byte) ([]*smx509.Certificate, error) {
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		c, err := gm.ParseCertificate(data)
		if err != nil {
			return nil, err
		}
		return []*smx509.Certificate{c}, nil
	}
	var all []*smx509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		c, err := gm.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return all, nil
}
