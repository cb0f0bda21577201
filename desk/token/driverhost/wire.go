package driverhost

import (
	"encoding/json"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// What crosses the pipe: JSON, one request a line, one reply a line, one at a
// time. Operations are those of token.Key and token.Container. PINs cross here
// and nowhere else.

// The operations.
const (
	opLoad           = "load"
	opList           = "list"
	opEnd            = "end"
	opOpen           = "open"
	opClose          = "close"
	opPINState       = "pin-state"
	opLogin          = "login"
	opLogout         = "logout"
	opContainers     = "containers"
	opContainer      = "container"
	opCreate         = "create"
	opDelete         = "delete"
	opRoom           = "room"
	opChangePIN      = "change-pin"
	opAdminPINState  = "admin-pin-state"
	opUnblock        = "unblock"
	opChangeAdminPIN = "change-admin-pin"
	opChallenge      = "challenge"
	opRespond        = "respond"
	opGenerate       = "generate"
	opPublicKey      = "public-key"
	opCertificate    = "certificate"
	opImport         = "import-certificate"
	opImportKey      = "import-key"
	opSign           = "sign"
	opDecrypt        = "decrypt"
)

type request struct {
	ID        int          `json:"id"`
	Op        string       `json:"op"`
	Load      *load        `json:"load,omitempty"`
	Serial    string       `json:"serial,omitempty"`    // open
	Key       int          `json:"key,omitempty"`       // of an open key
	Container string       `json:"container,omitempty"` // its name
	PIN       string       `json:"pin,omitempty"`
	New       string       `json:"new,omitempty"` // PIN
	Usage     token.Usage  `json:"usage,omitempty"`
	Algorithm gm.Algorithm `json:"algorithm,omitempty"`
	Data      []byte       `json:"data,omitempty"`
}

// load says which library the child is for.
type load struct {
	Name    string          `json:"name"`
	Kind    string          `json:"kind"`
	Path    string          `json:"path"`
	Options native.Options  `json:"options"`
	Profile json.RawMessage `json:"profile,omitempty"`
	Record  string          `json:"record,omitempty"` // file; "" is none
}

type reply struct {
	ID         int             `json:"id"`
	Error      *failure        `json:"error,omitempty"`
	Infos      []token.Info    `json:"infos,omitempty"`
	Key        int             `json:"key,omitempty"`
	Challenger bool            `json:"challenger,omitempty"`
	PIN        *token.PINState `json:"pin,omitempty"`
	LoggedIn   bool            `json:"logged_in,omitempty"` // after the operation
	Names      []string        `json:"names,omitempty"`
	Number     int             `json:"number,omitempty"`
	Data       []byte          `json:"data,omitempty"`
}

// failure is an error on its way.
type failure struct {
	Code   string            `json:"code"`
	Kind   certhall.Kind     `json:"kind"`
	Params map[string]string `json:"params,omitempty"`
	Cause  string            `json:"cause,omitempty"` // for the log
}

func failed(e *certhall.Error) *failure {
	return &failure{e.Code, e.Kind, e.Params, certhall.CauseText(e.Unwrap())}
}

func (f *failure) err() error {
	if f == nil {
		return nil
	}
	e := &certhall.Error{Code: f.Code, Kind: f.Kind, Params: f.Params}
	if f.Cause != "" {
		e = e.Because(errors.New(f.Cause))
	}
	return e
}
