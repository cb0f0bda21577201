package driverhost

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// Serve is the child's side: it loads the library that the first request names
// and answers until its parent is gone. What the library prints goes to the
// child's standard error; the pipes are out of its reach.
func Serve(stdin, stdout *os.File) error {
	in, out, err := private(stdin, stdout)
	if err != nil {
		return err
	}
	// A library may be in a call that never returns when the parent goes.
	return answer(in, out, kinds, func() { os.Exit(0) })
}

// answer reads requests and answers them in turn; gone is called when there
// come no more.
func answer(in io.Reader, out io.Writer, kinds map[string]kind, gone func()) error {
	requests := make(chan request)
	broken := make(chan error, 1)
	go func() {
		defer gone()
		defer close(requests)
		for d := json.NewDecoder(in); ; {
			var r request
			if err := d.Decode(&r); err != nil {
				if err != io.EOF {
					broken <- err
				}
				return
			}
			requests <- r
		}
	}()
	s := server{kinds: kinds, keys: map[int]*openKey{}}
	for r := range requests {
		a, err := s.do(context.Background(), r)
		a.ID, a.Error = r.ID, s.failed(err)
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	select {
	case err := <-broken:
		return err
	default:
		return nil
	}
}

// server is what the child has open.
type server struct {
	kinds  map[string]kind
	name   string
	module module
	keys   map[int]*openKey
	last   int // number given to a key
}

type openKey struct {
	token.Key
	containers map[string]token.Container
}

var errRequest = certhall.ErrInternal.Because(errors.New("driverhost: a request that cannot be"))

func (s *server) do(ctx context.Context, r request) (reply, error) {
	if r.Op == opLoad && r.Load != nil && s.module == nil {
		s.name = r.Load.Name
		return reply{}, s.load(*r.Load)
	}
	if s.module == nil {
		return reply{}, errRequest
	}
	switch r.Op {
	case opList:
		infos, err := s.module.List(ctx)
		for i := range infos {
			infos[i].Library = s.name
			if infos[i].Trouble != nil {
				infos[i].Trouble = s.named(infos[i].Trouble)
			}
		}
		return reply{Infos: infos}, err
	case opEnd:
		return reply{}, s.module.Close()
	case opOpen:
		k, err := s.module.Open(ctx, r.Serial)
		if err != nil {
			return reply{}, err
		}
		s.last++
		s.keys[s.last] = &openKey{k, map[string]token.Container{}}
		info := k.Info()
		info.Library = s.name
		_, challenger := k.(token.Challenger)
		return reply{Key: s.last, Infos: []token.Info{info}, Challenger: challenger, LoggedIn: k.LoggedIn()}, nil
	}
	k := s.keys[r.Key]
	if k == nil {
		return reply{}, errRequest
	}
	if r.Op == opClose {
		delete(s.keys, r.Key)
		return reply{}, k.Close()
	}
	a, err := k.do(ctx, r)
	a.LoggedIn = k.LoggedIn()
	return a, err
}

// load loads the library.
func (s *server) load(l load) error {
	k, known := s.kinds[l.Kind]
	if !known {
		return token.ErrDriverMissing.Becausef("kind %q", l.Kind)
	}
	from := k.load
	if l.Record != "" {
		from = func(string, native.Options) (native.Library, error) { return recorded(l, k.load) }
	}
	lib, err := from(l.Path, l.Options)
	if err != nil {
		return token.ErrDriverMissing.Because(err)
	}
	m, err := k.open(lib, l.Profile)
	if err == nil {
		s.module = m
	}
	return err
}

// named lets errors of a driver name its library.
func (s *server) named(e *certhall.Error) *certhall.Error {
	if strings.HasPrefix(e.Code, "driver-") && e.Params["library"] == "" {
		return e.With("library", s.name)
	}
	return e
}

// failed is an error as it travels.
func (s *server) failed(err error) *failure {
	if err == nil {
		return nil
	}
	return failed(s.named(certhall.AsError(err)))
}

func (k *openKey) do(ctx context.Context, r request) (a reply, err error) {
	switch r.Op {
	case opPINState, opAdminPINState:
		ask := k.PINState
		if r.Op == opAdminPINState {
			ask = k.AdminPINState
		}
		state, err := ask(ctx)
		return reply{PIN: &state}, err
	case opLogin:
		return a, k.Login(ctx, r.PIN)
	case opLogout:
		return a, k.Logout(ctx)
	case opContainers:
		a.Names, err = k.Containers(ctx)
		return a, err
	case opContainer:
		delete(k.containers, r.Container) // another program may have made it anew
		_, err = k.container(ctx, r.Container)
		return a, err
	case opCreate:
		c, err := k.Create(ctx, r.Container)
		if err == nil {
			k.containers[r.Container] = c
		}
		return a, err
	case opDelete:
		delete(k.containers, r.Container)
		return a, k.Delete(ctx, r.Container)
	case opRoom:
		a.Number, err = k.Room(ctx)
		return a, err
	case opChangePIN:
		return a, k.ChangePIN(ctx, r.PIN, r.New)
	case opUnblock:
		return a, k.Unblock(ctx, r.PIN, r.New)
	case opChangeAdminPIN:
		return a, k.ChangeAdminPIN(ctx, r.PIN, r.New)
	case opChallenge, opRespond:
		c, ok := k.Key.(token.Challenger)
		if !ok {
			return a, token.ErrUnsupported
		}
		if r.Op == opRespond {
			return a, c.Respond(ctx, r.Data, r.New)
		}
		a.Data, err = c.Challenge(ctx)
		return a, err
	}
	c, err := k.container(ctx, r.Container)
	if err != nil {
		return a, err
	}
	return inContainer(ctx, c, r)
}

// container opens one, or goes on with one that is open.
func (k *openKey) container(ctx context.Context, name string) (token.Container, error) {
	if c := k.containers[name]; c != nil {
		return c, nil
	}
	c, err := k.Container(ctx, name)
	if err == nil {
		k.containers[name] = c
	}
	return c, err
}

func inContainer(ctx context.Context, c token.Container, r request) (a reply, err error) {
	switch r.Op {
	case opGenerate:
		public, err := c.GenerateSigningKey(ctx, r.Algorithm)
		if err == nil {
			a.Data, err = gm.MarshalPublicKey(public)
		}
		return a, err
	case opPublicKey:
		public, err := c.PublicKey(ctx, r.Usage)
		if err == nil {
			a.Data, err = gm.MarshalPublicKey(public)
		}
		return a, err
	case opCertificate:
		a.Data, err = c.Certificate(ctx, r.Usage)
	case opImport:
		err = c.ImportCertificate(ctx, r.Usage, r.Data)
	case opImportKey:
		err = c.ImportEncryptionKey(ctx, r.Data)
	case opSign:
		a.Data, err = c.Sign(ctx, r.Data)
	case opDecrypt:
		a.Data, err = c.Decrypt(ctx, r.Data)
	default:
		err = errRequest
	}
	return a, err
}
