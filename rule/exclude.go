package rule

import "time"

// Exclusion keeps one object out of an app, whatever its assignments and the scoping filter say. It is never changed: who decides
// otherwise puts another in its place.
type Exclusion struct {
	Type   string    `json:"type"` // resource type at the source
	ID     string    `json:"id"`   // at the source
	Name   string    `json:"name,omitempty"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"` // from then on it counts no more; zero is for good
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
}

// Counts reports whether the exclusion is in force.
func (e Exclusion) Counts(now time.Time) bool { return e.Until.IsZero() || now.Before(e.Until) }

// clause says who has excluded somebody, for how long and why.
func (e Exclusion) clause() string {
	s := "excluded"
	if e.By != "" {
		s += " by " + e.By
	}
	if !e.Until.IsZero() {
		s += " until " + e.Until.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return s + ": " + e.Reason
}
