package ca

import (
	"bytes"
	"context"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
)

// Import is a pair, or a single certificate, of a predecessor's.
type Import struct {
	Sign         []byte // signing certificate, or the single one, DER
	Enc          []byte // encryption certificate, DER; nil for a single one
	Organisation string // 统一社会信用代码
	Project      string
	Profile      string
	KeyNumber    string
	KeySerial    string
	Holder       string // "" or the earlier system's name for what follows each other; it becomes the lineage
}

// ImportService is the service of the case that an imported pair lies in.
const ImportService = certhall.Service("import")

// Fields of an Import, as a refusal names them.
const (
	FieldSign         = "certificate"
	FieldEnc          = "enc_certificate"
	FieldOrganisation = "organisation_code"
	FieldProject      = "project"
	FieldProfile      = "profile"
	FieldKeyNumber    = "key_number"
	FieldKeySerial    = "key_serial"
	FieldHolder       = "lineage"
)

// Imported says what came of an Import.
type Imported struct {
	Pair    authority.PairInfo
	There   bool            // it was brought before
	Refused *certhall.Error // why it was not brought, or not changed; nil
	Field   string          // that the refusal is about
}

// NewImport is what the store writes for one pair: its lineage, a case and an
// attempt that are over, the pair with its certificates, and the record.
type NewImport struct {
	Pair   Pair
	Record Record
}

// What is wrong with an import.
var (
	ErrImportCertificate = certhall.NewError("import-certificate", certhall.Invalid)       // unreadable, a CA's, or with a serial number that is none
	ErrImportPair        = certhall.NewError("import-pair", certhall.Invalid)              // the two certificates do not belong together
	ErrImportUsage       = certhall.NewError("import-usage", certhall.Invalid)             // it may not sign
	ErrImportText        = certhall.NewError("import-text", certhall.Invalid)              // empty, too long, or no text
	ErrImportProfile     = certhall.NewError("import-profile", certhall.Invalid)           // there is none such
	ErrImportAlgorithm   = certhall.NewError("import-profile-algorithm", certhall.Invalid) // it is for keys of another kind
	ErrImportSerial      = certhall.NewError("import-serial-taken", certhall.Conflict)
	ErrImportLineage     = certhall.NewError("import-lineage-taken", certhall.Conflict)
	ErrImportChanged     = certhall.NewError("import-unchangeable", certhall.Conflict) // was, now
)

// Import brings pairs of a predecessor's: those that are not there yet become
// current, all in one transaction. Nothing is stored for what is refused. With
// dry, nothing is stored at all. Brought again, a pair is There.
func (ca *CA) Import(ctx context.Context, predecessor string, rows []Import, dry bool) ([]Imported, error) {
	p, err := ca.Predecessor(ctx, predecessor)
	if err != nil {
		return nil, err
	}
	results := make([]Imported, len(rows))
	pairs := make([]*Pair, len(rows))
	var serials []certhall.Serial
	for i, row := range rows {
		if pairs[i], err = ca.weighImport(ctx, p, row, &results[i]); err != nil {
			return nil, err
		}
		if pairs[i] != nil {
			serials = append(serials, pairs[i].serials()...)
		}
	}
	return results, again(func() error { return ca.bring(ctx, rows, pairs, results, serials, dry) })
}

// bring stores what is not there yet.
func (ca *CA) bring(ctx context.Context, rows []Import, pairs []*Pair, results []Imported, serials []certhall.Serial, dry bool) error {
	var known map[certhall.Serial]*Pair
	var taken map[certhall.LineageID]bool
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		if known, err = rd.PairsBySerials(serials); err != nil {
			return err
		}
		var lineages []certhall.LineageID
		for _, p := range pairs {
			if p != nil {
				lineages = append(lineages, p.Lineage)
			}
		}
		taken, err = rd.LivedLineages(lineages) // whatever became of it: nothing is brought back to life
		return err
	})
	if err != nil {
		return err
	}
	var fresh []NewImport
	for i, p := range pairs {
		if p == nil {
			continue
		}
		results[i] = Imported{Pair: p.PairInfo}
		there, refused, field := ca.meets(p, known)
		switch {
		case refused != nil:
			results[i].Refused, results[i].Field = refused, field
		case there != nil:
			results[i].Pair, results[i].There = there.PairInfo, true
		case taken[p.Lineage]:
			results[i].Refused, results[i].Field = ErrImportLineage, FieldHolder
		default:
			fresh = append(fresh, NewImport{Pair: *p, Record: ca.pairRecord(authority.PairImported, p, authority.Current, ca.because(p.Issuer))})
			taken[p.Lineage] = true // by this row, for those behind it
			for _, s := range p.serials() {
				known[s] = p
			}
		}
	}
	if dry || len(fresh) == 0 {
		return nil
	}
	err = ca.opt.Store.SaveImported(ctx, fresh)
	if errors.Is(err, ErrLineageTaken) {
		return errRaced // another import was first: look again
	}
	return err
}

