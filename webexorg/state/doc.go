// Package state is the one state of all Webex organisations that run offline: their people and groups, licences and templates,
// domains, locations, contact centres, and what has happened in them. The faces (scim, rest, oauth, pages) show it, each in the
// form of one of Webex's APIs, and change it through the functions here, so that a rule holds whoever calls.
//
// Design. A user or a group is kept as the JSON of its SCIM resource, so that reading one is a copy. What Webex keeps beside it (seats,
// meeting sites, when somebody signed in) is an Account. Everything else of an organisation is three values that are replaced as a
// whole: OrgConfig, Centre, Contacts. One lock guards all of it; whatever takes long (decoding, checking, filtering, rendering) is
// done without it. Every write is appended to a journal, if there is one, in the order in which it takes effect.
//
// Invariants:
//   - A user name belongs to one user of the universe, the name of a group to one group of its organisation, in any case
//     (Knobs.Duplicates lifts it). The name of a deleted user is nobody's while Life.DeletedDays last.
//   - A membership joins a group to a user or group that exists, in the same organisation.
//   - Nobody has a licence of which there was no seat. Inactive people keep theirs; those of deleted people are free.
//   - Whoever's roles change, and whoever is deactivated, gets another epoch: tokens of the one before are dead (Standing).
//   - What was acknowledged is in the journal, in the order in which it took effect; a crash loses nothing but what was not
//     acknowledged. With Config.Sync that includes a crash of the machine.
//   - Ids rise, and lists are in their order, so that pages fit together while objects are added.
package state
