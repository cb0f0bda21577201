package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/certhall/certhall/durable"
)

// Write takes an archive into a new file, readable for its owner alone. The
// file bears its name only once it is whole and on the disk; whatever goes
// wrong before leaves nothing under that name.
func Write(ctx context.Context, path string, s Source) (m Manifest, err error) {
	if _, err := os.Lstat(path); err == nil { // said before the work, not after it
		return m, ErrExists.With("file", path)
	}
	var reading error // what was wrong with the databases, not with the file
	err = durable.CreateFrom(path, func(file io.Writer) error {
		out := &noting{to: file}
		var err error
		if m, err = Take(ctx, out, s); out.err == nil {
			reading = err
		}
		return err
	}, durable.Secret)
	switch {
	case reading != nil:
		return m, reading
	case errors.Is(err, fs.ErrExist):
		return m, ErrExists.With("file", path)
	case err != nil:
		return m, ErrWrite.With("file", path).Because(err)
	}
	return m, nil
}

// noting remembers whether writing went wrong.
type noting struct {
	to  io.Writer
	err error
}

func (n *noting) Write(b []byte) (int, error) {
	written, err := n.to.Write(b)
	if err != nil {
		n.err = err
	}
	return written, err
}
