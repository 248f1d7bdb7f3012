// Package rest is the REST face of a Webex organisation that runs offline: people, licences, roles, groups, organisations,
// domains, settings, activation mails, audit events, locations, contacts, partners, and the users, teams and profiles of the contact
// centre, under /v1 and the addresses that Webex's published description gives.
//
// A table (routes.go) names each call with its scopes and roles; a handler reads the request, asks the state, and returns a body or an
// error; one function writes either. Ids are those of Webex's REST API, texts that hide an address such as
// ciscospark://us/PEOPLE/<uuid>; clients must not look into them, and this package alone makes and reads them (ids.go).
package rest
