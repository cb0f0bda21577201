// Package ui holds the pages of the hall as they were built: `make build` puts
// them into dist, and the program carries them within itself.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Pages are the built pages, index.html on top; empty but for a placeholder
// where they were not built.
func Pages() fs.FS {
	pages, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("ui: " + err.Error()) // the folder's name is fixed above
	}
	return pages
}
