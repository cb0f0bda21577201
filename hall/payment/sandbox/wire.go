package sandbox

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// signatureAge is how far the time of a request may lie from ours.
const signatureAge = 5 * time.Minute

// authorization is what a merchant's request carries; its parts come in any order.
var authorization = regexp.MustCompile(`(mchid|nonce_str|timestamp|serial_no|signature)="([^"]*)"`)

const scheme = "WECHATPAY2-SHA256-RSA2048 "

// authenticate checks a request's signature, age, merchant and certificate.
func (s *Server) authenticate(r *http.Request, body []byte) *refusal {
	header := r.Header.Get("Authorization")
	if len(header) < len(scheme) || header[:len(scheme)] != scheme {
		return signError.about("authorization")
	}
	given := map[string]string{}
	for _, m := range authorization.FindAllStringSubmatch(header, -1) {
		given[m[1]] = m[2]
	}
	if given["mchid"] != Merchant {
		return signError.about("mchid")
	}
	if given["serial_no"] != s.keys.merchant.Serial {
		return signError.about("serial_no")
	}
	seconds, err := strconv.ParseInt(given["timestamp"], 10, 64)
	if err != nil || s.o.Stamps.Now().Sub(time.Unix(seconds, 0)).Abs() > signatureAge {
		return signError.about("timestamp")
	}
	message := r.Method + "\n" + r.URL.RequestURI() + "\n" + given["timestamp"] + "\n" + given["nonce_str"] + "\n" + string(body) + "\n"
	signature, err := base64.StdEncoding.DecodeString(given["signature"])
	sum := sha256.Sum256([]byte(message))
	if err != nil || rsa.VerifyPKCS1v15(&s.keys.merchant.Key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return signError.about("signature")
	}
	return nil
}

// sign stamps a message as WeChat Pay's; wrongly, if it is to be a forged one.
func (s *Server) sign(h http.Header, body []byte, at time.Time, forged bool) {
	stamp, nonce := strconv.FormatInt(at.Unix(), 10), drawn(16)
	message := stamp + "\n" + nonce + "\n" + string(body) + "\n"
	if forged {
		message += "forged"
	}
	sum := sha256.Sum256([]byte(message))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.keys.platform, crypto.SHA256, sum[:])
	if err != nil {
		panic("sandbox: " + err.Error()) // the key is ours
	}
	h.Set("Wechatpay-Serial", PublicKeyID)
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048")
}

// seal encrypts what a notice tells.
func seal(secret []byte, nonce, associated string, content []byte) string {
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(fmt.Sprintf("sandbox: an APIv3 key of %d bytes", len(secret)))
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), content, []byte(associated)))
}

// drawn are random characters: what is only for the wire needs no repetition.
func drawn(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)[:n]
}
