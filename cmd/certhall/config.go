package main

import (
	"crypto/tls"
	"encoding"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/locale"
)

// configCmd looks at configuration files.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check a configuration file, and what it names: every error at once."`
	Show  configShowCmd  `cmd:"" help:"Show what serve would run with, as a configuration file."`
}

// configCheckCmd finds every error of a file that can be found without
// starting: it opens no database and listens nowhere.
type configCheckCmd struct {
	File string `arg:"" help:"Configuration file, TOML."`
}

func (c *configCheckCmd) Run(env *environment) error {
	errs := checkConfig(c.File)
	for _, err := range errs {
		said := certhall.AsError(err)
		message, hint := locale.Error(env.lang, said)
		fmt.Fprintf(env.out, "%s\n    %s\n    [%s] %s\n", message, hint, said.Code, certhall.CauseText(errors.Unwrap(said)))
	}
	if len(errs) > 0 {
		return findings(len(errs))
	}
	env.say("cli.config-fine", "file", c.File)
	return nil
}

// checkConfig tries each key alone, then all that are right together, and what
// they name.
func checkConfig(file string) []error {
	var o serveOptions
	parser, err := kong.New(&o)
	if err != nil {
		panic(err) // the program's own flags
	}
	flags := parser.Model.Flags
	s, err := readSettings(file, flags)
	var errs []error
	if errors.Is(err, errConfigKey) { // tell of all of them, not of the first
		text, _ := os.ReadFile(file)
		s = &settings{file: file, text: string(text)}
		_, _ = toml.Decode(s.text, &s.values) // it was read before
		errs = s.unknown(flags)
	} else if err != nil {
		return []error{err}
	}
	good := &settings{file, s.text, map[string]any{}}
	for _, f := range keysOf(flags) {
		if value, ok := s.values[f.Name]; ok {
			if err := tryKey(&settings{file, s.text, map[string]any{f.Name: value}}); err != nil {
				errs = append(errs, err)
			} else {
				good.values[f.Name] = value
			}
		}
	}
	if parser, err = kong.New(&o, kong.Resolvers(good)); err != nil {
		panic(err) // the program's own flags
	}
	if _, err := parser.Parse(nil); err != nil {
		return append(errs, errConfig.With("file", file).With("line", "?").Because(err))
	}
	return append(errs, o.check()...)
}

// tryKey reads one key as serve would.
func tryKey(s *settings) error {
	var o serveOptions
	parser, err := kong.New(&o, kong.Resolvers(s))
	if err != nil {
		panic(err) // the program's own flags
	}
	if _, err = parser.Parse(nil); err == nil {
		return nil
	}
	if said := certhall.AsError(err); said.Is(errConfigValue) {
		return said
	}
	for key := range s.values {
		err = s.at(errConfigValue, key).Because(err)
	}
	return err
}

// check finds what is wrong with what the options name.
func (o *serveOptions) check() (errs []error) {
	complain := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	address := func(a string) {
		if _, _, err := net.SplitHostPort(a); err != nil {
			complain(errListen.With("address", a).Because(err))
		}
	}
	address(o.Listen)
	if host, _, err := net.SplitHostPort(o.Listen); err == nil && !o.tls() && !loopback(host) {
		complain(errPlainHTTP.With("address", o.Listen))
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		complain(errTLSFiles.With("file", o.TLSCert+o.TLSKey).Becausef("tls-cert and tls-key go together"))
	} else if o.tls() {
		if _, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey); err != nil {
			complain(errTLSFiles.With("file", o.TLSCert).Because(err))
		}
	}
	for _, a := range []string{o.AuthorityDB, o.HallDB} {
		complain(checkDatabase(a))
	}
	if o.Mail == "smtp" {
		_, err := o.smtp()
		complain(err)
	}
	if demo.IsComplete(o.Dir) {
		complain(errDemoFolder.With("dir", o.Dir))
	} else {
		published, err := o.public()
		complain(err)
		if o.has(roleHall) && err == nil {
			_, err := o.openPayment(published, certhall.SystemClock{})
			complain(err)
		}
	}
	role := ""
	if o.has(roleIssue) && o.InternalListen != "" {
		address(o.InternalListen)
		role = nodes.Issue
	} else if o.has(roleHall) && !o.has(roleIssue) {
		role = nodes.Hall
		if len(o.AuthorityNodes) == 0 {
			complain(errNoNodes)
		}
		for _, a := range o.AuthorityNodes {
			address(a)
		}
		_, err := readSecret(o.Dir)
		complain(err)
	}
	if role != "" {
		dir := filepath.Join(o.Dir, internalFolder)
		_, err := nodes.ReadCertificate(dir)
		complain(err)
		if _, err := tls.LoadX509KeyPair(nodes.CertificateFile(dir, role), nodes.KeyFile(dir, role)); err != nil {
			complain(errTLSFiles.With("file", nodes.CertificateFile(dir, role)).Because(err))
		}
	}
	return errs
}

var (
	errDatabase = certhall.NewError("database-address", certhall.Invalid)
	errPassword = certhall.NewError("database-password", certhall.Invalid)
)

// checkDatabase refuses addresses of databases that there are not, and
// passwords within them: they would stand in files that many read, and in the
// list of processes.
func checkDatabase(address string) error {
	scheme, rest, _ := strings.Cut(address, ":")
	switch {
	case address == "", scheme == "sqlite" && rest != "":
		return nil
	case scheme != "postgres" && scheme != "postgresql":
		return errDatabase
	}
	u, err := url.Parse(address)
	if err != nil {
		return errDatabase // it may hold a password
	}
	if _, given := u.User.Password(); given || u.Query().Has("password") {
		return errPassword
	}
	return nil
}

// configShowCmd shows what serve would run with.
type configShowCmd struct{ serveOptions }

func (c *configShowCmd) Run(env *environment, ctx *kong.Context) error {
	for _, f := range keysOf(ctx.Selected().Flags) {
		fmt.Fprintf(env.out, "%s = %s\n", f.Name, tomlText(f.Target))
	}
	return nil
}

// tomlText writes an option's value as TOML.
func tomlText(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = tomlText(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	switch x := v.Interface().(type) {
	case int, bool:
		return fmt.Sprint(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			panic("config: " + err.Error()) // it was read from such a text
		}
		return fmt.Sprintf("%q", text)
	default:
		return fmt.Sprintf("%q", fmt.Sprint(x))
	}
}
