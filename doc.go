// Package lockstep keeps applications in step with a company's directory and signs its people in with it.
//
// This package is what every other package may import: the typed ids and the catalogue of error codes. It imports nothing of
// ours. The map of the rest:
//
//	cmd/lockstep      the program: flags and printing
//	server            all parts put together, to run in any process
//	directory         the truth about people, groups, apps, assignments; the change feed
//	scim              SCIM 2.0 as values; scim/filter its filters and paths; scim/scimhttp SCIM over HTTP
//	expr, rule        what should be: expressions, mappings, scope, decisions, guard; pure functions
//	words             how things read, in every surface
//	provision         the engine that makes it so: read, plan, guard, apply, settle
//	connector/*       outside systems as source or target: csvfile, ldap, scimapp, webex
//	webexorg          a Webex organisation that runs offline
//	store, queue      everything durable, in SQLite or PostgreSQL; durable jobs on River
//	operate           what a person can do: one function each
//	api, console      what an administrator sees; web, token, session serve both
//	demo              the sample company and the benches
//
// Data flows one way. A connector reads a source; the engine plans with rule, records its intention in store, acts through a
// connector, and records the outcome. Interfaces belong to whoever calls them: provision declares Source, Target and Store.
// imports_test.go enforces who may import whom.
package lockstep
