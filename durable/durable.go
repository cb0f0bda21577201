// Package durable writes files so that no power cut leaves half of one: soft
// keys, the lists of the portals, the authority's keys and certificates.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Secret is the mode of a file for its owner's eyes alone, Public of one for
// everybody's.
const (
	Secret fs.FileMode = 0o600
	Public fs.FileMode = 0o644
)

// Replace puts data in place of a file's content and gives it a mode: when it
// returns nil the data is durable, after any error or power cut the old or the
// new content is whole.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return ReplaceFrom(path, whole(data), mode)
}

// ReplaceFrom is Replace for content that is written as it comes: after an
// error of write, too, the old one is whole.
func ReplaceFrom(path string, write func(io.Writer) error, mode fs.FileMode) error {
	return place(path, write, mode, rename)
}

// Create is Replace for a file that must not exist yet: of several that create
// it at once one does, the others are answered fs.ErrExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	return CreateFrom(path, whole(data), mode)
}

// CreateFrom is Create for content that is written as it comes: after an error
// of write, too, there is no file.
func CreateFrom(path string, write func(io.Writer) error, mode fs.FileMode) error {
	return place(path, write, mode, func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// place has the content written beside path and lets put bring it there.
func place(path string, write func(io.Writer) error, mode fs.FileMode, put func(from, to string) error) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	temp, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
	}()
	if err := write(temp); err != nil {
		return err
	}
	if err := temp.Chmod(mode); err != nil && runtime.GOOS != "windows" {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := put(temp.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a folder durable: a new file's, a renamed one's.
// Windows does that by itself and knows no such call.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
