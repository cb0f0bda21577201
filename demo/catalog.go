package demo

import (
	"embed"

	"github.com/certhall/certhall/hall/catalog"
)

//go:embed catalog/catalog.toml catalog/pictures/*.png
var catalogFiles embed.FS

// Catalog is what the demo's hall offers: one project free of charge, one not.
func Catalog() (*catalog.Draft, error) {
	return catalog.Load(catalogFiles, "catalog/catalog.toml", catalog.Protocol)
}
