package token

import "context"

type glance struct{}

// Glance marks calls that only look and wait for nobody: a library that is in
// use by a call that takes long answers them ErrKeyBusy.
func Glance(ctx context.Context) context.Context { return context.WithValue(ctx, glance{}, true) }

// Glances tells whether calls are so marked.
func Glances(ctx context.Context) bool { return ctx.Value(glance{}) != nil }
