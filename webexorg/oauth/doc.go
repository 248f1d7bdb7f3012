// Package oauth is how people sign in to a Webex organisation that runs offline, and how programs get tokens for it: Webex's id
// broker, its OAuth 2.0 endpoints, and the registry of clients behind its developer console. It asks no password: whoever
// is chosen on the sign-in page is signed in. It is for loopback.
//
// Design. A Server keeps clients, grants, tokens, consents and its signing key; who the people are it asks through People. What
// must survive a restart is changed by entries alone: an entry is decided under the lock, applied, and handed to a Journal;
// Replay applies what a journal held. Codes, device codes and browser sessions live in memory only: a restart ends them.
//
// A grant is what one person (or one organisation, for a service app) allowed one client. Tokens belong to a grant and carry
// the person's epoch, a number that rises when Webex would end somebody's tokens: when their roles change, or when they
// are deactivated. A token with another epoch than its person's is dead, so no token outlives the change by a moment.
//
// Regions. Webex has an id broker for each of its clusters. One server plays all: it takes the region from the host's first
// label (idbroker-eu.webex.com, idbroker-eu.localhost) or from a first path segment (/us, /eu, /gov).
//
// Invariants:
//   - A redirect goes only to an address that the client registered, compared byte for byte, or to a path of this server.
//   - A code works once, for the client, the redirect URI and the code verifier that it was made for. Using it again ends
//     what the first use brought.
//   - Nobody gets a scope that the client did not register, and no refresh widens one.
//   - Texts of tokens, codes and client secrets exist once; what is kept are hashes.
package oauth
