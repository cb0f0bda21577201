package softkey

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Extension of the files that a Folder sees.
const Extension = ".softkey"

// Folder is where soft keys are plugged in: each file in it is one.
type Folder string

// List names the keys, by serial; one that cannot be opened is named by its
// file, with its trouble. A folder that is not there is empty.
func (f Folder) List(ctx context.Context) ([]token.Info, error) {
	paths, err := f.Paths()
	if err != nil {
		return nil, err
	}
	var infos []token.Info
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k, err := Open(path)
		switch {
		case errors.Is(err, token.ErrRemoved):
		case err != nil:
			infos = append(infos, token.Info{Label: filepath.Base(path), Driver: Driver, Trouble: certhall.AsError(err)})
		default:
			infos = append(infos, k.Info())
		}
	}
	slices.SortFunc(infos, func(a, b token.Info) int { return cmp.Compare(a.Serial, b.Serial) })
	return infos, nil
}

// Open opens the key of a serial: token.ErrRemoved if it is not plugged in.
func (f Folder) Open(_ context.Context, serial string) (token.Key, error) {
	paths, err := f.Paths()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if k, err := Open(path); err == nil && k.Info().Serial == serial {
			return k, nil
		}
	}
	return nil, token.ErrRemoved
}

// Locks are the lock files of the keys that are or were plugged in, by path.
func (f Folder) Locks() []string {
	locks, _ := filepath.Glob(filepath.Join(string(f), ".*"+Extension+".lock")) // fails for a malformed pattern only
	return locks
}

// Paths names the files that may be keys. A folder that is not there is empty.
func (f Folder) Paths() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, certhall.ErrInternal.Because(err)
	}
	var paths []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), Extension) && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(string(f), e.Name()))
		}
	}
	return paths, nil
}
