// Package rule decides what should be. It is the whole of the product's judgement about people: who is in scope and why, which
// values they have at the target, what has to be done so that it becomes so, and when too much would be done at once.
//
// It works on values alone. Rules, the stored form, are compiled once per type of object by Compile; the Program that comes out
// answers Scope and Map for one object after another, from as many goroutines as one likes. Decide is the decision table, Guard
// the deletion guard. Import takes over what Entra ID exports.
//
// Invariants:
//   - Nothing here reads a clock, makes randomness up, logs, or waits: the same input gives the same answer. Instants at which
//     an answer changes by itself are part of the answer (Verdict.Recheck).
//   - Map starts from what was last written and changes only what a mapping asks for: what no mapping feeds stays as it is, and
//     mapping again what was mapped changes nothing.
//   - Whoever lost access keeps losing it: a mapping that fails never stands in the way of a disable or a delete.
//   - Unreadable rules give one problem for each mistake, never a Program that silently leaves something out.
package rule
