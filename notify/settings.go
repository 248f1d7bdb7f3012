package notify

import (
	"cmp"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
)

// Settings say how a tenant is told.
type Settings struct {
	Mail    Mail          `json:"mail"`
	Hook    string        `json:"hook"`            // address of the webhook; "" is none
	To      []string      `json:"to"`              // who is told where no app names anybody
	Quiet   time.Duration `json:"quiet,omitempty"` // 0 is QuietTime
	Silence int           `json:"silence,omitempty"`

	Version int64    `json:"-"` // 0 before the first change
	Given   []string `json:"-"` // names of the secrets that are set
}

// QuietTime is how long a kind of cause is not told again of the same app when nothing else is set, SilentAfter how many intervals
// a job may miss.
const (
	QuietTime   = time.Hour
	SilentAfter = 3
)

// QuietFor is how long a kind of cause is not told again of the same app.
func (s Settings) QuietFor() time.Duration { return cmp.Or(s.Quiet, QuietTime) }

// Intervals is how many intervals may pass without a cycle.
func (s Settings) Intervals() int { return cmp.Or(s.Silence, SilentAfter) }

// On reports whether there is a way to tell anybody.
func (s Settings) On() bool { return s.Mail.Host != "" || s.Hook != "" }

// Mail says which server takes mail.
type Mail struct {
	Host     string   `json:"host"` // "" sends no mail
	Port     int      `json:"port,omitempty"`
	Security Security `json:"security,omitempty"`
	User     string   `json:"user,omitempty"` // "" does not sign in
	From     string   `json:"from,omitempty"`
	CA       string   `json:"ca,omitempty"` // certificates in PEM that are trusted; "" is those of the machine
}

// Security is how the connection to a mail server is protected.
type Security string

// The kinds of security.
const (
	StartTLS    Security = "starttls" // required, RFC 3207
	ImplicitTLS Security = "tls"      // RFC 8314
	Plain       Security = "none"     // only to what the operator has allowed
)

// The names of secrets.
const (
	Password   = "password"
	HookSecret = "webhook"
)

// Secrets are the values.
type Secrets struct {
	Password string
	Hook     string // as Standard Webhooks writes it: whsec_ and base64
}

// Change is what settings become. A secret that is nil stays as it is, "" removes it.
type Change struct {
	Settings
	Password, Hook *string
}

// port is the port that counts.
func (m Mail) port() int {
	if m.Port != 0 {
		return m.Port
	}
	switch m.Security {
	case ImplicitTLS:
		return 465
	case Plain:
		return 25
	case StartTLS:
	}
	return 587
}

// Destination names where the password goes: whoever changes it has to give the password again.
func (m Mail) Destination() string {
	if m.Host == "" {
		return ""
	}
	return strings.Join([]string{strings.ToLower(m.Host), strconv.Itoa(m.port()), string(m.Security), m.User, m.CA}, "\x00")
}

// The limits of settings.
const (
	mostRecipients = 20
	longestAddress = 254 // RFC 5321 §4.5.3.1.3
	longestText    = 32 << 10
	longestQuiet   = 7 * 24 * time.Hour
)

// Check fills in what has one sensible value and says what is wrong.
func (s *Settings) Check() error {
	if err := s.Mail.check(); err != nil {
		return err
	}
	if s.Hook != "" {
		u, err := url.Parse(s.Hook)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "" || len(s.Hook) > 2000 {
			return invalidIn("hook", "The webhook's address has to be a URL such as https://chat.acme.example/hooks/lockstep, without a password.")
		}
	}
	if s.Quiet < 0 || s.Quiet > longestQuiet {
		return invalidIn("quiet", "The quiet time is at most seven days.")
	}
	if s.Silence < 0 || s.Silence > 1000 {
		return invalidIn("silence", "The intervals that may be missed are 1 to 1000.")
	}
	var err error
	s.To, err = Addresses(s.To)
	return err
}

func (m *Mail) check() error {
	if m.Host == "" {
		*m = Mail{}
		return nil
	}
	m.Security = cmp.Or(m.Security, StartTLS)
	if !slices.Contains([]Security{StartTLS, ImplicitTLS, Plain}, m.Security) {
		return invalidIn("security", "The security of mail is starttls, tls or none.")
	}
	if _, _, err := net.SplitHostPort(m.Host); err == nil || strings.ContainsAny(m.Host, "/@ \r\n\t\x00") || len(m.Host) > 253 {
		return invalidIn("host", "The mail server is a host name such as smtp.acme.example; its port is a setting of its own.")
	}
	if m.Port < 0 || m.Port > 65535 {
		return invalidIn("port", "The port of the mail server is 1 to 65535.")
	}
	if m.User != "" && m.Security == Plain {
		return invalidIn("security", "A password would travel unprotected: sign in with starttls or tls, or without a user name.")
	}
	if strings.ContainsAny(m.User, "\r\n\x00") || len(m.User) > 256 {
		return invalidIn("user", "The user name is at most 256 characters, without line breaks.")
	}
	if m.CA != "" && (len(m.CA) > longestText || !x509.NewCertPool().AppendCertsFromPEM([]byte(m.CA))) {
		return invalidIn("ca", "The certificates of the mail server's authority have to be in PEM.")
	}
	from, err := Addresses([]string{m.From})
	if err != nil || len(from) != 1 {
		return invalidIn("from", "Mail needs an address that it comes from, such as lockstep@acme.example.")
	}
	m.From = from[0]
	return nil
}

// Addresses checks e-mail addresses, and leaves out empty and repeated ones. Names beside the addresses are dropped.
func Addresses(all []string) ([]string, error) {
	out := []string{}
	for _, text := range all {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		a, err := mail.ParseAddress(text)
		if err != nil || len(a.Address) > longestAddress || strings.ContainsAny(a.Address, "\r\n\x00 \"") {
			return nil, invalidIn("to", "“"+clip(text)+"” is no e-mail address.")
		}
		if !slices.Contains(out, a.Address) {
			out = append(out, a.Address)
		}
	}
	if len(out) > mostRecipients {
		return nil, invalidIn("to", fmt.Sprintf("There are more than %d addresses; use a distribution list.", mostRecipients))
	}
	return out, nil
}

// hookPrefix begins the secret of a webhook, as Standard Webhooks writes it.
const hookPrefix = "whsec_"

// NewHookSecret makes a secret for signing.
func NewHookSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return hookPrefix + base64.StdEncoding.EncodeToString(secret)
}

func invalid(detail string) error { return invalidIn("", detail) }

// invalidIn is invalid, of what has the name in the settings.
func invalidIn(field, detail string) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Field: field, Detail: detail}
}

// clip keeps what a caller sent from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
