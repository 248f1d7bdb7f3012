// Package webexorg is a Webex organisation that runs offline: what `lockstep demo` provisions into, what the benches measure
// against, and what the connectors are tested with. It speaks SCIM 2.0 as Webex does, under /identity/scim/{org}/v2 and the
// older base /v1/scim/{org}, and misbehaves on request.
//
// Design. It keeps users and groups in maps of its own and, if asked to, in an append-only journal: as the peer of the product
// it must not share the faults of directory and store. A resource is kept as the JSON that is sent, so that reading one is a
// copy; one lock guards the state of all organisations, and whatever takes long is done without it. Facts about Webex that its
// documents leave open are decided here, each with a line in the tests: see TestDecisions.
//
// Invariants:
//   - A user name belongs to one user of the universe, the name of a group to one group of its organisation, in any case
//     (Knobs.Duplicates lifts it).
//   - A membership joins a group to a user or group that exists, in the same organisation.
//   - What was acknowledged is in the journal, in the order in which it took effect; a crash loses nothing but what was not
//     acknowledged. With Config.Sync that includes a crash of the machine.
//   - Ids rise, and lists are in their order, so that pages fit together while objects are added.
//
// It signs nobody in and trusts whoever holds a token. It is for loopback.
package webexorg
