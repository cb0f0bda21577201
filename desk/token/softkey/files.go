package softkey

import (
	"context"
	"slices"

	"github.com/certhall/certhall/desk/token"
)

// FileInfo is what is told of a file.
type FileInfo struct {
	Name        string // at most 48 bytes
	Size        int    // bytes, fixed when it is made: at most MaxFile
	Read, Write Right
}

// Files lists the application's files.
func (k *Key) Files(ctx context.Context) ([]FileInfo, error) {
	a, err := k.ready(ctx)
	if err != nil {
		return nil, err
	}
	var files []FileInfo
	for _, f := range slices.Concat(a.Files, a.Open) {
		files = append(files, FileInfo{f.Name, f.Size, Right(f.Read), Right(f.Write)})
	}
	return files, nil
}

// File tells of one: ErrNoFile.
func (k *Key) File(ctx context.Context, name string) (FileInfo, error) {
	files, err := k.Files(ctx)
	if err != nil {
		return FileInfo{}, err
	}
	i := slices.IndexFunc(files, func(f FileInfo) bool { return f.Name == name })
	if i < 0 {
		return FileInfo{}, ErrNoFile
	}
	return files[i], nil
}

// CreateFile makes one, of zero bytes: ErrFileExists, token.ErrKeyFull, and
// token.ErrPINNeeded where the application does not let this caller. Without a
// login it stands outside the seal until someone who knows a PIN writes it.
func (k *Key) CreateFile(ctx context.Context, f FileInfo) error {
	if !named(f.Name, maxName) || f.Size < 0 || f.Size > MaxFile {
		return ErrOptions.Becausef("file %.80q of %d bytes", f.Name, f.Size)
	}
	add := func(a *application) error {
		if err := k.may(Right(a.FileRights)); err != nil {
			return err
		}
		if _, i := a.file(f.Name); i >= 0 {
			return ErrFileExists
		}
		if len(a.Files)+len(a.Open) >= MaxFiles || k.stored()+f.Size > maxStored {
			return token.ErrKeyFull
		}
		return k.put(a, entry{Name: f.Name, Read: int(f.Read), Write: int(f.Write), Size: f.Size}, make([]byte, f.Size))
	}
	return k.write(ctx, "file-create", k.vault, add, add)
}

// DeleteFile removes one: who may make files may, and one under the seal needs
// a login. Torn, it leaves zeroes.
func (k *Key) DeleteFile(ctx context.Context, name string) error {
	on := func(f func(a *application, in *[]entry, i int) error) func(*application) error {
		return func(a *application) error {
			if err := k.may(Right(a.FileRights)); err != nil {
				return err
			}
			in, i := a.file(name)
			switch {
			case i < 0:
				return ErrNoFile
			case in == &a.Files && k.vault == nil:
				return token.ErrPINNeeded
			}
			return f(a, in, i)
		}
	}
	return k.write(ctx, "file-delete", k.vault, on(func(_ *application, in *[]entry, i int) error {
		*in = slices.Delete(*in, i, i+1)
		return nil
	}), on(func(a *application, in *[]entry, i int) error {
		return k.put(a, (*in)[i], make([]byte, (*in)[i].Size))
	}))
}

// ReadFile reads up to n bytes from offset: ErrFileBounds if it lies behind
// the end, token.ErrPINNeeded, ErrFileRights.
func (k *Key) ReadFile(ctx context.Context, name string, offset, n int) ([]byte, error) {
	a, err := k.ready(ctx)
	if err != nil {
		return nil, err
	}
	in, i := a.file(name)
	if i < 0 {
		return nil, ErrNoFile
	}
	f := (*in)[i]
	if err := k.may(Right(f.Read)); err != nil {
		return nil, err
	}
	if offset < 0 || offset > f.Size || n < 0 {
		return nil, ErrFileBounds
	}
	content, err := k.content(a, f)
	if err != nil {
		return nil, err
	}
	return slices.Clone(content[offset : offset+min(n, f.Size-offset)]), nil
}

// WriteFile writes data at offset; it must fit: ErrFileBounds,
// token.ErrPINNeeded, ErrFileRights. Torn, it writes the first half.
func (k *Key) WriteFile(ctx context.Context, name string, offset int, data []byte) error {
	on := func(data []byte, whole int) func(*application) error {
		return func(a *application) error {
			in, i := a.file(name)
			if i < 0 {
				return ErrNoFile
			}
			f := (*in)[i]
			if err := k.may(Right(f.Write)); err != nil {
				return err
			}
			if offset < 0 || offset > f.Size || whole > f.Size-offset {
				return ErrFileBounds
			}
			content, err := k.content(a, f)
			if err != nil {
				return err
			}
			content = slices.Clone(content)
			copy(content[offset:], data)
			return k.put(a, f, content)
		}
	}
	return k.write(ctx, "file-write", k.vault, on(data, len(data)), on(data[:len(data)/2], len(data)))
}

// may tells whether whoever has logged in has one of the rights.
func (k *Key) may(r Right) error {
	switch {
	case r == Anyone || r&k.Rights() != 0:
		return nil
	case r&(User|Admin) == 0:
		return ErrFileRights
	}
	return token.ErrPINNeeded
}

// file finds a file, and where it lies. One under the seal goes first: nobody
// can put another in its place.
func (a *application) file(name string) (in *[]entry, i int) {
	is := func(f entry) bool { return f.Name == name }
	if i = slices.IndexFunc(a.Files, is); i >= 0 {
		return &a.Files, i
	}
	return &a.Open, slices.IndexFunc(a.Open, is)
}

// put stores a file where it belongs: under the seal if a PIN is known and not
// anyone may write it.
func (k *Key) put(a *application, f entry, content []byte) (err error) {
	is := func(g entry) bool { return g.Name == f.Name }
	a.Files, a.Open = slices.DeleteFunc(a.Files, is), slices.DeleteFunc(a.Open, is)
	f.Content = content
	if Right(f.Write) == Anyone || k.vault == nil {
		a.Open = append(a.Open, f)
		return nil
	}
	if Right(f.Read) != Anyone {
		if f.Content, err = k.vault.hide(content, fileContext(f.Name), k.store.random); err != nil {
			return err
		}
	}
	a.Files = append(a.Files, f)
	return nil
}

// content is what a file holds.
func (k *Key) content(a *application, f entry) ([]byte, error) {
	content := f.Content
	if in, _ := a.file(f.Name); in == &a.Files && Right(f.Read) != Anyone {
		if k.vault == nil {
			return nil, token.ErrPINNeeded
		}
		var err error
		if content, err = k.vault.reveal(content, fileContext(f.Name)); err != nil {
			return nil, token.ErrKeyDamaged.Because(err)
		}
	}
	if len(content) != f.Size {
		return nil, token.ErrKeyDamaged.Becausef("file of %d bytes instead of %d", len(content), f.Size)
	}
	return content, nil
}

func fileContext(name string) []byte { return []byte("file " + name) }

// stored is how many bytes the files of all applications take.
func (k *Key) stored() (n int) {
	for _, a := range k.store.image.Applications {
		for _, f := range slices.Concat(a.Files, a.Open) {
			n += f.Size
		}
	}
	return n
}
