package pkcs11

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// group is what bears one CKA_ID: a container.
type group struct {
	id      []byte
	label   string // of its objects; "" where they have none that serves
	name    string
	classes []uint64
	only    native.Ref // the one certificate of a group of one object
}

func (g *group) has(class uint64) bool { return slices.Contains(g.classes, class) }

// longest is how long a container's name may be, in bytes.
const longest = 64

// proper tells whether a label serves as a name.
func proper(label string) bool { return label != "" && len(label) <= longest && readable(label) }

// groups lists the containers in the order of their CKA_IDs, those begun last.
// Private keys may show only after a log-in: what can be named without them is
// named without them, so that the name stays.
func (k *key) groups(ctx context.Context) ([]*group, error) {
	byID := map[string]*group{}
	for _, class := range []uint64{classPublic, classCertificate, classPrivate} {
		refs, err := k.find(k.m.template().number(attrClass, class).yes(attrToken))
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			values, err := k.read(ref, attrID, attrLabel)
			if answers(err, objectInvalid) {
				continue // gone meanwhile
			}
			if err != nil {
				return nil, err
			}
			id, label := values[0], strings.TrimRight(string(values[1]), "\x00 ")
			if len(id) == 0 {
				continue // belongs to nothing
			}
			g := byID[string(id)]
			if g == nil {
				g = &group{id: id, only: ref}
				byID[string(id)] = g
			}
			if g.label == "" && proper(label) {
				g.label = label
			}
			g.classes = append(g.classes, class)
		}
	}
	var all []*group
	for _, g := range byID {
		issuer, err := k.issuer(g)
		if err != nil {
			return nil, err
		}
		if !issuer {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *group) int { return bytes.Compare(a.id, b.id) })
	for name, id := range k.begun {
		if byID[string(id)] == nil {
			all = append(all, &group{id: id, label: name})
		}
	}
	christen(all)
	return all, nil
}

// issuer tells whether a group is nothing but a CA's certificate, as some tools
// lay beside their own.
func (k *key) issuer(g *group) (bool, error) {
	if len(g.classes) != 1 || !g.has(classCertificate) {
		return false, nil
	}
	values, err := k.read(g.only, attrValue)
	if err != nil {
		return false, err
	}
	c, err := gm.ParseCertificate(values[0])
	return err == nil && c.IsCA, nil
}

// christen names the containers by their labels. Without a label that serves,
// or where several bear it, the name comes from the CKA_ID.
func christen(all []*group) {
	bearers := map[string]int{}
	for _, g := range all {
		bearers[g.label]++
	}
	for _, g := range all {
		if g.name = g.label; g.label == "" || bearers[g.label] > 1 {
			g.name = "id-" + hex.EncodeToString(g.id)
			if len(g.name) > longest {
				digest := sha256.Sum256(g.id)
				g.name = "id-" + hex.EncodeToString(digest[:16])
			}
		}
	}
}

// group finds a container: token.ErrNoContainer.
func (k *key) group(ctx context.Context, name string) (*group, error) {
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	groups, err := k.groups(ctx)
	if err != nil {
		return nil, explained(err)
	}
	for _, g := range groups {
		if g.name == name {
			return g, nil
		}
	}
	return nil, errNoContainer(name)
}

// find lists the objects that a template describes.
func (k *key) find(t *template) ([]native.Ref, error) {
	if err := k.call("C_FindObjectsInit", t.arg(), t.count()); err != nil {
		return nil, err
	}
	found, err := k.found()
	if end := k.call("C_FindObjectsFinal"); err == nil {
		err = end
	}
	return found, err
}

func (k *key) found() ([]native.Ref, error) {
	var all []native.Ref
	for {
		var n uint64
		page := make([]native.Ref, 16)
		if err := k.call("C_FindObjects", native.Handles(page), native.Word(uint64(len(page))), native.ULong(&n)); err != nil {
			return nil, err
		}
		if n > uint64(len(page)) || len(all) > maxObjects {
			return nil, wrong("C_FindObjects", fmt.Sprintf("%d objects more than %d", n, len(all)))
		}
		if n == 0 {
			return all, nil
		}
		all = append(all, page[:n]...)
	}
}

// maxValue is how long attributes are; certificates are longer.
const maxValue = 1024

// read gives attributes of an object, nil for those it does not have. Where one
// is refused the others may be left unread, so that each is asked for alone.
func (k *key) read(ref native.Ref, attrs ...uint64) ([][]byte, error) {
	asked := make([]native.Attribute, len(attrs))
	for i, a := range attrs {
		asked[i] = native.Attribute{Type: a, Value: make([]byte, maxValue)}
		if a == attrValue {
			asked[i].Value = make([]byte, gm.MaxCertificate)
		}
	}
	err := k.call("C_GetAttributeValue", native.Use(ref), native.Answers(asked), native.Word(uint64(len(asked))))
	values := make([][]byte, len(attrs))
	if answers(err, attributeSensitive, attributeInvalid, bufferTooSmall) {
		if len(attrs) == 1 {
			return values, nil
		}
		for i, a := range attrs {
			one, err := k.read(ref, a)
			if err != nil {
				return nil, err
			}
			values[i] = one[0]
		}
		return values, nil
	}
	if err != nil {
		return nil, err
	}
	for i, a := range asked {
		if a.Length > int64(len(a.Value)) {
			return nil, wrong("C_GetAttributeValue", fmt.Sprintf("%d bytes in room for %d", a.Length, len(a.Value)))
		}
		if a.Length >= 0 {
			values[i] = a.Value[:a.Length]
		}
	}
	return values, nil
}

// flag reads an attribute that is CK_TRUE or CK_FALSE; ok is false where it is neither.
func flag(value []byte) (set, ok bool) {
	if len(value) != 1 {
		return false, false
	}
	return value[0] != 0, true
}
