package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Write takes an archive into a new file, readable for its owner alone. The
// file bears its name only once it is whole and on the disk; whatever goes
// wrong before leaves nothing under that name.
func Write(ctx context.Context, path string, s Source) (Manifest, error) {
	if _, err := os.Lstat(path); err == nil {
		return Manifest{}, ErrExists.With("file", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return Manifest{}, ErrWrite.With("file", path).Because(err)
	}
	defer os.Remove(file.Name()) // gone already where all went well
	out := &noting{file: file}
	m, err := Take(ctx, out, s)
	if err == nil {
		out.err = file.Sync()
		err = out.err
	}
	if closed := file.Close(); err == nil {
		out.err, err = closed, closed
	}
	if err == nil {
		// A link, unlike a rename, never takes the place of another file.
		out.err = errors.Join(os.Link(file.Name(), path), syncFolder(filepath.Dir(path)))
		err = out.err
	}
	if out.err != nil { // the file is at fault, not what was read
		return m, ErrWrite.With("file", path).Because(out.err)
	}
	return m, err
}

// noting writes to a file and remembers what went wrong there.
type noting struct {
	file *os.File
	err  error
}

func (n *noting) Write(b []byte) (int, error) {
	written, err := n.file.Write(b)
	if err != nil {
		n.err = err
	}
	return written, err
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // which does that by itself
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
