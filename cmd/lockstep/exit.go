package main

import (
	"lockstep"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitPending     = 2 // only with plan --exit-code: there is something to do
	exitSome        = 3 // finished, but some people failed
	exitForbidden   = 4 // not signed in, not allowed: here, at the application or at the source
	exitHeld        = 5 // held by a guard, quarantined, or the plan is stale
	exitUsage       = 64
	exitUnreachable = 69
	exitTimeout     = 75 // try again
	exitInterrupted = 130
)

// outcome ends a command with a code after its result has told everything.
type outcome struct {
	code int
	text string
}

// Error implements error.
func (o *outcome) Error() string { return o.text }

// exitCode is the code for an error.
func exitCode(err error) int {
	switch lockstep.CodeOf(err) {
	case "":
		return exitDone
	case lockstep.CodeUsage:
		return exitUsage
	case lockstep.CodeUnreachable, lockstep.CodeNoData:
		return exitUnreachable
	case lockstep.CodeTimeout, lockstep.CodeBusy:
		return exitTimeout
	case lockstep.CodeUnauthorized, lockstep.CodeAuthForbidden, lockstep.CodeAuthToken, lockstep.CodeSourceAuth, lockstep.CodeOAuthRefused, lockstep.CodeConsent:
		return exitForbidden
	case lockstep.CodeGuardHeld, lockstep.CodePlanStale, lockstep.CodeSourceShrunk:
		return exitHeld
	}
	return exitFailed
}
