// Package sso is an OpenID Provider that signs people in by asking another: the applications of a tenant trust Lockstep, and
// Lockstep delegates to the identity providers that the tenant's administrator set up (Webex Contact Center, any OpenID Provider,
// SAML, LDAP, a local password).
//
// A login is a state machine whose state is stored (a row for each login, found again by a cookie of the browser that began it):
// no step calls the next, each returns to the dispatcher, which looks at the row. Everything that may be used once (the state of a
// callback, a code, a refresh token) is stored as a hash and consumed by a compare-and-swap in the database.
//
// Sessions, grants and refresh tokens carry the auth epoch that their user had. The transaction that disables or deletes a person
// raises it, so that everything they hold ends in that very transaction; package directory knows nothing of sign-in.
//
// Identity providers are reached through the interface Upstream only. Package upstream fulfils it.
package sso
