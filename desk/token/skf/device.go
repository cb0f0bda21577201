package skf

import (
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// device is a device that is connected.
type device struct {
	m      *Module
	name   string
	handle native.Ref
	info   gmskf.DeviceInfo
	serial string
	keys   map[*Key]bool // opened on it
	times  int           // it was connected: handles of an earlier time are void
	gone   bool          // unplugged
}

// connect connects a device, or makes sure that it still is.
func (m *Module) connect(name string) (*device, error) {
	if d := m.devices[name]; d != nil {
		if info, err := m.deviceInfo(d.handle); err == nil && serial(info, name) == d.serial {
			d.info = info
			return d, nil
		}
		if d.again() == nil {
			return d, nil
		}
	}
	d := &device{m: m, name: name, keys: map[*Key]bool{}}
	if err := d.connect(); err != nil {
		return nil, err
	}
	m.devices[name] = d
	return d, nil
}

func (d *device) connect() error {
	var h native.Ref
	if err := d.m.call("SKF_ConnectDev", native.Text(d.name), native.Handle(&h)); err != nil {
		return err
	}
	info, err := d.m.deviceInfo(h)
	if err == nil {
		err = d.m.authenticate(h, info)
	}
	if err != nil {
		d.m.call("SKF_DisConnectDev", native.Use(h))
		return err
	}
	d.handle, d.info, d.serial = h, info, serial(info, d.name)
	d.times++
	d.m.last = nil
	return nil
}

// again connects a device whose handles have become void. If another one has
// taken its name, it is gone.
func (d *device) again() error {
	before := d.serial
	d.m.call("SKF_DisConnectDev", native.Use(d.handle))
	err := d.connect()
	if err == nil && d.serial != before {
		d.m.call("SKF_DisConnectDev", native.Use(d.handle))
		err = token.ErrRemoved.Becausef("another key in its place")
	}
	if err != nil {
		d.leave()
	}
	return err
}

// leave is told that the device is gone.
func (d *device) leave() {
	d.gone = true
	if d.m.devices[d.name] == d {
		delete(d.m.devices, d.name)
	}
}

// release disconnects a device on which no key is open: connected, some keep
// other programs out.
func (m *Module) release(d *device) {
	if len(d.keys) == 0 && m.devices[d.name] == d {
		delete(m.devices, d.name)
		m.call("SKF_DisConnectDev", native.Use(d.handle))
	}
}

func (d *device) applications() ([]string, error) {
	return d.m.names("SKF_EnumApplication", native.Use(d.handle))
}

// named is what the key of an application is called: the first has the
// device's serial.
func (d *device) named(app string, first bool) token.Info {
	i := token.Info{Serial: d.serial, Label: text(d.info.Label), Manufacturer: text(d.info.Manufacturer), Driver: Driver}
	if i.Label == "" {
		i.Label = i.Manufacturer
	}
	if !first {
		i.Serial += "/" + text(app)
	}
	return i
}

func serial(info gmskf.DeviceInfo, name string) string {
	if s := text(info.Serial); s != "" {
		return s
	}
	return text(name)
}

// canary fills buffers, so that it shows how far a library has written.
const canary = 0xA5

// deviceInfo reads DEVINFO. It is written as a whole, so that its length tells
// the library's layout.
func (m *Module) deviceInfo(h native.Ref) (gmskf.DeviceInfo, error) {
	const fn = "SKF_GetDevInfo"
	b := make([]byte, spare)
	for i := range b {
		b[i] = canary
	}
	if err := m.call(fn, native.Use(h), native.Out(b)); err != nil {
		return gmskf.DeviceInfo{}, err
	}
	end := len(b)
	for end > 0 && b[end-1] == canary {
		end--
	}
	if end == 0 {
		return gmskf.DeviceInfo{}, wrong(fn, "nothing")
	}
	clear(b[end:])
	for _, l := range gmskf.Layouts {
		if end == l.DeviceInfoSize() && (m.ULong == 0 || m.ULong == l.ULong) {
			m.layout = l
		}
	}
	info, err := m.layout.ParseDeviceInfo(b)
	return info, asWrong(fn, err)
}

// authenticate proves to the device that the maker's key is known (GM/T 0016,
// 7.2): a random number, encrypted by it, padded with zeros to a block.
func (m *Module) authenticate(h native.Ref, info gmskf.DeviceInfo) error {
	if len(m.authKey) == 0 {
		return nil
	}
	algorithm := gmskf.Algorithm(m.AuthAlgorithm)
	if algorithm == 0 {
		algorithm = info.AuthAlgorithm
	}
	if algorithm == 0 {
		algorithm = gmskf.SM4ECB
	}
	const random, block = 8, 16
	plain, out, n := make([]byte, block), make([]byte, 4*block), uint64(4*block)
	if err := m.call("SKF_GenRandom", native.Use(h), native.Out(plain[:random]), native.Word(random)); err != nil {
		return err
	}
	var key native.Ref
	if err := m.call("SKF_SetSymmKey", native.Use(h), native.Secret(m.authKey), native.Word(uint64(algorithm)), native.Handle(&key)); err != nil {
		return err
	}
	defer m.call("SKF_CloseHandle", native.Use(key))
	if err := m.call("SKF_EncryptInit", native.Use(key), native.Struct(m.layout.BlockCipherParam(gmskf.BlockCipherParam{}))); err != nil {
		return err
	}
	if err := m.call("SKF_Encrypt", native.Use(key), native.In(plain), native.Word(block), native.Out(out), native.ULong(&n)); err != nil {
		return err
	}
	return m.call("SKF_DevAuth", native.Use(h), native.In(out[:block]), native.Word(block))
}
