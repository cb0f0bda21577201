package status

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
)

// spoolMemory is how many bytes of entries are kept in memory: some hundred
// thousand entries never see a file.
const spoolMemory = 4 << 20

// spool holds bytes that are written once and then read, in memory while they
// are few and else in a temporary file.
type spool struct {
	size   int64
	memory []byte
	file   *os.File
	buffer *bufio.Writer
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.memory)+len(p) > spoolMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(p))
	if s.file == nil {
		s.memory = append(s.memory, p...)
		return len(p), nil
	}
	return s.buffer.Write(p)
}

func (s *spool) spill() error {
	file, err := os.CreateTemp("", "certhall-crl-")
	if err != nil {
		return err
	}
	_ = os.Remove(file.Name()) // where it can be removed while open, no kill leaves it behind
	s.file, s.buffer = file, bufio.NewWriterSize(file, 256<<10)
	_, err = s.buffer.Write(s.memory)
	s.memory = nil
	return err
}

// Reader reads what was written, from its beginning. Nothing may be written after.
func (s *spool) Reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.memory)
	}
	if err := s.buffer.Flush(); err != nil {
		return failing{err}
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Close gives the file back.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if removed := os.Remove(s.file.Name()); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
