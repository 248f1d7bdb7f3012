package directory

import (
	"context"

	"lockstep"
)

// GroupSearch selects groups that are not deleted. What is "" does not narrow.
type GroupSearch struct {
	Text  string         // a part of the display name or the external id, in any case
	Owner string         // who has a claim to it: the id of a job, SCIMOwner and the id of a token, or ByHand
	App   lockstep.AppID // it is assigned to this app
	After string         // Next of the page before
	Limit int            // 0 is 100
}

// FoundGroup is a group with what lists say of it.
type FoundGroup struct {
	Group
	Members int     // direct ones, people and groups
	Claims  []Claim // without what they have written
}

// GroupsFound is a page of groups, by name.
type GroupsFound struct {
	Groups []FoundGroup
	Next   string // "" at the end
	Total  int    // of all pages
}

// GroupFinder searches for groups.
type GroupFinder interface {
	FindGroups(ctx context.Context, t lockstep.TenantID, q GroupSearch) (GroupsFound, error)
}
