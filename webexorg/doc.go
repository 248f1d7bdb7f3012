// Package webexorg is a Webex organisation that runs offline: what `lockstep demo` provisions into, what the benches measure
// against, what the connectors are tested with, and what integrators can try their own programs on. It misbehaves on request.
//
// Design. Package state holds all organisations, by rules of its own: as the peer of the product it must not share the faults of
// directory and store. Its faces each speak one of Webex's APIs: scim (SCIM 2, and what is left of SCIM 1) and rest (people,
// licences, groups, domains and more). This package puts them together. A request comes to the gateway, which finds out
// who calls and whose organisation is meant, lets the organisation's knobs delay, refuse or spoil the answer, counts it, shows
// it to the inspector, and hands it to the face. What programs send to the id broker passes beforeSignIn, which does the same. The control surface, /control/, is for tests and benches in other processes.
//
// Facts about Webex that its documents leave open are decided here, each with a line in the tests (TestDecisions) or, where it
// may well be otherwise, with a switch (state.Assumed). docs/webex.md lists both.
//
// It trusts whoever holds a token. It is for loopback.
package webexorg