// meets compares an import with what has its serials already.
func (ca *CA) meets(p *Pair, known map[certhall.Serial]*Pair) (there *Pair, refused *certhall.Error, field string) {
	for _, s := range p.serials() {
		k, found := known[s]
		if !found {
			continue
		}
		if k == nil || k.Issuer != p.Issuer || k.SignSerial != p.SignSerial || k.EncSerial != p.EncSerial || !bytes.Equal(k.KeyDigest, p.KeyDigest) {
			return nil, ErrImportSerial.With("serial", string(s)), FieldSign
		}
		there = k
	}
	if there == nil {
		return nil, nil, ""
	}
	for _, f := range []struct{ field, was, now string }{
		{FieldOrganisation, there.Organisation, p.Organisation}, {FieldProject, there.Project, p.Project}, {FieldProfile, there.Profile, p.Profile},
		{FieldKeyNumber, there.KeyNumber, p.KeyNumber}, {FieldKeySerial, there.KeySerial, p.KeySerial}, {FieldHolder, string(there.Lineage), string(p.Lineage)},
	} {
		if f.was != f.now {
			return nil, ErrImportChanged.With("was", f.was).With("now", f.now), f.field
		}
	}
	return there, nil, ""
}

func (p *Pair) serials() []certhall.Serial {
	if p.EncSerial == "" {
		return []certhall.Serial{p.SignSerial}
	}
	return []certhall.Serial{p.SignSerial, p.EncSerial}
}

// weighImport makes the pair of a row; nil where the row is refused, with the
// reason in the result.
func (ca *CA) weighImport(ctx context.Context, e *Predecessor, row Import, result *Imported) (*Pair, error) {
	refuse := func(field string, reason *certhall.Error) (*Pair, error) {
		result.Refused, result.Field = reason, field
		return nil, nil
	}
	for _, f := range []struct {
		field, value string
		optional     bool
	}{
		{FieldOrganisation, row.Organisation, true}, {FieldProject, row.Project, false},
		{FieldKeyNumber, row.KeyNumber, true}, {FieldKeySerial, row.KeySerial, true}, {FieldHolder, row.Holder, true},
	} {
		if !named(f.value) && !(f.optional && f.value == "") {
			return refuse(f.field, ErrImportText)
		}
	}
	sign, err := imported(row.Sign, e)
	if err != nil {
		return refuse(FieldSign, err)
	}
	profile, ok := ca.opt.Profiles[row.Profile]
	if !ok || row.Profile == StaffProfile {
		return refuse(FieldProfile, ErrImportProfile.With("profile", row.Profile))
	}
	if sign.KeyUsage != 0 && sign.KeyUsage&(smx509.KeyUsageDigitalSignature|smx509.KeyUsageContentCommitment) == 0 {
		return refuse(FieldSign, ErrImportUsage)
	}
	now := ca.now()
	p := &Pair{SubjectDER: sign.RawSubject, IdentityDER: identityOf(sign, profile), EvidenceKind: KindImport, Disposal: certhall.Keep,
		SignCert: sign.Raw, RequestDigest: []byte{}, IntendedAt: now, IssuedAt: now, AcknowledgedAt: now}
	p.ID, p.Case, p.Attempt = certhall.PairID(ca.newID()), certhall.CaseID(ca.newID()), 1
	p.State, p.Issuer, p.Entitlement = authority.Current, e.Name, certhall.EntitlementID(p.ID)
	p.Subject, p.Organisation, p.Project, p.Profile = nameOf(sign), row.Organisation, row.Project, row.Profile
	p.KeyNumber, p.KeySerial, p.SignSerial = row.KeyNumber, row.KeySerial, certhall.SerialOf(sign.SerialNumber)
	p.NotBefore, p.NotAfter, p.TermYears = sign.NotBefore.UTC(), sign.NotAfter.UTC(), yearsOf(sign)
	p.Lineage = lineageOf(e.Name, row.Holder, p.SignSerial)
	algorithm, err2 := gm.AlgorithmOf(sign.PublicKey)
	if err2 != nil {
		return refuse(FieldSign, ErrImportCertificate.Because(err2))
	}
	if profile.Algorithm != algorithm {
		return refuse(FieldProfile, ErrImportAlgorithm.With("profile", row.Profile))
	}
	spki, err2 := smx509.MarshalPKIXPublicKey(sign.PublicKey)
	if err2 != nil {
		return refuse(FieldSign, ErrImportCertificate.Because(err2))
	}
	p.KeyDigest = algorithm.Digest(spki)
	if row.Enc != nil {
		enc, err := imported(row.Enc, e)
		if err != nil {
			return refuse(FieldEnc, err)
		}
		if algorithm != gm.SM2 || !bytes.Equal(enc.RawSubject, sign.RawSubject) || enc.SerialNumber.Cmp(sign.SerialNumber) == 0 ||
			enc.KeyUsage != 0 && enc.KeyUsage&(smx509.KeyUsageKeyEncipherment|smx509.KeyUsageDataEncipherment|smx509.KeyUsageKeyAgreement) == 0 {
			return refuse(FieldEnc, ErrImportPair)
		}
		p.EncCert, p.EncSerial = enc.Raw, certhall.SerialOf(enc.SerialNumber)
	}
	if ca.opt.Elders == nil {
		return p, nil
	}
	// What the predecessor has revoked is not brought; that its list is not at
	// hand now only means that renewals will wait for it.
	if err := ca.opt.Elders.Known(ctx, e, sign); err != nil {
		if said := certhall.AsError(err); said.Kind != certhall.Internal {
			return refuse(FieldSign, said)
		}
		return nil, err
	}
	return p, nil
}

