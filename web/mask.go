package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// secretNames are parts of names whose values are secrets, in lower case and without punctuation.
var secretNames = []string{
	"password", "passwd", "passphrase", "secret", "token", "credential", "assertion", "apikey", "privatekey", "authorization",
	"cookie", "verifier", "signature", "otp",
}

// isSecret reports whether the name of a field, header or path says that its value is a secret.
func isSecret(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, part := range secretNames {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return plain == "code" || plain == "pin"
}

func maskHeader(h http.Header) http.Header {
	masked := h.Clone()
	for name, values := range masked {
		for i, value := range values {
			if isSecret(name) {
				values[i] = maskScheme(value)
			} else if name == "Location" || name == "Referer" {
				values[i] = maskAddress(value)
			}
		}
	}
	return masked
}

// maskScheme keeps the scheme of an Authorization header: it is worth seeing and no secret.
func maskScheme(value string) string {
	if scheme, _, ok := strings.Cut(value, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic")) {
		return scheme + " " + Masked
	}
	return Masked
}

func maskAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return Masked
	}
	if u.RawQuery != "" {
		u.RawQuery = maskQuery(u.Query())
	}
	u.User, u.Fragment = nil, ""
	return u.String()
}

func maskURL(u *url.URL) string {
	query := u.Query()
	if len(query) == 0 {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + maskQuery(query)
}

func maskQuery(q url.Values) string {
	for name, values := range q {
		for i, value := range values {
			if isSecret(name) || (name == "filter" && isSecret(value)) { // password eq "…"
				values[i] = Masked
			}
		}
	}
	return strings.ReplaceAll(q.Encode(), url.QueryEscape(Masked), Masked)
}

// maxDepth bounds the nesting that maskJSON follows.
const maxDepth = 64

// maskJSON prints one JSON value with its secrets masked, fields in their order. It is false when the text is not exactly
// one JSON value or nests too deeply.
func maskJSON(text []byte) (string, bool) {
	if !json.Valid(text) {
		return "", false
	}
	var out bytes.Buffer
	if !maskValue(&out, bytes.TrimSpace(text), maxDepth) {
		return "", false
	}
	return out.String(), true
}

func maskValue(out *bytes.Buffer, value []byte, depth int) bool {
	switch {
	case depth == 0:
		return false
	case value[0] == '{':
		return maskObject(out, value, depth)
	case value[0] == '[':
		var elements []json.RawMessage
		if json.Unmarshal(value, &elements) != nil {
			return false
		}
		out.WriteByte('[')
		for i, element := range elements {
			if i > 0 {
				out.WriteByte(',')
			}
			if !maskValue(out, element, depth-1) {
				return false
			}
		}
		out.WriteByte(']')
	default:
		out.Write(value)
	}
	return true
}

// field is one member of an object, with its name's text as it stood.
type field struct {
	name  string
	value json.RawMessage
}

func maskObject(out *bytes.Buffer, object []byte, depth int) bool {
	fields, ok := members(object)
	if !ok {
		return false
	}
	// A patch operation names the attribute in one field and has its value in another (RFC 7644 §3.5.2).
	pathIsSecret := false
	for _, f := range fields {
		var path string
		if strings.EqualFold(f.name, "path") && json.Unmarshal(f.value, &path) == nil {
			pathIsSecret = pathIsSecret || isSecret(path)
		}
	}
	out.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return false
		}
		out.Write(name)
		out.WriteByte(':')
		switch {
		case hides(f) || (pathIsSecret && strings.EqualFold(f.name, "value")):
			out.WriteString(`"` + Masked + `"`)
		case !maskValue(out, f.value, depth-1):
			return false
		}
	}
	out.WriteByte('}')
	return true
}

// hides reports whether a field's value is a secret. Null, true and false say nothing worth hiding.
func hides(f field) bool {
	return isSecret(f.name) && !strings.ContainsRune("ntf", rune(f.value[0]))
}

func members(object []byte) ([]field, bool) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	var fields []field
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		f := field{}
		var ok bool
		if f.name, ok = name.(string); !ok || decoder.Decode(&f.value) != nil {
			return nil, false
		}
		fields = append(fields, f)
	}
	return fields, true
}
