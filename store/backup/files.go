package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Extension of an archive's name: what lies in the state folder under such a
// name is no part of the next archive.
const Extension = ".certhall"

// largestFile bounds the files that are copied: keys, certificates and
// configuration are small.
const largestFile = 1 << 20

// takeFiles copies the state folder's files, except databases, locks, archives
// and what is meant to be offline.
func takeFiles(w *writer, dir string, keys bool) (files []File, leftOut []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir() && name != "." && (d.Name() == "offline" || d.Name()[0] == '.'):
			return filepath.SkipDir
		case d.IsDir(), passing(d.Name()):
			return nil
		case !d.Type().IsRegular(), !keys && Secret(name):
			leftOut = append(leftOut, name)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > largestFile {
			leftOut = append(leftOut, name)
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files = append(files, File{Name: name, Mode: uint32(info.Mode().Perm()), Size: int64(len(content)), SHA256: digest(content)})
		return w.entry(filesFolder+name, content)
	})
	return files, leftOut, err
}

// passing tells files that belong to the running server or to no backup:
// databases (they are copied row by row), the journal of checkpoints and the
// serials that status called good (they are worth most where they are newer
// than the backup), locks, archives, hidden files.
func passing(base string) bool {
	return base[0] == '.' || base == "lock" ||
		slices.ContainsFunc([]string{".db", ".db-wal", ".db-shm", ".db-journal", ".lock", ".journal", ".serials", ".serials.old", Extension}, func(end string) bool {
			return strings.HasSuffix(base, end)
		})
}

// Secret tells whether a file of the state folder is to be kept from others.
func Secret(name string) bool {
	base := name[strings.LastIndex(name, "/")+1:]
	return strings.Contains(base, "passphrase") ||
		slices.ContainsFunc([]string{".key", ".secret", ".pin", ".softkey"}, func(end string) bool { return strings.HasSuffix(base, end) })
}

// LoadFiles makes the archive's files anew in an empty folder.
func LoadFiles(path, dir string) error {
	modes := map[string]fs.FileMode{}
	m, err := Verify(path)
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		modes[f.Name] = fs.FileMode(f.Mode).Perm()
	}
	root, err := os.OpenRoot(dir) // names that lead out of it are refused
	if err != nil {
		return err
	}
	defer root.Close()
	_, err = walk(path, visitor{
		chunk: func(string, string, []byte) error { return nil },
		file: func(name string, content []byte) error {
			name = filepath.FromSlash(name)
			if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return err
			}
			file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modes[filepath.ToSlash(name)])
			if err != nil {
				return err
			}
			_, err = file.Write(content)
			return errors.Join(err, file.Sync(), file.Close())
		},
	})
	return err
}
