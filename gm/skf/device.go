package skf

// Version is VERSION: two bytes.
type Version struct{ Major, Minor byte }

// DeviceInfo is DEVINFO. Its strings have no set encoding: most libraries
// write GBK or ASCII.
type DeviceInfo struct {
	Version       Version
	Manufacturer  string // at most 64 bytes
	Issuer        string // at most 64
	Label         string // at most 32
	Serial        string // at most 32
	Hardware      Version
	Firmware      Version
	Symmetric     uint32 // sets of algorithms
	Asymmetric    uint32
	Hash          uint32
	AuthAlgorithm Algorithm // of device authentication
	TotalSpace    uint32    // bytes
	FreeSpace     uint32
	MaxECCBuffer  uint32
	MaxBuffer     uint32
}

// Lengths of DEVINFO's texts, in bytes.
const (
	makerLength = 64
	labelLength = 32
)

// DeviceInfo writes a DEVINFO: 294 bytes by the standard.
func (l Layout) DeviceInfo(d DeviceInfo) []byte {
	w := writer{Layout: l}
	w.bytes([]byte{d.Version.Major, d.Version.Minor})
	w.text(d.Manufacturer, makerLength)
	w.text(d.Issuer, makerLength)
	w.text(d.Label, labelLength)
	w.text(d.Serial, labelLength)
	w.bytes([]byte{d.Hardware.Major, d.Hardware.Minor, d.Firmware.Major, d.Firmware.Minor})
	for _, n := range []uint32{d.Symmetric, d.Asymmetric, d.Hash, uint32(d.AuthAlgorithm), d.TotalSpace, d.FreeSpace, d.MaxECCBuffer, d.MaxBuffer} {
		w.word(n)
	}
	w.zero(64)
	w.pad()
	return w.b
}

// DeviceInfoSize is the size of a DEVINFO.
func (l Layout) DeviceInfoSize() int { return len(l.DeviceInfo(DeviceInfo{})) }

// ParseDeviceInfo reads a DEVINFO. Bytes behind it do not matter.
func (l Layout) ParseDeviceInfo(b []byte) (DeviceInfo, error) {
	r := reader{Layout: l, b: b}
	version := func() Version { v := r.bytes(2); return Version{v[0], v[1]} }
	d := DeviceInfo{
		Version: version(), Manufacturer: r.text(makerLength), Issuer: r.text(makerLength),
		Label: r.text(labelLength), Serial: r.text(labelLength), Hardware: version(), Firmware: version(),
		Symmetric: r.word(), Asymmetric: r.word(), Hash: r.word(), AuthAlgorithm: Algorithm(r.word()),
		TotalSpace: r.word(), FreeSpace: r.word(), MaxECCBuffer: r.word(), MaxBuffer: r.word(),
	}
	r.bytes(64)
	if r.err != nil {
		return DeviceInfo{}, r.err
	}
	return d, nil
}

// FileAttribute is FILEATTRIBUTE.
type FileAttribute struct {
	Name  string // at most 32 bytes
	Size  uint32
	Read  Rights
	Write Rights
}

// Rights tell who may read or write a file (GM/T 0016, 6.4.9).
type Rights uint32

// The rights, which may be joined.
const (
	Never    Rights = 0
	ByAdmin  Rights = 1
	ByUser   Rights = 0x10
	ByAnyone Rights = 0xFF
)

// FileAttribute writes a FILEATTRIBUTE: 44 bytes by the standard.
func (l Layout) FileAttribute(a FileAttribute) []byte {
	w := writer{Layout: l}
	w.text(a.Name, labelLength)
	w.word(a.Size)
	w.word(uint32(a.Read))
	w.word(uint32(a.Write))
	return w.b
}

// ParseFileAttribute reads a FILEATTRIBUTE.
func (l Layout) ParseFileAttribute(b []byte) (FileAttribute, error) {
	r := reader{Layout: l, b: b}
	a := FileAttribute{Name: r.text(labelLength), Size: r.word(), Read: Rights(r.word()), Write: Rights(r.word())}
	return a, r.err
}

// BlockCipherParam is BLOCKCIPHERPARAM.
type BlockCipherParam struct {
	IV       []byte // at most 32
	Padding  uint32 // 0 none, 1 PKCS #5
	FeedBits uint32
}

// BlockCipherParam writes a BLOCKCIPHERPARAM: 44 bytes by the standard.
func (l Layout) BlockCipherParam(p BlockCipherParam) []byte {
	w := writer{Layout: l}
	iv := p.IV[:min(len(p.IV), labelLength)]
	w.bytes(iv)
	w.zero(labelLength - len(iv))
	w.word(uint32(len(iv)))
	w.word(p.Padding)
	w.word(p.FeedBits)
	return w.b
}

// ParseBlockCipherParam reads a BLOCKCIPHERPARAM.
func (l Layout) ParseBlockCipherParam(b []byte) (BlockCipherParam, error) {
	r := reader{Layout: l, b: b}
	iv := r.bytes(labelLength)
	n := r.word()
	if n > labelLength {
		r.fail("an IV of %d bytes", n)
		n = 0
	}
	p := BlockCipherParam{IV: iv[:n], Padding: r.word(), FeedBits: r.word()}
	return p, r.err
}
