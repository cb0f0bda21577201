package driverhost

import "golang.org/x/sys/windows/registry"

// providers is where cryptographic service providers are registered; those of
// SM2 keys tell their SKF library too.
const (
	providers = `SOFTWARE\Microsoft\Cryptography\Defaults\Provider`
	skfPath   = "SKFImagePath"
)

// registered are the SKF libraries that the registry tells.
func registered() []string {
	root, err := registry.OpenKey(registry.LOCAL_MACHINE, providers, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil
	}
	defer root.Close()
	names, err := root.ReadSubKeyNames(-1)
	if err != nil {
		return nil
	}
	var values []string
	for _, name := range names {
		key, err := registry.OpenKey(root, name, registry.QUERY_VALUE)
		if err != nil {
			continue
		}
		if v, _, err := key.GetStringValue(skfPath); err == nil {
			values = append(values, v)
		}
		key.Close()
	}
	return files(values)
}
