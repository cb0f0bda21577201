package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
)

// The ceiling: the cryptography of one pair through gmsm, the rows of one pair
// through database/sql, in the same two durable steps (no signature before the
// intent is on disk), and nothing else: nothing is decoded, looked up, judged,
// built or linted. One goroutine writes whatever waits with multi-row
// statements that are compiled once. It numbers and chains the records as it
// writes them.

// order is what the ceiling needs of a request, taken apart beforehand.
type order struct {
	caseID, oldID, lineage      string
	request, evidence           []byte // as they are stored
	message, signature, oldCert []byte
}

// model is what every pair of the ceiling has in common, and of which length
// its parts are.
type model struct {
	issuer                      *sm2.PrivateKey
	escrow                      *ecdsa.PublicKey
	signTBS, encTBS             []byte
	subject, identity, data     []byte
	subjectText, organisation   string
	project, profile, keyNumber string
}

type ceiling struct {
	model
	conn       *sql.Conn
	bytes      string // the type of bytes, for CAST
	statements map[string]*sql.Stmt
	queue      chan *job
	seq        int64
	hash       []byte
	pairs      int64 // n of the last pair
}

// job is one of the two durable steps of one pair.
type job struct {
	pair   *pairRows
	signed [][]byte // nil in the first step
	done   chan error
}

type pairRows struct {
	n                                  int64
	id                                 string
	order                              *order
	signSerial, encSerial              string
	envelope, escrow, nonce, sealed    []byte
	keyDigest, requestDigest, salt     []byte
	intended, notBefore, notAfter, now int64
}

// make does the cryptography before the first step.
func (c *ceiling) make(o *order) (*pairRows, error) {
	request, err := smx509.ParseCertificateRequest(o.request)
	if err != nil {
		return nil, err
	}
	signing := request.PublicKey.(*ecdsa.PublicKey)
	if !sm2.VerifyASN1WithSM2(signing, nil, request.RawTBSCertificateRequest, request.Signature) {
		return nil, errors.New("bench: the P10 does not verify")
	}
	old, err := smx509.ParseCertificate(o.oldCert)
	if err != nil {
		return nil, err
	}
	if !sm2.VerifyASN1WithSM2(old.PublicKey.(*ecdsa.PublicKey), nil, o.message, o.signature) {
		return nil, errors.New("bench: the evidence does not verify")
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixMilli()
	p := &pairRows{order: o, intended: now, notBefore: now, notAfter: now, now: now, id: random(12), signSerial: random(16), encSerial: random(16)}
	p.keyDigest, p.requestDigest = digest(request.RawSubjectPublicKeyInfo), digest(request.RawTBSCertificateRequest)
	if p.envelope, err = sm2.MarshalEnvelopedPrivateKey(rand.Reader, signing, key); err != nil {
		return nil, err
	}
	if p.escrow, err = sm2.EncryptASN1(rand.Reader, c.model.escrow, key.D.FillBytes(make([]byte, 32))); err != nil {
		return nil, err
	}
	p.nonce, p.salt = make([]byte, 32), make([]byte, 16)
	_, _ = rand.Read(p.nonce)
	_, _ = rand.Read(p.salt)
	p.sealed, err = sm2.EncryptASN1(rand.Reader, &key.PublicKey, p.nonce)
	return p, err
}

func (c *ceiling) sign() ([][]byte, error) {
	var certificates [][]byte
	for _, tbs := range [][]byte{c.signTBS, c.encTBS} {
		signature, err := c.issuer.Sign(rand.Reader, tbs, sm2.DefaultSM2SignerOpts)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, append(append([]byte(nil), tbs...), signature...))
	}
	return certificates, nil
}

// run makes a pair of every order and answers how long that took.
func (c *ceiling) run(ctx context.Context, orders []order) (time.Duration, error) {
	c.queue = make(chan *job, clients)
	written := make(chan error, 1)
	begin := time.Now()
	go func() { written <- c.write(ctx) }()
	step := func(p *pairRows, signed [][]byte) error {
		j := &job{p, signed, make(chan error, 1)}
		c.queue <- j
		return <-j.done
	}
	err := serve(len(orders), func(i int) error {
		p, err := c.make(&orders[i])
		if err != nil {
			return err
		}
		if err := step(p, nil); err != nil {
			return err
		}
		signed, err := c.sign()
		if err != nil {
			return err
		}
		return step(p, signed)
	})
	close(c.queue)
	return time.Since(begin), errors.Join(err, <-written)
}

