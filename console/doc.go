// Package console is the web console: pages for an administrator, rendered on the server, that read without script and live
// with it.
//
// Design. One file of Go and one of templ per page; the Go file reads what the page needs into a struct without behaviour, the
// template shows it. What moves while one looks (state, progress, log) is rendered a second time into a stream of server-sent
// events, and htmx morphs it into the page. Changes are plain forms: POST, then redirect. They go through operate.Settings,
// which writes the audit row in the same transaction. After editing a template run
// `go run github.com/a-h/templ/cmd/templ@v0.3.1020 generate` in this folder; the generated Go is committed.
//
// Invariants. Nothing but the assets and the way in is shown without a session, and a session shows one tenant's things only.
// No request that another site sent changes anything. No page loads anything from elsewhere nor runs a script that is not a
// file of this package: the content security policy says so, and no template has an inline script or style. Looking at a
// one-time link spends nothing; pressing its button does. State is never told by colour alone.
package console
