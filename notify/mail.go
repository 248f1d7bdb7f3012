package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"lockstep"
	"lockstep/web"
)

// sendFor bounds one try, from the first connection to the last answer.
const sendFor = 20 * time.Second

// Mailer sends mail.
type Mailer struct {
	Dialer *web.Dialer
	HELO   string           // the name that this machine gives; "" is localhost
	Now    func() time.Time // nil is time.Now
}

// Send hands a message to the tenant's mail server. A nil error says that the server has taken it.
func (m Mailer) Send(ctx context.Context, s Mail, password string, msg Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	letter, err := m.letter(s, msg)
	if err != nil {
		return err
	}
	client, err := m.client(ctx, s, password)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, letter)
	if letter.IsDelivered() { // what goes wrong after the server has taken it, such as at QUIT, changes nothing
		return nil
	}
	if err != nil {
		return mailFailed(s, msg.To, err)
	}
	return nil
}

// letter writes the message as a mail. Its Message-ID stays the same when it is sent again, so that a reader sees it once.
func (m Mailer) letter(s Mail, msg Message) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := letter.From(s.From); err != nil {
		return nil, invalid("The address that mail comes from cannot be used.")
	}
	if err := letter.To(msg.To); err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeMailRefused, Detail: "“" + clip(msg.To) + "” is no e-mail address."}
	}
	_, host, _ := strings.Cut(s.From, "@")
	letter.Subject(oneLine(msg.Subject))
	letter.SetMessageIDWithValue(string(msg.ID) + "@" + host)
	letter.SetDateWithValue(msg.Created)
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no holiday notices, please
	letter.SetBodyString(mail.TypeTextPlain, msg.Text)
	return letter, nil
}

// client reaches the mail server. Where TLS begins before the first word, the dialler does it; RFC 3207 has a server offer no second
// TLS within, so the policy of the library only notices that there is one.
func (m Mailer) client(all context.Context, s Mail, password string) (*mail.Client, error) {
	secure := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		secure.RootCAs = x509.NewCertPool()
		secure.RootCAs.AppendCertsFromPEM([]byte(s.CA))
	}
	dialer := *m.dialer()
	policy := mail.TLSMandatory
	switch s.Security {
	case Plain:
		dialer.Inside = true
		policy = mail.NoTLS
	case ImplicitTLS:
		policy = mail.TLSOpportunistic
	case StartTLS:
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(all, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // ends what waits
		c = &limited{Conn: c, left: mostAnswered, stop: stop}
		if s.Security != ImplicitTLS {
			return c, nil
		}
		t := tls.Client(c, secure)
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return t, nil
	}
	helo := m.HELO
	if helo == "" {
		helo = "localhost"
	}
	options := []mail.Option{
		mail.WithPort(s.port()), mail.WithTLSPolicy(policy), mail.WithTLSConfig(secure), mail.WithTimeout(sendFor), mail.WithHELO(helo),
		mail.WithDialContextFunc(dial), mail.WithoutNoop(),
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(password))
	}
	c, err := mail.NewClient(s.Host, options...)
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The settings of the mail server cannot be used.", Err: err}
	}
	return c, nil
}

func (m Mailer) dialer() *web.Dialer {
	if m.Dialer == nil {
		return &web.Dialer{}
	}
	return m.Dialer
}

// mostAnswered bounds what a server may say in one conversation.
const mostAnswered = 256 << 10

// limited is a connection that ends when its other side has said too much.
type limited struct {
	net.Conn
	left int
	stop func() bool
}

// Read implements net.Conn.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: the mail server says too much", web.ErrTooLarge)
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Close implements net.Conn.
func (l *limited) Close() error {
	l.stop()
	return l.Conn.Close()
}

// mailFailed says in our own words why a mail did not go, and by its code whether it is worth another try.
func mailFailed(s Mail, to string, err error) error {
	at := "send mail by " + s.Host + ": "
	fail := func(code lockstep.Code, why string) error {
		return &lockstep.Error{Code: code, Detail: at + why + ".", Err: err}
	}
	status := 0
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		status = answer.Code
	}
	sent, ok := errors.AsType[*mail.SendError](err)
	if ok {
		status = max(status, sent.ErrorCode())
	}
	switch blocked, isBlocked := errors.AsType[*web.BlockedError](err); {
	case isBlocked:
		return fail(lockstep.CodeBlocked, blocked.Error())
	case isA[*web.PlainError](err):
		return fail(lockstep.CodeUnencrypted, "the server is not in a network that the operator has allowed, and would be reached without TLS")
	case status == 535 || status == 534 || status == 530 || status == 538 || errors.Is(err, mail.ErrNoSupportedAuthDiscovered):
		return fail(lockstep.CodeMailAuth, said("the user name or the password was not accepted", status))
	case ok && status >= 500 && sent.Reason == mail.ErrSMTPRcptTo:
		return fail(lockstep.CodeMailRefused, said("the recipient "+clip(to)+" was refused", status))
	case status >= 500:
		return fail(lockstep.CodeMailRefused, said("it was refused", status))
	case status >= 400:
		return fail(lockstep.CodeMailDeferred, said("not now", status))
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return fail(lockstep.CodeMailTLS, "the server offers no STARTTLS")
	case strings.Contains(err.Error(), "does not support SMTP AUTH"):
		return fail(lockstep.CodeMailAuth, "the server lets nobody sign in")
	case web.IsTimeout(err):
		return fail(lockstep.CodeMailUnreachable, "it did not answer in time")
	}
	why := web.Why(err)
	switch {
	case isA[x509.UnknownAuthorityError](err), isA[x509.HostnameError](err), isA[x509.CertificateInvalidError](err), isA[tls.RecordHeaderError](err), isA[tls.AlertError](err):
		return fail(lockstep.CodeMailTLS, why)
	case why == "" && errors.Is(err, io.EOF):
		why = "it ended the connection"
	case why == "":
		why = "what it answers cannot be understood"
	}
	return fail(lockstep.CodeMailUnreachable, why)
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func said(what string, status int) string {
	if status == 0 {
		return what
	}
	return fmt.Sprintf("%s (%d)", what, status)
}

// oneLine keeps a subject from having lines.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
