package sso

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Codes of authenticator apps (RFC 6238): what every app knows.
const (
	codeDigits = 6
	codePeriod = 30
	codeSkew   = 1 // steps that a clock may be off, either way
)

// newSecret makes the secret of an authenticator app: 160 bits, as RFC 4226 §4 recommends.
func newSecret() []byte {
	bits := make([]byte, 20)
	_, _ = rand.Read(bits) // never fails: crypto/rand ends the program instead
	return bits
}

func secretText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// rightStep finds the step whose code it is, later than the last one that was used. All steps are compared, whichever is right.
func rightStep(secret []byte, code string, now time.Time, used int64) (step int64, right bool) {
	if len(code) != codeDigits {
		return 0, false
	}
	current := now.Unix() / codePeriod
	for s := current - codeSkew; s <= current+codeSkew; s++ {
		want, err := hotp.GenerateCodeCustom(secretText(secret), uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // time goes on from 1970
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > used && !right {
			step, right = s, true
		}
	}
	return step, right
}

// otpauth is the address that an app reads from the picture.
func otpauth(issuer, name string, secret []byte) string {
	label := url.PathEscape(strings.ReplaceAll(issuer, ":", " ") + ":" + name)
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(url.Values{
		"secret": {secretText(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {fmt.Sprint(codeDigits)}, "period": {fmt.Sprint(codePeriod)},
	}.Encode(), "+", "%20")
}

// picture draws a text as a QR code, dark on light in any theme, with the margin that readers need.
func picture(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	const margin = 4
	n := code.Bounds().Dx()
	var path strings.Builder
	for y := range n {
		dark := func(x int) bool {
			if x >= n {
				return false
			}
			r, _, _, _ := code.At(x, y).RGBA()
			return r == 0
		}
		for x := 0; x < n; x++ {
			from := x
			for dark(x) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+margin, y+margin, x-from, x-from)
			}
		}
	}
	size := n + 2*margin
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" aria-hidden="true" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`, //nolint:gosec // numbers
		size, size, size, size, path.String())), nil
}
