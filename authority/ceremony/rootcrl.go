package ceremony

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/durable"
)

// ErrRootUnknown says that the authority has no root of that name.
var ErrRootUnknown = certhall.NewError("root-unknown", certhall.Invalid)

const crlSuffix = ".crl"

// rootCRL makes the next CRL of a root whose key is at hand, and writes it
// where it is published from. One that stands already must be the root's own:
// what it revokes stays revoked.
func (w *folderWriter) rootCRL(root Party, revoke []status.Entry, now time.Time, random io.Reader) {
	if w.err != nil {
		return
	}
	before, err := os.ReadFile(filepath.Join(w.dir, root.Name+crlSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.err = err
		return
	}
	next, err := status.SignRootCRL(before, root.signer(random), revoke, now)
	if err != nil {
		w.err = err
		return
	}
	w.file(root.Name+crlSuffix, next, durable.Public)
}

// RenewRootCRLs makes the next CRL of every root of a founded authority whose
// roots' keys are at hand, and puts them into its folder.
func (a *Authority) RenewRootCRLs(dir string, clock certhall.Clock, random io.Reader) error {
	w := folderWriter{dir: dir}
	for _, i := range a.Issuers {
		w.rootCRL(i.Root, nil, clock.Now(), random)
	}
	return w.err
}

// RenewRootCRL makes a root's next CRL with its key from a file (the subfolder
// offline of the ceremony), and puts it into the authority's folder.
func RenewRootCRL(dir, name, keyFile string, pass []byte, revoke []status.Entry, clock certhall.Clock, random io.Reader) error {
	p, err := ReadPublic(dir)
	if err != nil {
		return err
	}
	for _, root := range p.Roots {
		if root.Name != name {
			continue
		}
		if root.Key, err = readKeyFile(keyFile, root, pass); err != nil {
			return err
		}
		w := folderWriter{dir: dir}
		w.rootCRL(root, revoke, clock.Now(), random)
		return w.err
	}
	return ErrRootUnknown.With("name", name)
}
