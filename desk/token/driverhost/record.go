package driverhost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token/native"
)

// A recording is one file, to which the children of all libraries append
// (package native tells what of their calls). Its first line says which product
// on which platform, a line for each child with which library and quirks.

// ErrRecording says that a recording could not be begun (parameter file).
var ErrRecording = certhall.NewError("recording", certhall.Invalid)

type product struct {
	Product  string `json:"product"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
}

// loading is a library's line; Failed is why it could not be loaded. Folders may
// bear a person's name: none is told.
type loading struct {
	Library string          `json:"library"`
	Kind    string          `json:"kind"`
	File    string          `json:"file"` // its name alone
	Options native.Options  `json:"options"`
	Profile json.RawMessage `json:"profile,omitempty"`
	Failed  string          `json:"failed,omitempty"`
}

// Begin makes the file of a recording, for Options.Record. A file that is there
// is not touched: ErrRecording.
func Begin(file, version string) error {
	line, err := json.Marshal(product{"certhall-agent", version, runtime.GOOS + "/" + runtime.GOARCH})
	if err != nil {
		return certhall.ErrInternal.Because(err)
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return ErrRecording.With("file", file).Because(err)
	}
	_, err = out.Write(append(line, '\n'))
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return ErrRecording.With("file", file).Because(err)
	}
	return nil
}

// shown is a profile as a recording has it: with zeros for the key of device
// authentication (skf.Profile), its only secret, so that it can still be played.
func shown(profile json.RawMessage) json.RawMessage {
	const secret = "auth_key"
	var all map[string]any
	if json.Unmarshal(profile, &all) != nil || all[secret] == nil {
		return profile
	}
	all[secret] = strings.Repeat("0", len(fmt.Sprint(all[secret])))
	without, err := json.Marshal(all)
	if err != nil {
		return nil
	}
	return without
}

// recorded loads a library whose calls are recorded.
func recorded(l load, open func(string, native.Options) (native.Library, error)) (native.Library, error) {
	out, err := os.OpenFile(l.Record, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("driverhost: %w", err)
	}
	said := loading{Library: l.Name, Kind: l.Kind, File: filepath.Base(l.Path), Options: l.Options, Profile: shown(l.Profile)}
	lib, err := open(l.Path, l.Options)
	if err != nil {
		said.Failed = strings.ReplaceAll(err.Error(), l.Path, said.File)
	}
	line, wrong := json.Marshal(said)
	if wrong == nil {
		_, wrong = out.Write(append(line, '\n'))
	}
	if err := errors.Join(err, wrong); err != nil {
		return nil, err
	}
	return native.Record(lib, l.Name, out), nil // the file is open as long as the child lives
}
