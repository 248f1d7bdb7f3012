package demo

import (
	"fmt"
	"strings"

	"lockstep/api"
	"lockstep/words"
)

// sign is how a kind of action is shown.
type sign struct{ mark, word, colour string }

// signOf returns the sign of an action.
func signOf(kind string) sign {
	switch kind {
	case "create":
		return sign{"+", "create", green}
	case "link":
		return sign{"⇄", "link", cyan}
	case "update":
		return sign{"~", "update", yellow}
	case "disable":
		return sign{"⊘", "disable", red}
	case "delete":
		return sign{"−", "delete", red}
	case "refer":
		return sign{"→", "references", yellow}
	}
	return sign{"–", "leave out", faint}
}

// tally is the plan in one line: + create 40   ~ update 3   ▲ cannot 1   – leave out 10.
func tally(plan api.Plan) string {
	var parts []string
	for _, kind := range []string{"create", "link", "update", "disable", "delete", "refer", "skip"} {
		n := plan.Kinds[kind]
		if kind == "skip" {
			n = max(n, plan.Counts.Skipped)
		}
		if n > 0 {
			sign := signOf(kind)
			parts = append(parts, fmt.Sprintf("%s\u00a0%s\u00a0%d", sign.mark, strings.ReplaceAll(sign.word, " ", "\u00a0"), n))
		}
	}
	if plan.Held > 0 {
		parts = append(parts, fmt.Sprintf("◆\u00a0held\u00a0%d", plan.Held))
	}
	if plan.Problems > 0 {
		parts = append(parts, fmt.Sprintf("▲\u00a0cannot\u00a0%d", plan.Problems))
	}
	return strings.Join(parts, " \u00a0 ")
}

// nameWidth is how much room names have.
func (p *play) nameWidth() int {
	if p.Screen.width() >= 100 {
		return 32
	}
	return 27
}

// action writes a line of a plan or of the log.
func (p *play) action(a api.Action) {
	sign := signOf(a.Kind)
	text := what(a)
	if a.Code != "" {
		sign.mark, sign.colour = "▲", red
	}
	if a.State == "held" {
		sign.mark, sign.colour = "◆", cyan
	}
	name := a.Source.Name
	if name == "" {
		name = a.Target.Name
	}
	p.Screen.entry(sign.colour, sign.mark, name, text, p.nameWidth())
}

// shownChanges is how many attributes are named.
const shownChanges = 3

// what is an action in words.
func what(a api.Action) string {
	switch {
	case a.Code != "":
		detail := a.Detail
		if detail == "" {
			detail = a.Hint
		}
		return string(a.Code) + " — " + strings.TrimPrefix(detail, a.Source.Name+": ")
	case a.Kind == "link":
		return strings.TrimSuffix("there already"+as(a)+"; "+changes(a.Changes), "; ")
	case (a.Kind == "update" || a.Kind == "refer") && len(a.Changes) > 0:
		return changes(a.Changes)
	case a.Kind == "create" && a.Why == "":
		return "new"
	}
	return a.Why
}

// as names the account that a person is linked to when it is not called as they are.
func as(a api.Action) string {
	if a.Target.Name == "" || a.Target.Name == a.Source.Name {
		return ""
	}
	return " as " + a.Target.Name
}

// changes is: title “Analyst” → “Senior analyst”; nickName cleared.
func changes(changed []api.Change) string {
	all := make([]words.Change, len(changed))
	for i, c := range changed {
		all[i] = words.Change(c)
	}
	return words.Sum(all, shownChanges)
}
