package sso

import (
	"maps"

	"lockstep"
)

// TraceQuery selects what is kept of logins, the newest first. Empty fields select everything.
type TraceQuery struct {
	Provider ProviderID
	Client   ClientID
	User     lockstep.UserID
	Outcome  Outcome
	Tests    bool    // only those that an administrator tried
	Before   LoginID // continue after this one
	Limit    int     // at most this many
}

// Takes reports whether the query selects the trace.
func (q TraceQuery) Takes(t Trace) bool {
	return (q.Provider == "" || q.Provider == t.Provider) && (q.Client == "" || q.Client == t.Client) && (q.User == "" || q.User == t.User) &&
		(q.Outcome == "" || q.Outcome == t.Outcome) && (!q.Tests || t.Test())
}

// Test reports whether an administrator tried a provider. Every other login is asked for by an application.
func (t Trace) Test() bool { return t.Client == "" }

// PageTexts are what the sign-in pages say, in English (en) or German (de).
func PageTexts(lang string) map[string]string { return maps.Clone(texts[lang]) }
