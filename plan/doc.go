// Package plan says what should happen: what a job should do about each object of its source, in which order, and what has to wait for
// somebody's decision.
//
// Design. A Planner decides for one job and one cycle. All that it depends on is handed to it: what the job knows (Known, Rows), the
// target that it matches with (Searcher), the source, the rules as Programs, the instant and randomness. What should be is package rule's,
// as pure functions; this package knows of links, matching, twins, rows of earlier plans, and of the plan as a whole.
// What it decides leaves it as values: a Piece is what follows from some objects, or from the plan as a whole, and goes to a Sink.
// There are two: package provision commits pieces to the store, under the job's epoch; Memory keeps them, for a plan that is only looked
// at. Both answer for what the job knows with the pieces included that they have taken, so that planning is the same on either.
//
// A plan is made in this order: Page for each page that the source lists, Unseen when it was read wholly, Again for those whom
// it has not named, and Finish, which guards, orders, and plans references. MoreReferences follows when rows have been carried out.
//
// Invariants. A row (Action) is plan line, intention, log line and undo image at once: it names all that will be sent. A row that
// somebody has to decide on is kept only as long as it does exactly what is to be done. What the guard holds is judged over the plan as a whole.
// Nothing here reads a clock or makes a call of its own.
package plan
