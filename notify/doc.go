// Package notify tells people and programs what needs them: a job that has stopped, changes that wait for a decision, what fails,
// secrets that are about to expire, a job that has not run when it should have.
//
// Design. Whoever knows how things stand hands in the causes that stand now (Cause). What is news among them is decided by Decide, a
// pure function of the causes, of what is remembered of earlier ones, and of the time. News become messages, one for each recipient
// and one for the webhook; they are kept in the same transaction as the memory, so nothing is told twice and nothing is forgotten. A
// Courier sends what waits: by SMTP (RFC 5321), and to a webhook as Standard Webhooks has it, signed with HMAC-SHA256. What fails
// for now is tried again for about two days, after a restart too; what is refused for good is kept with the reason.
//
// Invariants. A cause that stands is told once. A kind of cause is told at most once in the quiet time of an app or a source; what comes
// meanwhile is told together. A password goes only where it was meant to go: it is sealed with its destination, and travels by TLS
// only. Mail without TLS goes to addresses that the operator has allowed, and to no other. Nothing that a server or a receiver says
// is shown but its status.
package notify

import (
	"context"
	"time"

	"lockstep"
	"lockstep/audit"
)

// Rule is who is told by mail of what happens to one app or source.
type Rule struct {
	Emails   []string `json:"emails"`   // none is the tenant's own recipients
	Failures bool     `json:"failures"` // send a mail when a failure occurs
}

// MessageID names a message; a receiver can tell by it that it has had the message before.
type MessageID string

// Outlet is a way out.
type Outlet string

// The outlets.
const (
	ByMail Outlet = "mail"
	ByHook Outlet = "webhook"
)

// Message is one thing to be said to one recipient.
type Message struct {
	ID      MessageID
	Job     lockstep.JobID // "" concerns the whole tenant
	Outlet  Outlet
	To      string // an e-mail address, or the address of the webhook
	Subject string
	Text    string // of a mail, or the JSON of a webhook
	Created time.Time
	Due     time.Time
	Tries   int
	Outcome
}

// Outcome is what became of a message.
type Outcome struct {
	State  MessageState
	Code   lockstep.Code // why the last try failed
	Detail string
	Ended  time.Time // zero while it waits
}

// MessageState is how far a message is.
type MessageState string

// The states of a message.
const (
	Waiting MessageState = "waiting" // to be sent, or to be sent again
	Sent    MessageState = "sent"    // the next server has taken it
	Refused MessageState = "refused" // for good
	GivenUp MessageState = "given_up"
)

// Records keeps what administrators set.
type Records interface {
	// Settings returns the tenant's settings, without the secrets; the zero Settings when there are none.
	Settings(ctx context.Context, t lockstep.TenantID) (Settings, error)
	// ChangeSettings asks change, which has no effects and may be asked again, what the settings become, and keeps that.
	ChangeSettings(ctx context.Context, by audit.Actor, t lockstep.TenantID, change func(Settings) (Change, error)) error
	// Secrets opens the secrets that go with the settings.
	Secrets(ctx context.Context, t lockstep.TenantID, s Settings) (Secrets, error)
	// Rules returns the rules of the tenant's jobs; a job without one has the zero Rule.
	Rules(ctx context.Context, t lockstep.TenantID) (map[lockstep.JobID]Rule, error)
	// ChangeRule asks change, which has no effects and may be asked again, what the rule of a job becomes, keeps that, and returns it.
	ChangeRule(ctx context.Context, by audit.Actor, t lockstep.TenantID, job lockstep.JobID, change func(Rule) (Rule, error)) (Rule, error)
}

// Outbox keeps what was told and what is to be sent.
type Outbox interface {
	// DueTenants returns the tenants with something to look at or to send.
	DueTenants(ctx context.Context, now time.Time) ([]lockstep.TenantID, error)
	// Memory returns what is remembered of the tenant's causes, and when it is time to look again.
	Memory(ctx context.Context, t lockstep.TenantID) ([]Remembered, time.Time, error)
	// Tell replaces the memory, keeps the messages, and says when to look again: all of it or nothing.
	Tell(ctx context.Context, t lockstep.TenantID, memory []Remembered, messages []Message, next time.Time) error
	// WaitingMessages returns messages that are due, the oldest first.
	WaitingMessages(ctx context.Context, t lockstep.TenantID, now time.Time, limit int) ([]Message, error)
	// Settle keeps what became of a try of a message, unless another one was faster: m.Tries is that of before the try.
	Settle(ctx context.Context, t lockstep.TenantID, m Message, due time.Time, o Outcome) error
	// Messages returns the last messages, the newest first.
	Messages(ctx context.Context, t lockstep.TenantID, limit int) ([]Message, error)
}
