package pkcs11

import (
	"context"
	"crypto/rand"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
)

// key is an opened token.
type key struct {
	m       *Module
	place   place
	session native.Ref
	flags   uint64 // with which it was begun
	closed  bool
	begun   map[string][]byte // containers created in which nothing lies yet: name → CKA_ID
	unable  map[uint64]bool   // mechanisms that it proved not to have
}

// open begins the key's one session. Where nothing may be written, it is one
// for reading.
func (k *key) open() error {
	k.flags = sessionSerial | sessionRW
	err := k.begin()
	if answers(err, writeProtected) {
		k.flags = sessionSerial
		err = k.begin()
	}
	return err
}

func (k *key) begin() error {
	return k.m.call("C_OpenSession", native.Word(k.place.slot), native.Word(k.flags), native.In(nil), native.In(nil), native.Handle(&k.session))
}

// call calls a function whose first argument is the session. An operation that
// an earlier failure left open ends with its session. A device that answers
// with its general error may have been pulled: its slot tells.
func (k *key) call(fn string, args ...native.Arg) error {
	do := func() error { return k.m.call(fn, append([]native.Arg{native.Use(k.session)}, args...)...) }
	err := do()
	switch {
	case answers(err, operationActive):
		if err = k.renew(); err == nil {
			err = do()
		}
	case answers(err, deviceError):
		if _, here := k.m.token(k.place.slot); answers(here, gone...) {
			return here
		}
	}
	return err
}

// renew goes on in another session. A log-in belongs to the process and
// outlives the old one, which ends after the new one has begun.
func (k *key) renew() error {
	old := k.session
	if err := k.begin(); err != nil {
		return err
	}
	return k.m.call("C_CloseSession", native.Use(old))
}

// ready is asked before anything is done.
func (k *key) ready(ctx context.Context) error {
	if k.closed {
		return token.ErrRemoved
	}
	return ctx.Err()
}

// Info names the key.
func (k *key) Info() token.Info { return k.place.info }

// Containers lists the containers by name.
func (k *key) Containers(ctx context.Context) ([]string, error) {
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	groups, err := k.groups(ctx)
	if err != nil {
		return nil, explained(err)
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return names, nil
}

// Container opens one.
func (k *key) Container(ctx context.Context, name string) (token.Container, error) {
	g, err := k.group(ctx, name)
	if err != nil {
		return nil, err
	}
	return &container{key: k, name: name, id: g.id}, nil
}

// idLength is the length in bytes of the CKA_IDs that we give.
const idLength = 16

// Create remembers a name; needs a login.
func (k *key) Create(ctx context.Context, name string) (token.Container, error) {
	if err := k.writable(ctx); err != nil {
		return nil, err
	}
	groups, err := k.groups(ctx)
	if err != nil {
		return nil, explained(err)
	}
	for _, g := range groups {
		if g.name == name || g.label == name {
			return nil, token.ErrContainerExists
		}
	}
	if !proper(name) {
		return nil, token.ErrUnsupported.Becausef("container's name %.80q", name)
	}
	room, err := k.Room(ctx)
	if err != nil {
		return nil, err
	}
	if room == 0 {
		return nil, token.ErrKeyFull
	}
	id := make([]byte, idLength)
	_, _ = rand.Read(id) // never fails
	k.begun[name] = id
	return &container{key: k, name: name, id: id}, nil
}

// Delete removes a container with all that lies in it; needs a login. What
// everybody sees goes last, so that a container half deleted is still found
// and its deletion repeated: the certificate where there is one, else the
// public key. Before the private key goes, the pair works as it did, by the
// certificate's key if need be; never does a whole pair without its private
// key lie there.
func (k *key) Delete(ctx context.Context, name string) error {
	if err := k.writable(ctx); err != nil {
		return err
	}
	g, err := k.group(ctx, name)
	if err != nil {
		return err
	}
	order := []uint64{classPublic, classPrivate, classCertificate}
	if !g.has(classCertificate) {
		order = []uint64{classPrivate, classPublic}
	}
	c := &container{key: k, name: name, id: g.id}
	for _, class := range order {
		refs, err := c.find(class)
		if err != nil {
			return explained(err)
		}
		if class == classCertificate {
			refs = c.signingLast(refs)
		}
		if err := k.destroy(ctx, refs); err != nil {
			return explained(err)
		}
	}
	delete(k.begun, name)
	return nil
}

func (k *key) destroy(ctx context.Context, refs []native.Ref) error {
	for _, r := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := k.call("C_DestroyObject", native.Use(r)); err != nil && !answers(err, objectInvalid) {
			return err
		}
	}
	return nil
}

// What a container takes, roughly: two keys' objects and certificates of some
// thousand bytes.
const publicNeed, privateNeed = 6 << 10, 3 << 10

// Room estimates by the free memory that the token tells; most tell none.
func (k *key) Room(ctx context.Context) (int, error) {
	if err := k.ready(ctx); err != nil {
		return 0, err
	}
	t, err := k.m.token(k.place.slot)
	if err != nil {
		return 0, explained(err)
	}
	known := func(total, free uint64) bool { return total > 0 && total < 1<<30 && free <= total }
	if !known(t.totalPublic, t.freePublic) || !known(t.totalPrivate, t.freePrivate) {
		return -1, nil
	}
	return int(min(t.freePublic/publicNeed, t.freePrivate/privateNeed)), nil
}

// writable is asked before anything is changed.
func (k *key) writable(ctx context.Context) error {
	if err := k.ready(ctx); err != nil {
		return err
	}
	in, err := k.loggedIn()
	if err != nil {
		return explained(err)
	}
	if !in {
		return token.ErrPINNeeded
	}
	return nil
}

// Close ends the session. Calls after it answer token.ErrRemoved.
func (k *key) Close() error {
	if k.closed {
		return nil
	}
	k.closed = true
	if err := k.m.call("C_CloseSession", native.Use(k.session)); err != nil && !answers(err, gone...) {
		return explained(err)
	}
	return nil
}
