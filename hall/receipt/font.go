package receipt

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"sync"

	"github.com/certhall/certhall"
)

// The font is put there when the program is built (Makefile): the whole of Noto
// Sans SC, of which a receipt carries only the characters it shows.
//
//go:embed all:font
var fonts embed.FS

// ErrNoFont says that the program was built without the font.
var ErrNoFont = certhall.NewError("receipt-font", certhall.Unavailable)

// font is read once, when the first receipt is printed.
var font = sync.OnceValues(func() ([]byte, error) {
	packed, err := fonts.ReadFile("font/NotoSansSC.ttf.gz")
	if err != nil {
		return nil, ErrNoFont.Because(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, ErrNoFont.Because(err)
	}
	return io.ReadAll(r)
})
