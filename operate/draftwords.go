package operate

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lockstep/plan"
	"lockstep/rule"
	"lockstep/words"
)

// Change is one field of a configuration before and after, in words.
type Change struct {
	Field    plan.Field
	What     string // title (people)
	Was, Now string // "" is nothing
}

// changes lists what becomes otherwise, in words.
func changes(was, now plan.Configuration) ([]Change, error) {
	all, err := plan.Differences(was, now)
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(all))
	for i, d := range all {
		out[i] = Change{Field: d.Field, What: FieldWords(d.Field)}
		out[i].Was, out[i].Now = changeOf(d, false)
	}
	return out, nil
}

// policyWords are the policy's members as the pages call them.
var policyWords = [][2]string{
	{"everyone", "Who is in scope"},
	{"nested", "Members of groups in groups"},
	{"default_role", "Holders of only an excluding role"},
	{"groups", "Group objects"},
	{"on_leave", "Who leaves scope"},
	{"on_missing", "Who has vanished at the application"},
	{"guard", "Deletion guard"},
	{"interval", "A cycle at least every"},
	{"rate", "Requests a second"},
	{"connections", "Calls at the same time"},
	{"order", "Heard before other sources"},
	{"drift_every", "Looking for drift every"},
}

// FieldWords is what a field is called.
func FieldWords(f plan.Field) string {
	of := " (" + kindWord(f.Object()) + ")"
	switch {
	case f.Policy() != "":
		for _, w := range policyWords {
			if w[0] == f.Policy() {
				return w[1]
			}
		}
		return f.Policy()
	case f.Attribute() != "":
		return "Mapping of " + words.Attribute(f.Attribute()) + of
	case f.Scope():
		return "Scoping filter" + of
	}
	return "Mapping as a whole" + of
}

func kindWord(typ string) string {
	switch typ {
	case "User":
		return "people"
	case "Group":
		return "groups"
	}
	return typ
}

// changeOf is a difference in words. Of a mapping that was and is there, only the parts that differ are told, unless whole is set.
func changeOf(d plan.Difference, whole bool) (was, now string) {
	f := d.Field
	switch {
	case f.Attribute() != "":
		return mappingChange(f, d, whole)
	case f.Scope():
		return filterWords(d.Was), filterWords(d.Now)
	case f.Policy() != "":
		return policyValue(f.Policy(), d.Was), policyValue(f.Policy(), d.Now)
	}
	return headerWords(d.Was), headerWords(d.Now)
}

func mappingChange(f plan.Field, d plan.Difference, whole bool) (was, now string) {
	a, b := mappingParts(f, d.Was), mappingParts(f, d.Now)
	if whole || a == nil || b == nil {
		return partsWords(a), partsWords(b)
	}
	var before, after []words.Part
	for i := range a {
		if a[i] != b[i] {
			before, after = append(before, a[i]), append(after, b[i])
		}
	}
	if len(before) == 0 && plan.Secretive(f.Attribute()) {
		return "a text that is never shown", "another one"
	}
	if len(before) == 0 { // something that has no word of its own
		return d.Was, d.Now
	}
	return partsWords(before), partsWords(after)
}

// mappingParts reads a mapping; nil when there is none.
func mappingParts(f plan.Field, text string) []words.Part {
	var m rule.Mapping
	if text == "" || json.Unmarshal([]byte(text), &m) != nil {
		return nil
	}
	if plan.Secretive(f.Attribute()) {
		m = plan.Configuration{Rules: rule.Rules{Objects: []rule.ObjectMapping{{Attributes: []rule.Mapping{m}}}}}.Kept().Rules.Objects[0].Attributes[0]
	}
	return words.MappingParts(m)
}

func partsWords(all []words.Part) string {
	var texts []string
	for _, p := range all {
		switch {
		case p.Value != "":
			texts = append(texts, p.Name+" "+p.Value)
		case len(all) < 4: // of the parts that differ
			texts = append(texts, p.Name+": no")
		}
	}
	return strings.Join(texts, "; ")
}

func filterWords(text string) string {
	var f rule.Filter
	if text == "" || json.Unmarshal([]byte(text), &f) != nil {
		return ""
	}
	return words.Filter(f)
}

func headerWords(text string) string {
	var h struct {
		Name    string
		Enabled bool
		Flow    string
		Target  string
	}
	if text == "" || json.Unmarshal([]byte(text), &h) != nil {
		return ""
	}
	on := "switched off"
	if h.Enabled {
		on = "switched on"
	}
	return fmt.Sprintf("%s, to %s, %s: %s", words.Quote(h.Name), h.Target, on, h.Flow)
}

// policyValue is a member of the policy in words; one that is not set is the default.
func policyValue(name, text string) string {
	var p plan.Policy
	if text == "" {
		text = "null"
	}
	if json.Unmarshal([]byte(`{"`+name+`":`+text+`}`), &p) != nil {
		return text
	}
	yes := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	every := func(d, otherwise time.Duration, none string) string {
		if d == 0 {
			d = otherwise
		}
		if d <= 0 {
			return none
		}
		return strings.TrimSuffix(words.Lasted(d), " 0 min")
	}
	switch name {
	case "everyone":
		return yes(p.Everyone, "everybody", "who is assigned")
	case "nested":
		return yes(p.Nested, "are brought, too", "are not brought")
	case "default_role":
		return yes(p.DefaultRole, "are in scope", "are not in scope")
	case "groups":
		return yes(p.Groups, "are sent", "are not sent")
	case "on_leave":
		return map[rule.Leave]string{"": "is disabled", rule.LeaveDisable: "is disabled", rule.LeaveDelete: "is deleted", rule.LeaveKeep: "stays as they are"}[p.OnLeave]
	case "on_missing":
		return map[rule.Missing]string{"": "is created again", rule.MissingRecreate: "is created again", rule.MissingDetach: "is let go", rule.MissingFail: "fails"}[p.OnMissing]
	case "guard":
		return guardWords(p.Guard)
	case "interval":
		return every(p.Interval, 0, "only on change")
	case "order":
		return yes(p.Order > 0, fmt.Sprintf("as number %d", p.Order), "after all that have an order")
	case "drift_every":
		return every(p.DriftEvery, plan.DefaultDriftEvery, "only when asked")
	case "rate":
		return yes(p.Rate > 0, fmt.Sprintf("%g", p.Rate), "as many as it takes")
	case "connections":
		return yes(p.Connections > 0, fmt.Sprint(p.Connections), "as the connector has it")
	}
	return text
}

func guardWords(g rule.GuardLimit) string {
	if g.Off {
		return "off: nothing is ever held"
	}
	count, percent := g.Count, g.Percent
	if count == 0 {
		count = 5
	}
	if percent == 0 {
		percent = 10
	}
	return fmt.Sprintf("holds more than %d and %g %%", max(count, 0), max(percent, 0))
}
