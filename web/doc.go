// Package web holds what every HTTP surface shares, in both directions, and knows no word of the domain.
//
// Outward: Dialer, the one way to an address that a tenant or an administrator named. It checks the address it is about to
// connect to, after the name was resolved, so that a name cannot lead to the operator's own network (server-side request
// forgery, DNS rebinding). NewClient makes an HTTP client on it. LDAP, SMTP and SQL use the Dialer too.
//
// Inward: handlers return errors, a Surface gives them a request ID, a size limit, security headers, an access log line and
// one place where errors become answers; Run serves until it is told to end and has ended when it returns; an Inspector
// keeps the last exchanges for an administrator to look at, without their secrets.
//
// Invariants: no connection to an address that is neither public nor allowed; no Authorization header to a host it was not
// meant for; no secret in a log line or in the inspector; every request has an ID and ends in exactly one log line.
package web
