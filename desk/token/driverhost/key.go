package driverhost

import (
	"context"
	"crypto"
	"sync/atomic"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// key is a token.Key in a child. When another child took the place of the one
// that it was opened in, it opens itself there, and nobody is logged in.
type key struct {
	*driver
	serial     string
	loggedIn   atomic.Bool
	id         int                        // in the child
	generation int                        // of the child
	info       atomic.Pointer[token.Info] // read while a call that was given up may still open the key anew
	challenger bool
}

// reopen makes sure that the key is open in the child that there is.
func (k *key) reopen() error {
	if k.generation == k.driver.generation {
		return nil
	}
	a, err := k.exchange(request{Op: opOpen, Serial: k.serial})
	if err != nil {
		return err
	}
	if len(a.Infos) != 1 {
		return token.ErrDriverWrong.With("library", k.Name).With("call", opOpen).With("code", "")
	}
	k.id, k.generation, k.challenger = a.Key, k.driver.generation, a.Challenger
	k.info.Store(&a.Infos[0])
	return nil
}

func (k *key) ask(ctx context.Context, r request) (reply, error) { return k.do(ctx, k, r) }

func (k *key) tell(ctx context.Context, r request) error {
	_, err := k.do(ctx, k, r)
	return err
}

func (k *key) Info() token.Info { return *k.info.Load() }

func (k *key) PINState(ctx context.Context) (token.PINState, error) { return k.state(ctx, opPINState) }

func (k *key) AdminPINState(ctx context.Context) (token.PINState, error) {
	return k.state(ctx, opAdminPINState)
}

func (k *key) state(ctx context.Context, op string) (token.PINState, error) {
	a, err := k.ask(ctx, request{Op: op})
	if err != nil || a.PIN == nil {
		return token.PINState{}, err
	}
	return *a.PIN, nil
}

func (k *key) Login(ctx context.Context, pin string) error {
	return k.tell(ctx, request{Op: opLogin, PIN: pin})
}

// LoggedIn tells what the last reply told.
func (k *key) LoggedIn() bool { return k.loggedIn.Load() }

func (k *key) Logout(ctx context.Context) error { return k.tell(ctx, request{Op: opLogout}) }

func (k *key) Containers(ctx context.Context) ([]string, error) {
	a, err := k.ask(ctx, request{Op: opContainers})
	return a.Names, err
}

func (k *key) Container(ctx context.Context, name string) (token.Container, error) {
	return k.container(ctx, opContainer, name)
}

func (k *key) Create(ctx context.Context, name string) (token.Container, error) {
	return k.container(ctx, opCreate, name)
}

func (k *key) container(ctx context.Context, op, name string) (token.Container, error) {
	if err := k.tell(ctx, request{Op: op, Container: name}); err != nil {
		return nil, err
	}
	return container{k, name}, nil
}

func (k *key) Delete(ctx context.Context, name string) error {
	return k.tell(ctx, request{Op: opDelete, Container: name})
}

func (k *key) Room(ctx context.Context) (int, error) {
	a, err := k.ask(ctx, request{Op: opRoom})
	return a.Number, err
}

func (k *key) ChangePIN(ctx context.Context, old, new string) error {
	return k.tell(ctx, request{Op: opChangePIN, PIN: old, New: new})
}

func (k *key) Unblock(ctx context.Context, admin, new string) error {
	return k.tell(ctx, request{Op: opUnblock, PIN: admin, New: new})
}

func (k *key) ChangeAdminPIN(ctx context.Context, old, new string) error {
	return k.tell(ctx, request{Op: opChangeAdminPIN, PIN: old, New: new})
}

// Close closes it in the child, if that is still the same: a key whose child
// ended is closed. A library that is in use is not waited for: it closes the
// key when it is free.
func (k *key) Close() error {
	select {
	case k.turn <- struct{}{}:
		return k.shut()
	default:
		k.shutLater()
		return nil
	}
}

// shutLater is shut in its turn; nobody waits for it.
func (k *key) shutLater() {
	go func() {
		k.turn <- struct{}{}
		_ = k.shut()
	}()
}

// shut is Close by whoever has the turn, which it gives back.
func (k *key) shut() error {
	defer k.release()
	if k.child == nil || k.generation != k.driver.generation {
		return nil
	}
	k.loggedIn.Store(false)
	_, err := k.exchange(request{Op: opClose, Key: k.id})
	return err
}

// challenger is a key that its maker unlocks by question and answer.
type challenger struct{ *key }

func (k challenger) Challenge(ctx context.Context) ([]byte, error) {
	a, err := k.ask(ctx, request{Op: opChallenge})
	return a.Data, err
}

func (k challenger) Respond(ctx context.Context, answer []byte, new string) error {
	return k.tell(ctx, request{Op: opRespond, Data: answer, New: new})
}

// container is a token.Container in a child.
type container struct {
	key  *key
	name string
}

func (c container) Name() string { return c.name }

func (c container) data(ctx context.Context, r request) ([]byte, error) {
	r.Container = c.name
	a, err := c.key.ask(ctx, r)
	return a.Data, err
}

func (c container) public(ctx context.Context, r request) (crypto.PublicKey, error) {
	der, err := c.data(ctx, r)
	if err != nil {
		return nil, err
	}
	public, err := gm.ParseAnyPublicKey(der)
	if err != nil {
		return nil, token.ErrDriverWrong.With("library", c.key.Name).With("call", r.Op).With("code", "").Because(err)
	}
	return public, nil
}

func (c container) GenerateSigningKey(ctx context.Context, a gm.Algorithm) (crypto.PublicKey, error) {
	return c.public(ctx, request{Op: opGenerate, Algorithm: a})
}

func (c container) PublicKey(ctx context.Context, u token.Usage) (crypto.PublicKey, error) {
	return c.public(ctx, request{Op: opPublicKey, Usage: u})
}

func (c container) Certificate(ctx context.Context, u token.Usage) ([]byte, error) {
	return c.data(ctx, request{Op: opCertificate, Usage: u})
}

func (c container) ImportCertificate(ctx context.Context, u token.Usage, der []byte) error {
	_, err := c.data(ctx, request{Op: opImport, Usage: u, Data: der})
	return err
}

func (c container) ImportEncryptionKey(ctx context.Context, envelope []byte) error {
	_, err := c.data(ctx, request{Op: opImportKey, Data: envelope})
	return err
}

func (c container) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return c.data(ctx, request{Op: opSign, Data: message})
}

func (c container) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	return c.data(ctx, request{Op: opDecrypt, Data: ciphertext})
}
