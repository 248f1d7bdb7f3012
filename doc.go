// Package lockstep keeps applications in step with a company's directory and signs its people in with it.
//
// This package is what every other package may import: the typed ids and the catalogue of error codes. It imports nothing of
// ours. The map of the rest:
//
//	cmd/lockstep      the program: flags and printing
//	cli               what every command runs with: flags of all, its server, results, exit codes
//	terminal          what a program at a terminal needs: screen, tables, questions, help, completion
//	report            how answers of the management API read on a terminal
//	reach             the server that a command talks to: named, running, or in this process
//	server            all parts put together, to run in any process
//	directory         the truth about people, groups, apps, assignments; the change feed
//	scim              SCIM 2.0 as values; scim/filter its filters and paths; scim/scimhttp SCIM over HTTP
//	expr, rule        what should be: expressions, mappings, scope, decisions, guard; pure functions
//	words             how things read, in every surface
//	plan              what should happen: matching, decision, guard, order, references; one planner, two sinks
//	provision         the turn of a job: lets plan decide, applies, settles
//	drift             where an application has departed from what was written there
//	undo              takes back what rows of the log have done
//	mirror            what outside systems looked like when last seen, read beside the engine
//	connection        an outside system, and the contracts that connectors fulfil
//	connector/*       one system each: csvfile and ldap are read, scimapp and webex written, directory is the tenant's own
//	webexorg          a Webex organisation that runs offline; its packages state, scim, rest, oauth, apps, hub, page
//	store, queue      everything durable, in SQLite or PostgreSQL; durable jobs on River
//	operate           what a person can do: one function each
//	api, console      what an administrator sees; web, token, session serve both
//	demo              the sample company and the benches
//
// Data flows one way. A connector reads a source into its mirror, page by page; the engine takes from there what has changed, plans
// with rule, records its intention in store, acts through a connector, and records the outcome. Interfaces belong to whoever calls
// them: provision declares Store and Mirrors, connection what a connector is.
// imports_test.go enforces who may import whom.
package lockstep
