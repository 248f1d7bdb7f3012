package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lockstep/webexorg"
)

// expectation is what an organisation has to hold, derived from how a company was made and never from what the product says
// about it.
type expectation struct {
	columns []string // attributes that are compared, userName first
	people  map[string]*wantedPerson
	groups  map[string]map[string]bool // the user names of a group's members, by the group's name
	present int                        // accounts that were there before and belong to nobody: as they were, and in no group
}

// wantedPerson is an account that has to be there. Those in the organisation that no source knows are wanted, too: as they
// were.
type wantedPerson struct {
	values  []string // by column
	manager string   // their user name, "" when there is none
	active  bool
}

// key is how people are found: user names do not depend on letter case.
func key(userName string) string { return strings.ToLower(userName) }

// mismatches is how an organisation differs from an expectation.
type mismatches struct {
	count int
	first []string // of them, in words
}

// samples is how many mismatches are told in words.
const samples = 10

func (m *mismatches) add(format string, args ...any) {
	m.count++
	if len(m.first) < samples {
		m.first = append(m.first, fmt.Sprintf(format, args...))
	}
}

// compare counts every account, field, manager, group and membership that is not as expected.
func (e *expectation) compare(h *holdings) mismatches {
	var m mismatches
	found := map[string]string{} // id by key
	present := 0
	for _, id := range slices.Sorted(maps.Keys(h.accounts)) {
		a := h.accounts[id]
		k := key(a.UserName)
		if other, twice := found[k]; twice {
			m.add("%s: two accounts, %s and %s", a.UserName, other, id)
		}
		found[k] = id
		if webexorg.IsPresent(a.UserName) {
			if present++; !a.Active {
				m.add("%s: an account that belongs to nobody was disabled", a.UserName)
			}
			continue
		}
		if e.people[k] == nil {
			m.add("%s: an account that nobody should have", a.UserName)
		}
	}
	if present != e.present {
		m.add("%d accounts that belong to nobody instead of %d", present, e.present)
	}
	for _, k := range slices.Sorted(maps.Keys(e.people)) {
		id, ok := found[k]
		if !ok {
			m.add("%s: no account", k)
			continue
		}
		e.comparePerson(e.people[k], h.accounts[id], h, &m)
	}
	e.compareGroups(h, &m)
	return m
}

func (e *expectation) comparePerson(want *wantedPerson, got *account, h *holdings, m *mismatches) {
	for i, column := range e.columns {
		is := got.get(column)
		if is != want.values[i] && (column != "userName" || key(is) != key(want.values[i])) {
			m.add("%s: %s is %q instead of %q", got.UserName, column, is, want.values[i])
		}
	}
	if got.Active != want.active {
		m.add("%s: active is %t instead of %t", got.UserName, got.Active, want.active)
	}
	manager := ""
	if id := got.manager(); id != "" {
		if manager = "nobody"; h.accounts[id] != nil {
			manager = h.accounts[id].UserName
		}
	}
	if key(manager) != key(want.manager) {
		m.add("%s: the manager is %q instead of %q", got.UserName, manager, want.manager)
	}
}

// blocked reports whether the account is one that has to be disabled. Memberships of such an account are not compared: they
// give nobody anything, and a soft delete keeps some for a restore.
func (e *expectation) blocked(a *account) bool {
	want := e.people[key(a.UserName)]
	return want != nil && !want.active
}

func (e *expectation) compareGroups(h *holdings, m *mismatches) {
	found := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(h.groups)) {
		name := h.groups[id]
		if _, twice := found[name]; twice {
			m.add("group %s: there are two", name)
		}
		found[name] = id
		if e.groups[name] == nil {
			m.add("group %s: nobody asked for it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.groups)) {
		id, ok := found[name]
		if !ok {
			m.add("group %s: it is missing", name)
			continue
		}
		members := map[string]bool{}
		for _, member := range h.members[id] {
			who := h.accounts[member]
			switch {
			case who == nil:
				m.add("group %s: the member %s is no account", name, member)
			case e.blocked(who):
			case !e.groups[name][key(who.UserName)]:
				m.add("group %s: %s is in it", name, who.UserName)
			default:
				members[key(who.UserName)] = true
			}
		}
		for _, k := range slices.Sorted(maps.Keys(e.groups[name])) {
			if !members[k] {
				m.add("group %s: %s is not in it", name, k)
			}
		}
	}
}

// expect returns what an organisation has to hold after the company was brought into it with Mapped attributes, manager and
// groups, everybody in scope. What is not mapped must not be there.
func (c Company) expect() *expectation {
	e := &expectation{people: make(map[string]*wantedPerson, c.People), groups: make(map[string]map[string]bool, c.Groups)}
	unmapped := []int{}
	for i, column := range personColumns {
		switch {
		case i < Mapped:
			e.columns = append(e.columns, column)
		case column != "userType": // Webex gives everybody one
			unmapped = append(unmapped, i)
		}
	}
	for _, i := range unmapped {
		e.columns = append(e.columns, personColumns[i])
	}
	for i := range c.People {
		p := c.Person(i)
		want := &wantedPerson{values: make([]string, len(e.columns)), active: true}
		copy(want.values, p.Values[:Mapped])
		if p.Manager >= 0 {
			want.manager = c.UserName(p.Manager)
		}
		e.people[key(c.UserName(i))] = want
	}
	for g := range c.Groups {
		members := map[string]bool{}
		for _, i := range c.Members(g) {
			members[key(c.UserName(i))] = true
		}
		e.groups[GroupName(g)] = members
	}
	return e
}

// set changes what is expected of a person.
func (e *expectation) set(userName, column, value string) {
	e.people[key(userName)].values[slices.Index(e.columns, column)] = value
}
