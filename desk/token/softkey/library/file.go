package library

import (
	"context"

	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// CreateFile makes a file of so many bytes. Rights are those of GM/T 0016.
func (l *Library) CreateFile(h Handle, name string, size, read, write uint32) error {
	if name == "" || len(name) > maxName {
		return refuse(skf.NameLength)
	}
	if size > softkey.MaxFile {
		return refuse(skf.NoRoom)
	}
	return l.opened(h, func(k *softkey.Key) error {
		return k.CreateFile(context.Background(), softkey.FileInfo{
			Name: name, Size: int(size), Read: softkey.Right(read), Write: softkey.Right(write),
		})
	})
}

// DeleteFile removes one.
func (l *Library) DeleteFile(h Handle, name string) error {
	return l.opened(h, func(k *softkey.Key) error { return k.DeleteFile(context.Background(), name) })
}

// EnumFiles lists the files.
func (l *Library) EnumFiles(h Handle, out *Out) error {
	return l.opened(h, func(k *softkey.Key) error {
		files, err := k.Files(context.Background())
		if err != nil {
			return err
		}
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = f.Name
		}
		return out.put(skf.Names(names))
	})
}

// GetFileInfo describes a file: a FILEATTRIBUTE.
func (l *Library) GetFileInfo(h Handle, name string) (info []byte, err error) {
	err = l.opened(h, func(k *softkey.Key) error {
		f, err := k.File(context.Background(), name)
		info = standard.FileAttribute(skf.FileAttribute{
			Name: f.Name, Size: uint32(f.Size), Read: skf.Rights(f.Read), Write: skf.Rights(f.Write),
		})
		return err
	})
	return info, err
}

// ReadFile reads up to n bytes from offset, as many as there are.
func (l *Library) ReadFile(h Handle, name string, offset, n uint32, out *Out) error {
	if offset > softkey.MaxFile {
		return refuse(skf.InvalidParameter)
	}
	return l.opened(h, func(k *softkey.Key) error {
		data, err := k.ReadFile(context.Background(), name, int(offset), int(min(n, softkey.MaxFile)))
		if err != nil {
			return err
		}
		return out.put(data)
	})
}

// WriteFile writes data from offset on; it must fit.
func (l *Library) WriteFile(h Handle, name string, offset uint32, data []byte) error {
	if offset > softkey.MaxFile || len(data) > softkey.MaxFile {
		return refuse(skf.InvalidParameter)
	}
	return l.opened(h, func(k *softkey.Key) error {
		return k.WriteFile(context.Background(), name, int(offset), data)
	})
}
