package cli

import (
	"lockstep"
)

// The exit codes.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitPending     = 2 // only with plan --exit-code: there is something to do
	ExitSome        = 3 // finished, but some people failed
	ExitForbidden   = 4 // not signed in, not allowed: here, at the application or at the source
	ExitHeld        = 5 // held by a guard, quarantined, or the plan is stale
	ExitUsage       = 64
	ExitUnreachable = 69
	ExitTimeout     = 75 // try again
	ExitInterrupted = 130
)

// Outcome ends a command with a code after its result has told everything.
type Outcome struct {
	Code int
	Text string
}

// Error implements error.
func (o *Outcome) Error() string { return o.Text }

// exitCode is the code for an error.
func exitCode(err error) int {
	switch lockstep.CodeOf(err) {
	case "":
		return ExitDone
	case lockstep.CodeUsage:
		return ExitUsage
	case lockstep.CodeUnreachable, lockstep.CodeNoData, lockstep.CodeStoreAway:
		return ExitUnreachable
	case lockstep.CodeTimeout, lockstep.CodeBusy:
		return ExitTimeout
	case lockstep.CodeUnauthorized, lockstep.CodeAuthForbidden, lockstep.CodeAuthRole, lockstep.CodeAuthToken, lockstep.CodeSourceAuth, lockstep.CodeOAuthRefused, lockstep.CodeConsent:
		return ExitForbidden
	case lockstep.CodeGuardHeld, lockstep.CodePlanStale, lockstep.CodeSourceShrunk:
		return ExitHeld
	}
	return ExitFailed
}
