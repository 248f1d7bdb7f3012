// Package apps is the developer console of a Webex organisation that runs offline: where somebody signs up as a developer,
// registers an integration, a service app or a client of the contact centre, and gets its client id and secret. It is a page
// at /apps and the same as JSON at /apps/api.
//
// What is registered, and by which rules, is in package oauth. This package asks who is there and shows it.
//
// Invariants: a secret is shown once, to whoever made it, and a page that is loaded again does not make another; a developer
// sees their own applications, a full administrator those of their organisation, and nobody those of another.
package apps
