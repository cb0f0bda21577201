package trust

import (
	"bytes"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/flock"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/proof"
)

// What is answered to origin lists.
var (
	// ErrList: not signed by a trusted authority's certificate for origin
	// lists, or not well formed.
	ErrList = certhall.NewError("origin-list-wrong", certhall.Denied)
	// ErrOlder: the agent has a list with a higher number, or another one with
	// the same.
	ErrOlder = certhall.NewError("origin-list-older", certhall.Conflict)
	// ErrExpired: the list's time is over.
	ErrExpired = certhall.NewError("origin-list-expired", certhall.Denied)
)

// Lenience is how long a list is good beyond its end: a PC's clock may be off.
const Lenience = 24 * time.Hour

func (k kept) expired(now time.Time) bool { return now.After(k.Expiry.Add(Lenience)) }

// Take verifies a signed origin list (DER) and keeps it. A list that is kept
// already is taken again.
func (f *Folder) Take(der []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := flock.New(filepath.Join(f.dir, ".lock"), flock.SetPermissions(0o600))
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return ErrFolder.Because(err)
	}
	if err := l.Lock(); err != nil {
		return ErrFolder.Because(err)
	}
	defer l.Close()
	if err := f.reload(); err != nil { // another process may have taken a list
		return err
	}
	list, err := verify(f.trust, der)
	if err != nil {
		return err
	}
	if list.expired(f.clock.Now()) {
		return ErrExpired
	}
	if old, ok := f.lists[list.Authority]; ok {
		switch {
		case !old.root.Equal(list.root):
			return ErrList.Becausef("%s is known under another root", list.Authority)
		case old.Number == list.Number && bytes.Equal(old.message, list.message):
			return nil
		case old.Number >= list.Number:
			return ErrOlder.Becausef("number %d, have %d", list.Number, old.Number)
		}
	}
	if err := durable.Replace(filepath.Join(f.dir, list.Authority+listFile), der, durable.Secret); err != nil {
		return ErrFolder.Because(err)
	}
	return f.reload()
}

// verify checks a signed list against the trusted roots. It looks at no clock.
func verify(t *token.Trust, der []byte) (kept, error) {
	signed, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return kept{}, ErrList.Because(err)
	}
	list, root, err := token.Listed(t, signed)
	if err != nil {
		return kept{}, ErrList.Because(err)
	}
	if !authorityID.MatchString(list.Authority) {
		return kept{}, ErrList.Becausef("authority %.40q", list.Authority)
	}
	for _, p := range list.Portals {
		if err := wellFormed(p); err != nil {
			return kept{}, ErrList.Because(err)
		}
	}
	return kept{list, signed.Message, root}, nil
}

// authorityID is what may stand in the names of containers and files.
var authorityID = regexp.MustCompile(`^[a-z0-9]{1,12}$`)

// hostName is a name as browsers write it in origins.
var hostName = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// maxName bounds a portal's name, in characters: it is shown in small windows.
const maxName = 60

// wellFormed admits origins as browsers write them (RFC 6454, 6.2): https, or
// http on this PC alone.
func wellFormed(p proof.Portal) error {
	u, err := url.Parse(p.Origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != p.Origin || p.Origin != strings.ToLower(p.Origin) {
		return errors.New("not an origin: " + p.Origin)
	}
	host, ip := u.Hostname(), net.ParseIP(u.Hostname())
	if ip == nil && !hostName.MatchString(host) {
		return errors.New("not a host's name: " + p.Origin)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && !ip.IsLoopback()) {
		return errors.New("neither https nor of this PC: " + p.Origin)
	}
	if utf8.RuneCountInString(p.Name) > maxName || strings.ContainsFunc(p.Name, unicode.IsControl) {
		return errors.New("no name to show: " + p.Origin)
	}
	return nil
}
