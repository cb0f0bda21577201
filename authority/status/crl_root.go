package status

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// A root's key is offline: its CRL is made by a yearly ceremony.
const (
	rootLife   = 400 * 24 * time.Hour
	rootNotice = 30 * 24 * time.Hour // before its end Ready complains
	rootAge    = 10 * time.Minute    // that caches may keep it
)

// ErrRootCRL says that a root's CRL is none, or not the root's.
var ErrRootCRL = certhall.NewError("root-crl-damaged", certhall.Invalid)

// SignRootCRL makes a root's next CRL of the one before (DER; nil for the
// first) and the certificates that are revoked now. Whatever was revoked stays;
// number and thisUpdate grow.
func SignRootCRL(before []byte, root ca.Signer, revoke []Entry, now time.Time) ([]byte, error) {
	next := Head{Number: now.UnixMilli(), ThisUpdate: now.UTC().Truncate(time.Second)}
	var draft Draft
	defer draft.Close()
	listed := map[certhall.Serial]bool{}
	if before != nil {
		last, err := readRootCRL(before, root.Certificate)
		if err != nil {
			return nil, err
		}
		next.Number = max(next.Number, last.Number.Int64()+1)
		next.ThisUpdate = following(last.ThisUpdate, next.ThisUpdate)
		for _, e := range last.RevokedCertificateEntries {
			entry := Entry{Serial: certhall.SerialOf(e.SerialNumber), At: e.RevocationTime, Reason: e.ReasonCode}
			listed[entry.Serial] = true
			if err := draft.Add(entry); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range revoke {
		if listed[e.Serial] {
			continue
		}
		listed[e.Serial] = true
		if err := draft.Add(e); err != nil {
			return nil, err
		}
	}
	next.NextUpdate = next.ThisUpdate.Add(rootLife)
	list, err := draft.Sign(root, next)
	if err != nil {
		return nil, err
	}
	return list.Bytes()
}

// readRootCRL reads a CRL that the root must have signed.
func readRootCRL(der []byte, root *smx509.Certificate) (*smx509.RevocationList, error) {
	l, err := gm.ParseRevocationList(der)
	if err != nil {
		return nil, ErrRootCRL.Because(err)
	}
	if l.Number == nil || !l.Number.IsInt64() || !bytes.Equal(l.RawIssuer, root.RawSubject) {
		return nil, ErrRootCRL.Becausef("of another issuer, or without a number")
	}
	if err := gm.VerifyAny(root.PublicKey, l.RawTBSRevocationList, l.Signature); err != nil {
		return nil, ErrRootCRL.Because(err)
	}
	return l, nil
}

// RootShelf hands out the roots' CRLs, which the ceremony put into the
// authority's folder as NAME.crl. They are read anew each time: a new one
// counts at once.
type RootShelf struct {
	Folder string
	Roots  map[string]*smx509.Certificate // by name
	Clock  certhall.Clock
}

// Find gives a root's CRL; nil if there is no such root, or none of it yet.
func (s RootShelf) Find(_ context.Context, name string) (*Document, error) {
	der, l, err := s.read(name)
	if der == nil || err != nil {
		return nil, err
	}
	return &Document{Content: bytes.NewReader(der), ETag: etag(der), Modified: l.ThisUpdate, MaxAge: min(rootAge, max(0, l.NextUpdate.Sub(s.Clock.Now())))}, nil
}

func (s RootShelf) read(name string) ([]byte, *smx509.RevocationList, error) {
	root := s.Roots[name]
	if root == nil {
		return nil, nil, nil
	}
	der, err := os.ReadFile(filepath.Join(s.Folder, name+".crl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	l, err := readRootCRL(der, root)
	if err != nil {
		return nil, nil, err
	}
	return der, l, nil
}

// List gives a root's CRL as it stands.
func (s RootShelf) List(name string) (*smx509.RevocationList, error) {
	der, l, err := s.read(name)
	if err == nil && der == nil {
		err = ErrCRLMissing.With("name", name)
	}
	return l, err
}

// Ready says nil while the root's CRL has more than 30 days left.
func (s RootShelf) Ready(_ context.Context, name string) error {
	l, err := s.List(name)
	if err != nil {
		return err
	}
	return Head{ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}.ready(name, rootNotice, s.Clock.Now())
}
