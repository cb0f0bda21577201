package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	_ "image/jpeg" // the two kinds of picture there are
	_ "image/png"

	"github.com/certhall/certhall"
)

// Limits of a picture. SVG is none: it can carry scripts.
const (
	largestPicture = 256 << 10 // bytes
	widestPicture  = 2000      // points, either way
)

// ErrPicture says that there is no such picture.
var ErrPicture = certhall.NewError("picture-missing", certhall.NotFound)

// Picture is a PNG or JPEG file.
type Picture struct {
	Digest string // SHA-256 in hex
	Kind   string // content type
	Body   []byte
}

// pictureOf looks at a file; what says why it is no picture to be taken.
func pictureOf(body []byte) (p Picture, what string) {
	if len(body) > largestPicture {
		return p, "picture-large"
	}
	config, kind, err := image.DecodeConfig(bytes.NewReader(body))
	if err != nil {
		return p, "picture-kind"
	}
	if config.Width > widestPicture || config.Height > widestPicture {
		return p, "picture-wide"
	}
	if _, _, err := image.Decode(bytes.NewReader(body)); err != nil {
		return p, "picture-broken"
	}
	return Picture{Digest: DigestOf(body), Kind: "image/" + kind, Body: body}, ""
}

// DigestOf is the name that a picture is kept under.
func DigestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
