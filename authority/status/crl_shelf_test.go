package status_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/store/sqldb"
)

// counting counts the parts that are read from the store.
type counting struct {
	status.CRLReader
	parts int
}

func (c *counting) CRLPart(ctx context.Context, issuer string, number int64, part int) ([]byte, error) {
	c.parts++
	return c.CRLReader.CRLPart(ctx, issuer, number, part)
}

// vault#9176: a CRL is never too large to store, and is read in
// parts, from any place; the one before it stays for those who read it still.
func TestLongCRLIsStoredAndReadInParts(t *testing.T) {
	p := newPublication(t)
	const n = 40_000
	err := p.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < $1)
			INSERT INTO lost_serials (issuer, serial, revoked_at, reason) SELECT 'issuing', printf('40%030x', x), 1772323200000, 4 FROM i`, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	node := p.node("a", p.store)
	p.round(node, 1)
	if got := len(p.crl().RevokedCertificateEntries); got != n {
		t.Fatalf("%d entries", got)
	}
	d, err := p.shelf().Find(t.Context(), authority.MainIssuer)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(d.Content)
	if err != nil || len(whole) < 4*status.PartSize {
		t.Fatal(len(whole), err)
	}
	// Those who fetch it at the same time have each part read once from the store.
	counted := &counting{CRLReader: p.store}
	shelf := p.shelf()
	shelf.Store = counted
	for range 20 {
		d, err := shelf.Find(t.Context(), authority.MainIssuer)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := io.ReadAll(d.Content); err != nil || !bytes.Equal(again, whole) {
			t.Fatal(len(again), err)
		}
	}
	if want := (len(whole) + status.PartSize - 1) / status.PartSize; counted.parts != want {
		t.Errorf("%d parts were read from the store for 20 who fetched the same %d", counted.parts, want)
	}
	for _, at := range []int64{0, 1, status.PartSize - 1, status.PartSize, 3*status.PartSize + 7, int64(len(whole)) - 1, int64(len(whole))} {
		if _, err := d.Content.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(d.Content)
		if err != nil || !bytes.Equal(rest, whole[at:]) {
			t.Errorf("from %d: %d bytes, %v", at, len(rest), err)
		}
	}
	var begun []*status.Document // by nodes that have the first part alone in memory
	for range 2 {
		d, err := p.shelf().Find(t.Context(), authority.MainIssuer)
		if err != nil {
			t.Fatal(err)
		}
		begun = append(begun, d)
	}
	for i, d := range begun {
		p.clock.add(time.Minute)
		p.lose(fmt.Sprint("5", i))
		p.round(node, 1)
		_, err := io.Copy(io.Discard, d.Content)
		if (err == nil) != (i == 0) {
			t.Errorf("read of the CRL after %d newer ones: %v", i+1, err)
		}
	}
}
