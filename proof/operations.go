package proof

// The orders the hall gives the agent and the agent's replies. The carrier
// (page or courier) takes them across unread. Orders prove nothing by
// themselves: what counts is the signed message inside.

// Identify asks what lies on the key.
type Identify struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
}

// Listing answers Identify: what lies on the key, as far as it can be read
// without a PIN.
type Listing struct {
	Authority  string `asn1:"utf8"`
	KeySerial  string `asn1:"utf8"` // of the device
	KeyLabel   string `asn1:"utf8"`
	Containers []ListedContainer
}

// ListedContainer is one container of a Listing. Parts that are absent are empty.
type ListedContainer struct {
	Name       string `asn1:"utf8"`
	Sign       []byte // signing certificate, DER
	Enc        []byte // encryption certificate, DER
	KeyDigest  []byte // of the signing public key in the container
	EncKeyHere bool   // an encryption key pair lies in it
}

// Prepare asks for a new key, its P10 and the evidence, in the attempt's container.
type Prepare struct {
	Authority   string `asn1:"utf8"`
	Ticket      Signed
	Entitlement string `asn1:"utf8"`
	Project     string `asn1:"utf8"`
	Profile     string `asn1:"utf8"`
	TermYears   int
	Disposal    string   `asn1:"utf8"`
	Chain       [][]byte // issuing certificates of the old pair, as in its Bundle; the root is not in it
	// Algorithm is that of the key to make (gm.Algorithm's name) where there is
	// no old pair, whose own it would be; empty: sm2.
	Algorithm string `asn1:"utf8,optional,omitempty"`
}

// Prepared answers Prepare. Where the service needs a decision instead of
// evidence by the old key, Evidence is empty.
type Prepared struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Attempt   int
	KeySerial string `asn1:"utf8"` // of the USB key with the container
	Request   []byte // P10, DER
	Evidence  Signed // OldKey
}

// Install asks to write the bundle's parts; answered by Installed or Trouble.
type Install struct {
	Authority string `asn1:"utf8"`
	Bundle    Bundle
}

// Installed answers Install: written, read back and tested.
type Installed struct {
	Authority  string `asn1:"utf8"`
	Case       string `asn1:"utf8"`
	Attempt    int
	Untestable bool
}

// Acknowledge asks for the acknowledgement; the agent proves everything anew
// against the bundle. Answered by Signed (Acknowledgement) or Trouble.
type Acknowledge struct {
	Authority string `asn1:"utf8"`
	Bundle    Bundle
}

// Retire hands over receipts to obey and void notices whose containers may go.
type Retire struct {
	Authority string   `asn1:"utf8"`
	Receipts  []Signed // Receipt
	Voids     []Signed // VoidNotice
	MakeRoom  bool     // the key is full: with the person's consent, kept old containers whose receipt says Escrowed may go too
	Chain     [][]byte // issuing certificates of the pairs concerned, as in their Bundles
}

// RetireReport answers Retire.
type RetireReport struct {
	Authority string        `asn1:"utf8"`
	Retired   []Signed      // Retired, one per receipt obeyed
	Deleted   []DeletedName // containers that went
	Refused   bool          // the person did not consent to make room
}

// DeletedName is a container that went, by name.
type DeletedName struct {
	Name string `asn1:"utf8"`
}

// MakeClaim asks for a Claim; answered by Signed (Claim) or, if the container
// turns out to be fine, by Trouble with reason Usable.
type MakeClaim struct {
	Authority string   `asn1:"utf8"`
	Ticket    Signed   // of the attempt: the agent claims nothing it holds no ticket for
	KeyDigest []byte   // in the authority's record, or empty
	EncDigest []byte   // key digest of the bundle's encryption certificate, or empty while there is none
	Chain     [][]byte // issuing certificates of the old pair, as in its Bundle
}

// Reasons of a Trouble beside those of a claim.
const (
	KeyFull    = "key-full"   // no room for another container
	Usable     = "usable"     // a claim was asked for, but the container works
	Stale      = "stale"      // the order names an attempt or parts this key has left behind: ask what next
	Incomplete = "incomplete" // the acknowledgement was asked for, but parts are missing or differ: install again
)

// Trouble answers an order that could not be carried out for a reason the
// server can act on. Everything else (no key, PIN wrong, agent busy) stays
// between the agent and the person.
type Trouble struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Attempt   int
	Reason    string `asn1:"utf8"` // absent, another-key, failing-self-test, key-full, usable, stale, incomplete
}

func (Identify) tag() string     { return "certhall/identify/1" }
func (Listing) tag() string      { return "certhall/listing/1" }
func (Prepare) tag() string      { return "certhall/prepare/1" }
func (Prepared) tag() string     { return "certhall/prepared/1" }
func (Install) tag() string      { return "certhall/install/1" }
func (Installed) tag() string    { return "certhall/installed/1" }
func (Acknowledge) tag() string  { return "certhall/acknowledge/1" }
func (Retire) tag() string       { return "certhall/retire/1" }
func (RetireReport) tag() string { return "certhall/retire-report/1" }
func (MakeClaim) tag() string    { return "certhall/make-claim/1" }
func (Trouble) tag() string      { return "certhall/trouble/1" }
