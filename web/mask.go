package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// partsOf returns the parts of names that say that a value is secret, in lower case and without punctuation, by their first
// letter.
func partsOf(first byte) []string {
	switch first {
	case 'p':
		return passParts
	case 's':
		return signParts
	case 't':
		return tokenParts
	case 'c':
		return cookieParts
	case 'a':
		return accessParts
	case 'v':
		return verifyParts
	case 'o':
		return onceParts
	case 'k':
		return kennParts
	case 'm':
		return motParts
	}
	return nil
}

var (
	passParts   = []string{"passw", "passphrase", "passcode", "pwd", "privatekey"} // password, passwd, Passwort
	signParts   = []string{"secret", "signature", "senha"}
	tokenParts  = []string{"token"}
	cookieParts = []string{"credential", "cookie", "contrase"}
	accessParts = []string{"assertion", "apikey", "accesskey", "authorization"}
	verifyParts = []string{"verifier"}
	onceParts   = []string{"otp"}
	kennParts   = []string{"kennwort"}
	motParts    = []string{"motdepasse"}
)

// seconds has, for the first letter of a part, a bit for each letter that may follow: most text is passed over by it.
var seconds = [128]uint32{
	'p': bit('a') | bit('w') | bit('r'), 's': bit('e') | bit('i'), 't': bit('o'), 'c': bit('r') | bit('o'),
	'a': bit('s') | bit('p') | bit('c') | bit('u'), 'v': bit('e'), 'o': bit('t'), 'k': bit('e'), 'm': bit('o'),
}

func bit(letter byte) uint32 { return 1 << (letter - 'a') }

// holdsSecretName reports whether one of those parts stands anywhere in the text.
func holdsSecretName[T ~string | ~[]byte](text T) bool {
	for i := 0; i+2 < len(text); i++ {
		follow := seconds[(text[i]|0x20)&0x7f]
		if follow == 0 {
			continue
		}
		if next := (text[i+1] | 0x20) - 'a'; next < 26 && follow>>next&1 == 0 {
			continue
		}
		for _, part := range partsOf(lower(text[i])) {
			if stands(text[i:], part) {
				return true
			}
		}
	}
	return false
}

