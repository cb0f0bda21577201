package token

import (
	"context"
	"errors"
)

type glance struct{}

// Glance marks calls that only look and wait for nobody: a library that is in
// use by a call that takes long answers them ErrKeyBusy; one that has yet to
// answer another glance, ErrDriverSlow.
func Glance(ctx context.Context) context.Context { return context.WithValue(ctx, glance{}, true) }

// Glances tells whether calls are so marked.
func Glances(ctx context.Context) bool { return ctx.Value(glance{}) != nil }

// Passes tells whether an error goes away by itself: the key is in use, or its
// library has not answered yet.
func Passes(err error) bool { return errors.Is(err, ErrKeyBusy) || errors.Is(err, ErrDriverSlow) }
