package library

import (
	"context"
	"errors"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// application is what an application's handle stands for.
type application struct {
	connection Handle
	device     *device
	name       string
}

func (a *application) under() Handle { return a.connection }

// session is an application as this process has it open, whatever handles there
// are: what was verified holds for all of them.
type session struct{ key *softkey.Key }

// session opens the application, or takes the one that is open.
func (a *application) session() (*session, error) {
	if s := a.device.applications[a.name]; s != nil {
		return s, nil
	}
	key, err := a.device.key.Application(context.Background(), a.name)
	if err != nil {
		return nil, err
	}
	s := &session{key}
	a.device.applications[a.name] = s
	return s, nil
}

// opened lets f have the application of a handle. One that another process has
// made anew under the same name is not the one whose PIN was verified: nobody
// is logged in any more.
func (l *Library) opened(h Handle, f func(*softkey.Key) error) error {
	a, err := find[*application](l, h)
	if err != nil {
		return err
	}
	return l.useApplication(a, f)
}

func (l *Library) useApplication(a *application, f func(*softkey.Key) error) error {
	return l.use(a.device, func() error {
		s, err := a.session()
		if err != nil {
			return err
		}
		before := s.key.Rights()
		err = f(s.key)
		if errors.Is(err, token.ErrKeyDamaged) && before != 0 && s.key.Rights() == 0 {
			err = f(s.key)
		}
		return err
	})
}

// NewApplication is what CreateApplication is told.
type NewApplication struct {
	Name              string
	AdminPIN, PIN     string
	AdminTries, Tries uint32
	FileRights        uint32
}

// maxName is how long names of applications and files may be, in bytes.
const maxName = 32

// CreateApplication makes an application and opens it, for whoever proved to
// know the device's key.
func (l *Library) CreateApplication(h Handle, n NewApplication) (opened Handle, err error) {
	if n.Name == "" || len(n.Name) > maxName {
		return 0, refuse(skf.ApplicationName)
	}
	if n.AdminTries > softkey.MaxTries || n.Tries > softkey.MaxTries {
		return 0, refuse(skf.InvalidParameter)
	}
	if n.AdminPIN == "" || n.PIN == "" {
		return 0, refuse(skf.PINLength)
	}
	var d *device
	err = l.connected(h, func(c *connection) error {
		d = c.device
		if !d.authenticated {
			return refuse(skf.NotLoggedIn)
		}
		_, err := d.key.CreateApplication(context.Background(), softkey.Application{
			Name: n.Name, PIN: n.PIN, Tries: int(n.Tries), AdminPIN: n.AdminPIN, AdminTries: int(n.AdminTries),
			FileRights: softkey.Right(n.FileRights), Iterations: l.Iterations,
		})
		if err == nil {
			delete(d.applications, n.Name)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return l.add(&application{connection: h, device: d, name: n.Name})
}

// EnumApplication lists the applications.
func (l *Library) EnumApplication(h Handle, out *Out) error {
	return l.connected(h, func(c *connection) error {
		names, err := c.device.key.Applications(context.Background())
		if err != nil {
			return err
		}
		return out.put(skf.Names(names))
	})
}

// DeleteApplication removes an application with all that lies in it, for
// whoever proved to know the device's key.
func (l *Library) DeleteApplication(h Handle, name string) error {
	return l.connected(h, func(c *connection) error {
		if !c.device.authenticated {
			return refuse(skf.NotLoggedIn)
		}
		err := c.device.key.DeleteApplication(context.Background(), name)
		if err == nil {
			delete(c.device.applications, name)
		}
		return err
	})
}

// OpenApplication opens one.
func (l *Library) OpenApplication(h Handle, name string) (Handle, error) {
	var a *application
	err := l.connected(h, func(c *connection) error {
		a = &application{connection: h, device: c.device, name: name}
		_, err := a.session()
		return err
	})
	if err != nil {
		return 0, err
	}
	return l.add(a)
}

// CloseApplication closes a handle and those of its containers. What was
// verified stays so.
func (l *Library) CloseApplication(h Handle) error { return l.remove(h, applications) }
