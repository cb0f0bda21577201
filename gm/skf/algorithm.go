package skf

// Algorithm is an algorithm identifier (GM/T 0006).
type Algorithm uint32

// The identifiers. Of SM2's, vendors' headers have the values here; GM/T 0006
// as printed has the next higher bit for each.
const (
	SM1ECB Algorithm = 0x101
	SM4ECB Algorithm = 0x401
	SM4CBC Algorithm = 0x402
	SM4CFB Algorithm = 0x404
	SM4OFB Algorithm = 0x408
	SM4MAC Algorithm = 0x410

	SM3    Algorithm = 1
	SHA1   Algorithm = 2
	SHA256 Algorithm = 4

	RSA Algorithm = 0x10000

	SM2Sign        Algorithm = 0x20100 // SGD_SM2_1
	SM2SignPrinted Algorithm = 0x20200
)

// UserType tells whose PIN is meant.
type UserType uint32

// ADMIN_TYPE and USER_TYPE.
const (
	Admin UserType = 0
	User  UserType = 1
)

// ContainerType tells what a container holds (SKF_GetContainerType).
type ContainerType uint32

// The types.
const (
	Empty        ContainerType = 0
	RSAContainer ContainerType = 1
	ECCContainer ContainerType = 2
)
