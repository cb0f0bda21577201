package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	manifestName = "manifest.json"
	filesFolder  = "files/"
	// chunkSize is about how many bytes of rows stand in one entry of the tar:
	// an entry tells its length before its content.
	chunkSize = 1 << 20
	// longest bounds what is read into memory at once.
	longest = 64 << 20
)

// writer writes entries; all its failures are those of the file.
type writer struct {
	tar  *tar.Writer
	zip  *gzip.Writer
	time time.Time
}

func newWriter(w io.Writer, at time.Time) (*writer, error) {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	return &writer{tar: tar.NewWriter(zip), zip: zip, time: at}, nil
}

func (w *writer) entry(name string, content []byte) error {
	err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), ModTime: w.time, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = w.tar.Write(content)
	return err
}

// finish writes the manifest, which makes the archive whole.
func (w *writer) finish(m Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := w.entry(manifestName, append(text, '\n')); err != nil {
		return err
	}
	return errors.Join(w.tar.Close(), w.zip.Close())
}

// visitor takes an archive's entries in their order. name of a table is
// STORE/TABLE; first is true for its first chunk.
type visitor struct {
	file  func(name string, content []byte) error
	chunk func(store, table string, content []byte) error
}

// walk reads an archive from beginning to end and answers its manifest. Any
// damage is ErrDamaged with the place.
func walk(path string, v visitor) (*Manifest, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	damaged := func(where string, cause error) error {
		return ErrDamaged.With("file", path).With("where", where).Because(cause)
	}
	buffered := bufio.NewReaderSize(file, 1<<20)
	zip, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, damaged("beginning", err)
	}
	zip.Multistream(false)
	entries := tar.NewReader(zip)
	last := "beginning"
	var m *Manifest
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) && m != nil {
			break
		}
		if err == nil && m != nil {
			err = errors.New("an entry behind the manifest")
		}
		if err != nil {
			return nil, damaged("behind "+last, unexpected(err))
		}
		last = h.Name
		if h.Typeflag != tar.TypeReg || h.Size > longest {
			return nil, damaged(last, fmt.Errorf("entry of type %q with %d bytes", h.Typeflag, h.Size))
		}
		content := make([]byte, h.Size)
		if _, err := io.ReadFull(entries, content); err != nil {
			return nil, damaged(last, unexpected(err))
		}
		switch name, isFile := strings.CutPrefix(h.Name, filesFolder); {
		case h.Name == manifestName:
			m = new(Manifest)
			if err := json.Unmarshal(content, m); err != nil {
				return nil, damaged(last, err)
			}
		case isFile:
			err = v.file(name, content)
		default:
			parts := strings.Split(h.Name, "/")
			if len(parts) != 3 {
				return nil, damaged(last, errors.New("an entry of no known form"))
			}
			err = v.chunk(parts[0], parts[1], content)
		}
		if err != nil {
			return nil, err
		}
	}
	// The digest of the whole stands behind the tar's end.
	if _, err := io.Copy(io.Discard, zip); err != nil {
		return nil, damaged("end", unexpected(err))
	}
	if _, err := buffered.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, damaged("end", errors.New("bytes behind the end"))
	}
	return m, nil
}

// unexpected: whoever waits for the manifest does not expect the end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func digest(content []byte) string {
	d := sha256.Sum256(content)
	return hex.EncodeToString(d[:])
}