// stands reports whether the text begins with the part, whatever its case and the punctuation within.
func stands[T ~string | ~[]byte](text T, part string) bool {
	at := 0
	for i := 0; i < len(text) && at < len(part); i++ {
		switch c := lower(text[i]); {
		case c == part[at]:
			at++
		case c != '_' && c != '-' && c != ' ':
			return false
		}
	}
	return at == len(part)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// looksSecret reports whether a value is a credential by its form: a JWT, a bearer token, a private key, a token of ours.
func looksSecret(value string) bool {
	return holdsCredential(value) && (strings.HasPrefix(value, "eyJ") && strings.Count(value, ".") >= 2 ||
		len(value) > 40 && strings.HasPrefix(value, "lk") && value[3] == '_' ||
		strings.Contains(value, "-----BEGIN") || len(value) > 7 && strings.EqualFold(value[:7], "bearer "))
}

// holdsCredential is a quick look whether looksSecret may be true of a part of the text.
func holdsCredential[T ~string | ~[]byte](text T) bool {
	for i := 0; i+3 < len(text); i++ {
		switch text[i] {
		case 'y':
			if i > 0 && text[i-1] == 'e' && text[i+1] == 'J' {
				return true
			}
		case 'k':
			if i > 0 && text[i-1] == 'l' && text[i+2] == '_' {
				return true
			}
		case '-':
			if text[i+1] == '-' && stands(text[i:], "begin") {
				return true
			}
		case 'b', 'B':
			if stands(text[i:], "bearer") {
				return true
			}
		}
	}
	return false
}

// masker replaces the secrets of one exchange.
type masker struct {
	names   map[string]bool // more names of fields with secrets, in lower case
	details bool            // the field detail is one of them: an error may repeat what was sent
	found   bool            // there was a secret
}

// secret reports whether the value of a field, or at a path, is a secret. A path is one when any name in it is.
func (m *masker) secret(name []byte) bool {
	return holdsSecretName(name) || m.exact(name) || m.details && bytes.EqualFold(name, []byte("detail"))
}

// exact reports whether the text, or a name in it, is one of those that are secret as a whole.
func (m *masker) exact(text []byte) bool {
	if len(text) == 4 && bytes.EqualFold(text, []byte("code")) || len(text) == 3 && bytes.EqualFold(text, []byte("pin")) {
		return true
	}
	if len(m.names) == 0 {
		return false
	}
	var buf [64]byte
	word, long := buf[:0], false // no attribute has a name that long
	for _, c := range text {
		switch {
		case c < 0x80 && c != '_' && c != '-' && c != '$' && !isAlnum(c): // between the names of a path
			if !long && m.names[string(word)] {
				return true
			}
			word, long = buf[:0], false
		case len(word) == len(buf):
			long = true
		default:
			word = append(word, lower(c))
		}
	}
	return !long && m.names[string(word)]
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'z'
}

// ownHeaders are what Surface adds to every answer. They say nothing about the exchange.
var ownHeaders = map[string]bool{
	"Content-Security-Policy": true, "X-Content-Type-Options": true, "Referrer-Policy": true, "Cross-Origin-Opener-Policy": true, "Cache-Control": true,
}

// appendHeader appends a line for each value, without those that are left out.
func (m *masker) appendHeader(to []byte, h http.Header, without map[string]bool) []byte {
	for name, values := range h {
		if without[name] {
			continue
		}
		secret := isSecretHeader(name)
		for _, value := range values {
			to = append(append(to, name...), ": "...)
			switch {
			case secret:
				value = maskScheme(value)
			case strings.Contains(value, "://") || strings.HasPrefix(value, "/"):
				value = m.address(value)
			case looksSecret(value) && name != "Www-Authenticate": // which says Bearer and what is missing
				value = Masked
			}
			to = append(append(to, value...), '\n')
		}
	}
	return to
}

// isSecretHeader knows, beside the names that are secret anywhere, those of gateways, such as X-Functions-Key and X-Jwt.
func isSecretHeader(name string) bool {
	return holdsSecretName(name) || strings.HasSuffix(name, "-Key") || strings.HasSuffix(name, "-Jwt") || strings.HasSuffix(name, "-Session")
}

// maskScheme keeps the scheme of an Authorization header: it is worth seeing and no secret.
func maskScheme(value string) string {
	if scheme, _, ok := strings.Cut(value, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic")) {
		return scheme + " " + Masked
	}
	return Masked
}

// address is a header's value that holds an address: without user and fragment, and the secrets of its query masked. What has
// more than the address in it stays only when there can be none.
func (m *masker) address(text string) string {
	_, host, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(host, "/ "); end >= 0 {
		host = host[:end]
	}
	if !strings.ContainsAny(text, "?#") && !strings.Contains(host, "@") && !holdsCredential(text) {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" && text[0] != '/' {
		return Masked
	}
	apart := masker{names: m.names} // no answer repeats a header
	return string(apart.appendURL([]byte(origin(u)), u))
}

// origin is what comes before an address's path.
func origin(u *url.URL) string {
	if u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// appendURL appends path and query without their secrets.
func (m *masker) appendURL(to []byte, u *url.URL) []byte {
	path := u.EscapedPath()
	if m.secret([]byte(path)) && strings.Contains(path, "=") || holdsCredential(path) { // /Users;token=x, and whoever takes a token for an id
		m.found = true
		path = maskPath(path)
	}
	to = append(to, path...)
	if u.RawQuery == "" {
		return to
	}
	return append(append(to, '?'), m.query(u.Query())...)
}

// maskPath masks the segments of a path that hold a value, and those that look like a credential.
func maskPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.Contains(part, "=") || looksSecret(part) {
			parts[i] = Masked
		}
	}
	return strings.Join(parts, "/")
}

func (m *masker) query(q url.Values) string {
	for name, values := range q {
		for i, value := range values {
			if m.secret([]byte(name)) || looksSecret(value) || compares(value) && m.secret([]byte(value)) {
				values[i], m.found = Masked, true
			}
		}
	}
	return strings.ReplaceAll(q.Encode(), url.QueryEscape(Masked), Masked)
}

// compares reports whether a text is more than a name or a list of names: it may be a filter, which compares a value.
func compares[T ~string | ~[]byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c == ' ' || c == '"' || c == '\'' || c == '[' || c == '(' || c == '=' {
			return true
		}
	}
	return false
}