// write commits whatever waits, in one transaction.
func (c *ceiling) write(ctx context.Context) error {
	for j := range c.queue {
		batch := []*job{j}
		for more := true; more && len(batch) < clients; {
			select {
			case next, ok := <-c.queue:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		err := c.commit(ctx, batch)
		for _, j := range batch {
			j.done <- err
		}
	}
	return nil
}

func (c *ceiling) commit(ctx context.Context, batch []*job) error {
	begin := "BEGIN"
	if c.bytes == "BLOB" {
		begin = "BEGIN IMMEDIATE"
	}
	if err := c.exec(ctx, begin); err != nil {
		return err
	}
	var pairs, papers, serials, escrow, records, swaps, certificates []any
	for _, j := range batch {
		p := j.pair
		o := p.order
		kind := "issued"
		if j.signed == nil {
			kind = "intended"
			c.pairs++
			p.n = c.pairs
			pairs = append(pairs, p.n, p.id, o.lineage, o.caseID, 1, "intended", c.subjectText, c.organisation, c.project, c.profile, 1,
				c.keyNumber, c.keyNumber, p.signSerial, p.encSerial, p.notBefore, p.notAfter, o.caseID, o.oldID, p.signSerial,
				"keep", "old-key", p.keyDigest, p.requestDigest, p.intended)
			papers = append(papers, p.n, c.model.subject, c.identity, o.request, o.evidence, c.signTBS, c.encTBS, p.envelope, p.nonce, p.sealed)
			serials = append(serials, p.signSerial, p.id, p.encSerial, p.id)
			escrow = append(escrow, p.n, p.escrow)
		} else {
			swaps = append(swaps, p.id, p.now)
			certificates = append(certificates, p.n, j.signed[0], j.signed[1])
		}
		c.seq++
		d := digest(p.salt, c.data)
		c.hash = digest(c.hash, d)
		records = append(records, c.seq, p.now, kind, o.caseID, 1, o.lineage, p.id, p.salt, c.data, d, c.hash)
	}
	for _, s := range []struct {
		into    string
		columns int
		values  []any
	}{
		{`pairs (n, id, lineage, case_id, attempt, state, subject, organisation, project, profile, term_years,
			key_number, key_serial, sign_serial, enc_serial, not_before, not_after, entitlement, old_pair, old_serial,
			disposal, evidence_kind, key_digest, request_digest, intended_at)`, 25, pairs},
		{"papers (n, subject_der, identity_der, request, evidence, sign_tbs, enc_tbs, envelope, nonce, sealed_nonce)", 10, papers},
		{"serials (serial, pair)", 2, serials},
		{"escrow (n, sealed)", 2, escrow},
		{"certificates (n, sign, enc)", 3, certificates},
		{"records (seq, at, kind, case_id, attempt, lineage, pair, salt, data, digest, hash)", 11, records},
	} {
		if len(s.values) == 0 {
			continue
		}
		if err := c.exec(ctx, "INSERT INTO "+s.into+" VALUES "+places(len(s.values)/s.columns, s.columns), s.values...); err != nil {
			return err
		}
	}
	if len(swaps) > 0 {
		var rows []string
		for i := range len(swaps) / 2 {
			rows = append(rows, fmt.Sprintf("(CAST($%d AS TEXT), CAST($%d AS BIGINT))", 2*i+1, 2*i+2))
		}
		err := c.exec(ctx, "UPDATE pairs SET state = 'issued', issued_at = v.column2 FROM (VALUES "+strings.Join(rows, ", ")+
			") AS v WHERE pairs.id = v.column1 AND pairs.state = 'intended'", swaps...)
		if err != nil {
			return err
		}
	}
	if err := c.exec(ctx, "UPDATE chain SET seq = $1, hash = $2 WHERE n = 1", c.seq, c.hash); err != nil {
		return err
	}
	return c.exec(ctx, "COMMIT")
}

// exec runs a statement that was compiled once.
func (c *ceiling) exec(ctx context.Context, query string, args ...any) error {
	s, ok := c.statements[query]
	if !ok {
		var err error
		if s, err = c.conn.PrepareContext(ctx, query); err != nil {
			return err
		}
		c.statements[query] = s
	}
	_, err := s.ExecContext(ctx, args...)
	return err
}

func places(rows, columns int) string {
	var all []string
	for r := range rows {
		row := make([]string, columns)
		for i := range row {
			row[i] = fmt.Sprintf("$%d", r*columns+i+1)
		}
		all = append(all, "("+strings.Join(row, ", ")+")")
	}
	return strings.Join(all, ", ")
}

func digest(parts ...[]byte) []byte {
	h := sm3.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x", b)
}
