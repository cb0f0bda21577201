package register

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/certhall/certhall/proof"
)

// Export writes a story's evidence into a folder, for a court or whoever does
// not believe this program: NN-KIND.der is what is stored; of a signed message
// NN-KIND.message and NN-KIND.sig are the bytes that were signed and the
// signature over them, NN-KIND.signer.cer the signer's certificate. story.json
// says what they prove, README.txt (readme) how to check them.
func (r *Register) Export(dir string, s Story, readme string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	write := func(name string, data []byte) error {
		return os.WriteFile(filepath.Join(dir, name), data, 0o600)
	}
	certificate := func(name string, der []byte) error {
		return write(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	n := 0
	for _, e := range s.Entries {
		for _, p := range e.Proofs {
			n++
			kind := p.Kind
			if strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz-") != "" { // whoever changed the database chose it
				kind = "unknown"
			}
			base := fmt.Sprintf("%02d-%s", n, kind)
			if err := write(base+".der", p.DER); err != nil {
				return err
			}
			if p.Signer != nil {
				if err := certificate(base+".signer.cer", p.Signer); err != nil {
					return err
				}
			}
			signed, err := proof.Decode[proof.Signed](p.DER)
			if err != nil || len(signed.Signatures) != 1 {
				continue // a certificate, or nothing that can be taken apart
			}
			if err := write(base+".message", signed.Message); err != nil {
				return err
			}
			if err := write(base+".sig", signed.Signatures[0].Value); err != nil {
				return err
			}
		}
	}
	if r.Root != nil {
		if err := certificate("root.cer", r.Root.Raw); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(s.Entries, "", "  ")
	if err != nil {
		return err
	}
	if err := write("story.json", append(text, '\n')); err != nil {
		return err
	}
	return write("README.txt", []byte(readme))
}
