// Package scim is SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) as values: objects and their JSON, schemas and resource types,
// checks, patches, projections, bulk requests, errors and discovery documents. It does no I/O; scimhttp speaks HTTP.
//
// An Object is the one form of a resource, whoever has it: a client, a server, a store, a mapping. A Type knows what its
// attributes mean. What comes from outside becomes trustworthy in two steps, DecodeObject and Type.Check; a stored resource
// changes by Patch.Apply; what goes out passes a Projection and AppendJSON.
//
//	body ─▶ DecodeObject ─▶ Type.Check ─▶ stored Object ─▶ Projection.Apply ─▶ AppendJSON
//	body ─▶ ParsePatch ─▶ Patch.Members (big groups) or Patch.Apply ──▲
//
// Clients do not keep to the RFC. What Entra ID, Okta and others are known to send is accepted wherever only one meaning is
// possible; Mode.Strict and Patch.Strict turn that off. Every such case is a file in testdata/patch or a line in a table of
// the tests, with the issue that it comes from.
//
// Invariants:
//   - An Object never holds null, an empty List or an empty Object: these are the same as nothing (RFC 7643 §2.5).
//   - What Check returned passes Check again, unchanged, in the strictest mode; so does what Apply makes of it.
//   - Apply is atomic and never changes its argument. Check, Filter and Projection.Apply do not either.
//   - Errors are *Error, with the status and the scimType that RFC 7644 table 9 asks for.
//   - Nothing recurses deeper than MaxDepth, and no list or name makes anything quadratic.
package scim
