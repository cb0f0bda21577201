package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/emmansun/gmsm/smx509"
)

// certificateAge is how long caches may keep a CA's certificate: what lies at
// an address changes only when the CA is given a new certificate.
const certificateAge = 24 * time.Hour

// Certificates hands out the certificates of the CAs, by name.
type Certificates map[string]*smx509.Certificate

// Find gives a CA's certificate, DER; nil if there is no such CA.
func (c Certificates) Find(_ context.Context, name string) (*Document, error) {
	found := c[name]
	if found == nil {
		return nil, nil
	}
	return &Document{Content: bytes.NewReader(found.Raw), ETag: etag(found.Raw), Modified: found.NotBefore, MaxAge: certificateAge}, nil
}

// etag is a strong validator made of the content (RFC 9110, 8.8.3).
func etag(content []byte) string {
	digest := sha256.Sum256(content)
	return tag(digest[:])
}

func tag(digest []byte) string { return `"` + hex.EncodeToString(digest[:16]) + `"` }

// Shelves are several, of which each is asked in turn.
type Shelves []interface {
	Find(ctx context.Context, name string) (*Document, error)
}

// Find gives what the first shelf has that has any of that name.
func (s Shelves) Find(ctx context.Context, name string) (*Document, error) {
	for _, shelf := range s {
		if d, err := shelf.Find(ctx, name); d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}
