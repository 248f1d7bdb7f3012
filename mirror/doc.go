// Package mirror remembers what outside systems looked like when they were last seen.
//
// # Design
//
// A mirror belongs to one connection and has a row for each object that was ever seen or written there. A Runner reads systems in
// passes, one type at a time: each page of a pass is one commit, which also keeps the place to go on from. What a page does to
// the rows, and what it means when a pass is complete that it did not list an object, are pure functions (page.go, judge.go);
// the store keeps the rows and applies what they say. A Source is a mirror as the engine reads it.
//
// Three things about an object are kept apart: what was seen of it (the row's document and its hash), who owns it (the link of a
// job), and until when our own writes may be invisible. A row also has a position. Positions rise with the order of commits, so
// whoever remembers one finds by it what has changed since.
//
// # Invariants
//
//   - A row that a page shows as it is already kept is not written.
//   - What we wrote ourselves does not move a row's position, and a page that was asked for before it could show our write does not
//     change the row.
//   - An object that a pass did not list is gone only if the pass was a view of everything at one moment, or the system does not know
//     its id, or two passes missed it. Until then, and while it may be in a part that could not be read, the row stays as it was.
//   - Every write of a pass is conditional on the lease of the connection's reads.
//   - Passwords are not kept, whatever they are called; of the rest only what somebody has asked for.
//
// The package decides nothing about people. It reads no clock but Runner.Now.
package mirror