// imported parses a certificate that must be the predecessor's, and an end entity's.
func imported(der []byte, e *Predecessor) (*smx509.Certificate, *certhall.Error) {
	c, err := signedByPredecessor(der, e)
	switch {
	case errors.Is(err, authority.ErrPredecessorOther):
		return nil, authority.ErrPredecessorOther
	case err != nil:
		return nil, ErrImportCertificate.Because(err)
	case c.IsCA, c.SerialNumber.Sign() <= 0, len(c.SerialNumber.Bytes()) > 20, !c.NotBefore.Before(c.NotAfter):
		return nil, ErrImportCertificate.Becausef("a CA's, or with an odd serial number or term")
	}
	return c, nil
}

// identityOf are the identity extensions that the profile lets successors
// carry on (SEQUENCE OF Extension), as the old certificate has them.
func identityOf(c *smx509.Certificate, p Profile) []byte {
	var kept []extension
	for _, e := range c.Extensions {
		if slices.Contains(p.Identity, e.Id.String()) && !e.Critical && len(e.Value) <= maxIdentity {
			kept = append(kept, extension{asn1.ObjectIdentifier(e.Id), false, e.Value})
		}
	}
	if kept == nil {
		return nil
	}
	der, err := asn1.Marshal(kept)
	if err != nil {
		return nil
	}
	return der
}

// nameOf is the common name for people to read; old systems wrote Chinese in
// string types that have none.
func nameOf(c *smx509.Certificate) string {
	for _, name := range append([]string{c.Subject.CommonName}, append(c.Subject.Organization, c.Subject.OrganizationalUnit...)...) {
		if !utf8.ValidString(name) {
			decoded, err := simplifiedchinese.GB18030.NewDecoder().String(name)
			if err != nil {
				continue
			}
			name = decoded
		}
		if name = strings.Map(func(r rune) rune {
			if !isText(string(r)) {
				return -1
			}
			return r
		}, name); name != "" {
			return name
		}
	}
	return ""
}

// yearsOf is the term in whole years, at least one.
func yearsOf(c *smx509.Certificate) int {
	return max(1, int(math.Round(c.NotAfter.Sub(c.NotBefore).Hours()/24/365.25)))
}

// lineageOf is the same for the same holder, so that an import can be repeated.
func lineageOf(predecessor, holder string, serial certhall.Serial) certhall.LineageID {
	what := "serial/" + string(serial)
	if holder != "" {
		what = "holder/" + holder
	}
	return certhall.LineageID("i" + hex.EncodeToString(gm.SM3([]byte(predecessor + "/" + what)))[:30])
}
