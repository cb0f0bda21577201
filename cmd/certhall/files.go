package main

import (
	"encoding/pem"
	"os"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/emmansun/gmsm/smx509"
)

var (
	errFile       = certhall.NewError("file-unreadable", certhall.Invalid)
	errNotRequest = certhall.NewError("request-unreadable", certhall.Invalid)
	errDemoFolder = certhall.NewError("demo-folder", certhall.Conflict)
	errNoFolder   = certhall.NewError("state-folder-missing", certhall.NotFound)
)

// State folder: what lies where.
const (
	authorityFolder = "authority" // certificates, keys, authority.json (package ceremony)
	authorityDB     = "authority.db"
	hallDB          = "hall.db"
	hallSecret      = "hall.secret" // keys the digests of SMS codes; outside the database on purpose
)

// readDER reads a file that holds DER or PEM.
func readDER(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, errFile.With("file", path).Because(err)
	}
	return gm.FromPEM(data), nil
}

func readSigned(path string) (proof.Signed, error) {
	der, err := readDER(path)
	if err != nil {
		return proof.Signed{}, err
	}
	return proof.Decode[proof.Signed](der)
}

// readRequest reads a P10 and the common name it asks for.
func readRequest(path string) (der []byte, name string, err error) {
	if der, err = readDER(path); err != nil {
		return nil, "", err
	}
	if _, _, err := gm.ParseRequest(der); err != nil {
		return nil, "", errNotRequest.With("file", path).Because(err)
	}
	request, err := smx509.ParseCertificateRequest(der)
	if err != nil {
		return nil, "", errNotRequest.With("file", path).Because(err)
	}
	return der, request.Subject.CommonName, nil
}

func writeCertificate(path string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
