package window

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/ncruces/zenity"
)

// Dialog asks by a native dialog.
type Dialog struct{}

// DialogPossible tells whether there is a screen and a program for dialogs.
func DialogPossible() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	return (os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "") && zenity.IsAvailable()
}

// Name is the way's name.
func (Dialog) Name() string { return "dialog" }

// Sit begins.
func (d Dialog) Sit() Sitting { return d }

// Close ends.
func (Dialog) Close() {}

// Ask shows a dialog. Closing it is a no.
func (Dialog) Ask(ctx context.Context, q Question, tell func(string)) (a Answer, err error) {
	v := q.View()
	tell("")
	options := []zenity.Option{zenity.Context(ctx), zenity.Title(v.Title), zenity.OKLabel(v.Yes), zenity.CancelLabel(v.No), zenity.Modal()}
	if v.Field != "" {
		options = append(options, zenity.HideText())
		a.PIN, err = zenity.Entry(v.text()+"\n\n"+v.Field, options...)
		if err == nil && v.Again != "" {
			a.Again, err = zenity.Entry(v.Title+"\n\n"+v.Again, options...)
		}
	} else {
		err = zenity.Question(v.text(), append(options, zenity.DefaultCancel())...)
	}
	switch {
	case ctx.Err() != nil:
		return Answer{}, ErrWithdrawn.Because(ctx.Err())
	case errors.Is(err, zenity.ErrCanceled):
		return Answer{}, nil
	case err != nil:
		return Answer{}, err
	}
	a.Yes = true
	if !q.answers(a) {
		return Answer{}, nil
	}
	return a, nil
}

// text is the question as dialogs and terminals show it.
func (v View) text() string {
	var b strings.Builder
	b.WriteString(v.Title)
	b.WriteString("\n")
	for _, l := range v.Lines {
		b.WriteString("\n" + l.Label + "  " + l.Value)
	}
	for _, more := range []string{v.Hint, v.Notice} {
		if more != "" {
			b.WriteString("\n\n" + more)
		}
	}
	return b.String()
}
