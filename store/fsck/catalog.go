package fsck

import (
	"fmt"

	"github.com/certhall/certhall/hall/catalog"
)

// catalogs reads every version of the catalogue: each bears its own number, and
// has the pictures that it names, unchanged.
func (r *run) catalogs() error {
	pictures, named := map[string]bool{}, map[string]string{} // by digest; digest by version and name
	err := r.each("SELECT digest, body FROM pictures", func(scan func(...any) error) error {
		var digest string
		var body []byte
		err := scan(&digest, &body)
		pictures[digest] = catalog.DigestOf(body) == digest
		return err
	})
	if err != nil {
		return err
	}
	err = r.each("SELECT version, name, digest FROM catalog_pictures", func(scan func(...any) error) error {
		var version int64
		var name, digest string
		err := scan(&version, &name, &digest)
		named[fmt.Sprint(version, name)] = digest
		return err
	})
	if err != nil {
		return err
	}
	last := int64(0)
	return r.each("SELECT version, document FROM catalogs ORDER BY version", func(scan func(...any) error) error {
		var version int64
		var document string
		if err := scan(&version, &document); err != nil {
			return err
		}
		c, err := catalog.Parse([]byte(document))
		last++
		if err != nil || c.Version != version || version != last {
			r.found(fmt.Sprintf("%d", version))
			return nil
		}
		for _, name := range c.PictureNames() {
			if !pictures[named[fmt.Sprint(version, name)]] {
				r.found(fmt.Sprintf("%d, %s", version, name))
			}
		}
		return nil
	})
}
