package rule

import "strings"

// Sentence puts the reason in words: "in scope: assigned through group Engineering › Platform".
func (r Reason) Sentence() string {
	switch r.Rule {
	case ruleAssigned, ruleEveryone:
		return "in scope: " + r.clause()
	case ruleUnassigned, ruleExcluded, ruleByHand, ruleFilter, ruleDeleted:
		return "left out: " + r.clause()
	}
	if r.Clause == "" {
		return r.Rule
	}
	return r.Rule + ": " + r.Clause
}

// Unassigned reports whether all that is lacking is an assignment.
func (r Reason) Unassigned() bool { return r.Rule == ruleUnassigned }

// clause is what follows the colon.
func (r Reason) clause() string {
	switch r.Rule {
	case ruleEveryone:
		return "nobody has to be assigned"
	case ruleAssigned:
		return "assigned " + r.Clause
	case ruleExcluded:
		if r.Clause == "" {
			return "the role is not provisioned"
		}
		return "the role “" + r.Clause + "” is not provisioned"
	case ruleFilter:
		return r.Clause + " — " + r.saw()
	}
	if r.Clause != "" {
		return r.Clause
	}
	return r.Rule
}

// saw puts what a filter saw in words: "it is US".
func (r Reason) saw() string {
	if len(r.Values) == 0 {
		return "it is empty"
	}
	values := make([]string, len(r.Values))
	for i, pair := range r.Values {
		_, values[i], _ = strings.Cut(pair, "=")
	}
	return "it is " + strings.Join(values, ", ")
}
