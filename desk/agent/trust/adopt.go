package trust

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/durable"
)

// Adopt trusts one authority more: its root is among the certificates, its
// issuing CAs may be. The list (DER) must be signed under that root, and is
// kept with it.
func (f *Folder) Adopt(certificates []*smx509.Certificate, list []byte) (List, error) {
	t := token.NewTrust(certificates)
	adopted, err := verify(t, list)
	if err != nil {
		return List{}, err
	}
	path := filepath.Join(f.dir, adopted.Authority+rootFile)
	known, err := readCertificates(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return List{}, ErrFolder.Because(err)
	case !slices.ContainsFunc(known, adopted.root.Equal):
		return List{}, ErrList.Becausef("%s is known under another root", adopted.Authority)
	}
	var kept bytes.Buffer
	for _, c := range append(known, certificates...) {
		if root, err := t.Root(c, nil); (err != nil || !root.Equal(adopted.root)) && !c.Equal(adopted.root) {
			continue // not this authority's
		}
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		if !bytes.Contains(kept.Bytes(), block) {
			kept.Write(block)
		}
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return List{}, ErrFolder.Because(err)
	}
	if err := durable.Replace(path, kept.Bytes(), durable.Secret); err != nil {
		return List{}, ErrFolder.Because(err)
	}
	return List{Authority: adopted.Authority, Number: adopted.Number, Until: adopted.Expiry}, f.Take(list)
}
