package library

import (
	"context"
	"crypto"
	"crypto/rsa"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// container is what a container's handle stands for.
type container struct {
	handle      Handle // of the application
	application *application
	name        string
}

func (c *container) under() Handle { return c.handle }

// maxContainer is how long a container's name may be, in bytes.
const maxContainer = 64

// CreateContainer makes an empty container and opens it; needs the user's PIN.
func (l *Library) CreateContainer(h Handle, name string) (Handle, error) {
	return l.named(h, name, func(k *softkey.Key) error {
		_, err := k.Create(context.Background(), name)
		return err
	})
}

// OpenContainer opens one.
func (l *Library) OpenContainer(h Handle, name string) (Handle, error) {
	return l.named(h, name, func(k *softkey.Key) error {
		_, err := k.Container(context.Background(), name)
		return err
	})
}

func (l *Library) named(h Handle, name string, f func(*softkey.Key) error) (Handle, error) {
	if name == "" || len(name) > maxContainer {
		return 0, refuse(skf.NameLength)
	}
	a, err := find[*application](l, h)
	if err != nil {
		return 0, err
	}
	if err := l.useApplication(a, f); err != nil {
		return 0, err
	}
	return l.add(&container{handle: h, application: a, name: name})
}

// DeleteContainer removes one with all that lies in it; needs the user's PIN.
func (l *Library) DeleteContainer(h Handle, name string) error {
	return l.opened(h, func(k *softkey.Key) error { return k.Delete(context.Background(), name) })
}

// CloseContainer closes a handle, after that of its application too.
func (l *Library) CloseContainer(h Handle) error { return l.remove(h, containers) }

// EnumContainer lists the containers.
func (l *Library) EnumContainer(h Handle, out *Out) error {
	return l.opened(h, func(k *softkey.Key) error {
		names, err := k.Containers(context.Background())
		if err != nil {
			return err
		}
		return out.put(skf.Names(names))
	})
}

// inside lets f have the container of a handle.
func (l *Library) inside(h Handle, f func(*softkey.Container) error) error {
	c, err := find[*container](l, h)
	if err != nil {
		return err
	}
	return l.useApplication(c.application, func(k *softkey.Key) error {
		opened, err := k.Container(context.Background(), c.name)
		if err != nil {
			return err
		}
		return f(opened.(*softkey.Container))
	})
}

// GetContainerType tells what keys lie in it.
func (l *Library) GetContainerType(h Handle) (kind skf.ContainerType, err error) {
	err = l.inside(h, func(c *softkey.Container) error {
		a, err := c.Type(context.Background())
		switch a {
		case 0:
			kind = skf.Empty
		case gm.RSA:
			kind = skf.RSAContainer
		default:
			kind = skf.ECCContainer
		}
		return err
	})
	return kind, err
}

// half is which pair is meant.
func half(signing bool) token.Usage {
	if signing {
		return token.Signing
	}
	return token.Encryption
}

// ImportCertificate writes a certificate; needs the user's PIN. Whether it fits
// the key is the caller's to know.
func (l *Library) ImportCertificate(h Handle, signing bool, der []byte) error {
	if len(der) == 0 || len(der) > gm.MaxCertificate {
		return refuse(skf.InputLength)
	}
	return l.inside(h, func(c *softkey.Container) error {
		return c.ImportCertificate(context.Background(), half(signing), der)
	})
}

// ExportCertificate reads one.
func (l *Library) ExportCertificate(h Handle, signing bool, out *Out) error {
	return l.inside(h, func(c *softkey.Container) error {
		der, err := c.Certificate(context.Background(), half(signing))
		if err != nil {
			return err
		}
		return out.put(der)
	})
}

// ExportPublicKey reads a public key: an ECCPUBLICKEYBLOB or RSAPUBLICKEYBLOB.
func (l *Library) ExportPublicKey(h Handle, signing bool, out *Out) error {
	return l.inside(h, func(c *softkey.Container) error {
		pub, err := c.PublicKey(context.Background(), half(signing))
		if err != nil {
			return err
		}
		blob, err := publicBlob(pub)
		if err != nil {
			return err
		}
		return out.put(blob)
	})
}

func publicBlob(pub crypto.PublicKey) ([]byte, error) {
	var blob []byte
	var err error
	if k, ok := pub.(*rsa.PublicKey); ok {
		blob, err = standard.RSAPublicKey(k)
	} else if k, e := gm.SM2Key(pub); e == nil {
		blob, err = standard.PublicKey(k)
	} else {
		err = e
	}
	if err != nil {
		return nil, because(skf.NotSupported, err)
	}
	return blob, nil
}
