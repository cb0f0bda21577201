package main

import (
	"log/slog"
	"os"
)

// logFlags say how the server tells what it does, on the standard error.
type logFlags struct {
	LogFormat string     `name:"log-format" enum:"text,json" default:"text" help:"Form of the log: text or json."`
	LogLevel  slog.Level `name:"log-level" default:"info" help:"From which level on: debug, info, warn or error."`
}

func (f logFlags) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: f.LogLevel}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
