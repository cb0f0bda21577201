package takeover

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// Bounds on files, in bytes.
const (
	maxBundle = 256 << 20 // of a PKCS #7 file, which is read as a whole
	maxSingle = 1 << 20   // of a file with one certificate
)

// Files are the certificates that an earlier system handed out, by what they
// are found by. Only where they lie is kept in memory.
type Files struct {
	Strange int      // certificates of other issuers
	Unread  []string // files in which there is none

	issuer    *smx509.Certificate
	bySerial  map[certhall.Serial]*entry
	byFile    map[string]*entry
	bySubject map[[16]byte][]*entry // those for encryption
}

// entry is one certificate.
type entry struct {
	serial    certhall.Serial
	digest    [16]byte
	subject   [16]byte
	from, to  int64
	encrypts  bool // for encryption and nothing else
	ambiguous bool // another certificate has the same serial number
	where     place
}

// place is where a certificate's bytes lie: part of a file, or of memory.
type place struct {
	path         string
	offset, size int64
	memory       []byte
}

// Open looks through a file, or all files of a folder, for certificates: DER,
// PEM (several), PKCS #7 (.p7b).
func Open(path string, issuer *smx509.Certificate) (*Files, error) {
	f := &Files{issuer: issuer, bySerial: map[certhall.Serial]*entry{}, byFile: map[string]*entry{}, bySubject: map[[16]byte][]*entry{}}
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") && name != path {
			return err
		}
		found, err := f.read(name)
		if err == nil && found == 0 {
			f.Unread = append(f.Unread, name)
		}
		return err
	})
	return f, err
}

// read looks through one file and tells how many certificates it holds.
func (f *Files) read(name string) (found int, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	if bytes.HasPrefix(head[:n], []byte{0x30}) {
		return f.readDER(name, file, info.Size())
	}
	return f.readPEM(name, file)
}

func (f *Files) readDER(name string, file io.Reader, size int64) (int, error) {
	if size > maxBundle {
		return 0, nil
	}
	der, err := io.ReadAll(file)
	if err != nil {
		return 0, err
	}
	if certificates := pkcs7(der); certificates != nil {
		for _, c := range certificates {
			f.add(name, c, place{memory: c}, false)
		}
		return len(certificates), nil
	}
	if size > maxSingle || !f.add(name, der, place{path: name, size: size}, true) {
		return 0, nil
	}
	return 1, nil
}

// readPEM reads blocks one by one: a file may hold a million of them.
func (f *Files) readPEM(name string, file io.Reader) (found int, err error) {
	lines := bufio.NewReaderSize(file, 64<<10)
	var block []byte
	var offset, begin int64
	var last *entry
	for {
		line, err := lines.ReadSlice('\n')
		at := offset
		offset += int64(len(line))
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, bufio.ErrBufferFull) {
				return found, nil // no PEM has such lines
			}
			return found, err
		}
		switch {
		case bytes.HasPrefix(line, []byte("-----BEGIN ")):
			block, begin = append([]byte(nil), line...), at
		case block != nil && len(block) < maxBundle:
			block = append(block, line...)
		}
		if block != nil && bytes.HasPrefix(line, []byte("-----END ")) {
			if b, _ := pem.Decode(append(block, '\n')); b != nil {
				if certificates := pkcs7(b.Bytes); certificates != nil {
					for _, c := range certificates {
						f.add(name, c, place{memory: c}, false)
					}
					found += len(certificates)
				} else if f.add(name, b.Bytes, place{path: name, offset: begin, size: offset - begin}, found == 0) {
					found++
				}
			}
			block = nil
		}
		if err != nil {
			break
		}
	}
	if found > 1 { // by name only a file with one certificate is found
		if last = f.byFile[strings.ToLower(filepath.Base(name))]; last != nil && last.where.path == name {
			delete(f.byFile, strings.ToLower(filepath.Base(name)))
		}
	}
	return found, nil
}

// add takes a certificate in; false if it is none. Those of other issuers are
// only counted.
func (f *Files) add(name string, der []byte, where place, alone bool) bool {
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return false
	}
	if !bytes.Equal(c.RawIssuer, f.issuer.RawSubject) || c.IsCA {
		f.Strange++
		return true
	}
	e := &entry{serial: certhall.SerialOf(c.SerialNumber), from: c.NotBefore.Unix(), to: c.NotAfter.Unix(), encrypts: encryptsOnly(c), where: where}
	copy(e.digest[:], gm.SM3(der))
	copy(e.subject[:], gm.SM3(c.RawSubject))
	if known := f.bySerial[e.serial]; known != nil {
		if known.digest != e.digest {
			known.ambiguous = true
		}
		e = known
	} else {
		f.bySerial[e.serial] = e
		if e.encrypts {
			f.bySubject[e.subject] = append(f.bySubject[e.subject], e)
		}
	}
	if alone {
		f.byFile[strings.ToLower(filepath.Base(name))] = e
	}
	return true
}

func encryptsOnly(c *smx509.Certificate) bool {
	const signs = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
	return c.KeyUsage != 0 && c.KeyUsage&signs == 0
}

// load reads a certificate's bytes.
func (p place) load() ([]byte, error) {
	if p.memory != nil {
		return p.memory, nil
	}
	file, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, p.size)
	if _, err := file.ReadAt(data, p.offset); err != nil {
		return nil, err
	}
	return gm.FromPEM(data), nil
}

// pkcs7 gives the certificates of a SignedData without signatures (RFC 2315, 9;
// GB/T 35275 with its own identifiers); nil if it is none.
func pkcs7(der []byte) (certificates [][]byte) {
	var content, explicit, signed, list, one cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&content, asn1.SEQUENCE) || !content.SkipASN1(asn1.OBJECT_IDENTIFIER) ||
		!content.ReadASN1(&explicit, asn1.Tag(0).ContextSpecific().Constructed()) || !explicit.ReadASN1(&signed, asn1.SEQUENCE) ||
		!signed.SkipASN1(asn1.INTEGER) || !signed.SkipASN1(asn1.SET) || !signed.SkipASN1(asn1.SEQUENCE) ||
		!signed.ReadASN1(&list, asn1.Tag(0).ContextSpecific().Constructed()) {
		return nil
	}
	for list.ReadASN1Element(&one, asn1.SEQUENCE) {
		certificates = append(certificates, one)
	}
	return certificates
}
