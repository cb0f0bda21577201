package library

import (
	"bytes"
	"context"
	"crypto/subtle"
	"io"

	gmcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/gm/skf"
)

// GenRandom fills a buffer with random numbers. The first sixteen bytes are the
// question that DevAuth answers.
func (l *Library) GenRandom(h Handle, random []byte) error {
	if len(random) == 0 || len(random) > MaxInput {
		return refuse(skf.InputLength)
	}
	return l.connected(h, func(c *connection) error {
		if _, err := io.ReadFull(l.Random, random); err != nil {
			return because(skf.RandomError, err)
		}
		c.challenge = make([]byte, sm4.BlockSize) // eight bytes are padded with zeros
		copy(c.challenge, random)
		return nil
	})
}

// DevAuth proves that the caller knows the device's key: the last random
// numbers under SM4 (SM1's identifiers mean SM4 here, which is not secret). The
// standard has one block; programs that encrypt with PKCS #5 padding answer a
// second one, which must be right too. Every question is good for one answer.
// Applications are made and deleted, and the key itself is changed, by those who
// proved it.
func (l *Library) DevAuth(h Handle, answer []byte) error {
	return l.connected(h, func(c *connection) error {
		question := c.challenge
		c.challenge = nil
		if len(answer) != sm4.BlockSize && len(answer) != 2*sm4.BlockSize {
			return refuse(skf.InputLength)
		}
		if question == nil {
			return refuse(skf.Fail)
		}
		key, err := c.device.key.AuthKey(context.Background())
		if err != nil {
			return err
		}
		block, err := sm4.NewCipher(key)
		if err != nil {
			return err
		}
		right := append(question, bytes.Repeat([]byte{sm4.BlockSize}, sm4.BlockSize)...)[:len(answer)]
		gmcipher.NewECBEncrypter(block).CryptBlocks(right, right)
		if subtle.ConstantTimeCompare(right, answer) != 1 {
			return refuse(skf.Fail)
		}
		c.device.authenticated = true
		return nil
	})
}

// ChangeDevAuthKey replaces the device's key, for whoever proved to know it.
func (l *Library) ChangeDevAuthKey(h Handle, key []byte) error {
	if len(key) != sm4.BlockSize {
		return refuse(skf.InputLength)
	}
	return l.connected(h, func(c *connection) error {
		if !c.device.authenticated {
			return refuse(skf.NotLoggedIn)
		}
		return c.device.key.ChangeAuthKey(context.Background(), key)
	})
}
