package rule

// State is what has become of a row of a plan. The texts are stored: they never change.
type State string

// The states of a row. Planned, Held and LeftOut are before the call, Open is during it, the rest is after.
const (
	Planned  State = "planned"
	Held     State = "held"     // by the guard, waits for a decision
	LeftOut  State = "left_out" // not chosen in this plan
	Open     State = "open"     // the call may have been sent
	Done     State = "done"
	Failed   State = "failed"  // tried again when it is due
	Refused  State = "refused" // the target will not have it until something changes
	Rejected State = "rejected"
	Skipped  State = "skipped"
)

// States are all states of a row, in the order in which it can pass through them.
func States() []State {
	return []State{Planned, Held, LeftOut, Open, Done, Failed, Refused, Rejected, Skipped}
}
