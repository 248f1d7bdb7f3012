package directory

import (
	"context"
	"strings"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// PeopleQuery searches for people by a part of a name, an address or an external id, in any case. A text of fewer than
// GramLetters letters is the beginning of the user name.
type PeopleQuery struct {
	Text    string
	After   string // PeopleFound.Next of the page before
	Deleted bool   // soft-deleted ones, too
	Limit   int
	State   UserState // only those, for a text of GramLetters letters or more; DeletedUsers whatever Deleted says
}

// UserState is one of the states a list of users is narrowed to. "" is any.
type UserState string

// The states. A deleted user has no other one.
const (
	ActiveUsers   UserState = "active"
	DisabledUsers UserState = "disabled"
	DeletedUsers  UserState = "deleted"
)

// Known reports whether there is such a state.
func (s UserState) Known() bool {
	return s == "" || s == ActiveUsers || s == DisabledUsers || s == DeletedUsers
}

// Has reports whether a user is in the state.
func (s UserState) Has(u User) bool {
	switch s {
	case ActiveUsers:
		return u.Active && u.Deleted.IsZero()
	case DisabledUsers:
		return !u.Active && u.Deleted.IsZero()
	case DeletedUsers:
		return !u.Deleted.IsZero()
	}
	return true
}

// PeopleFound is a page of those who were found. It may have fewer than the limit, or nobody, and yet be followed by others.
type PeopleFound struct {
	Users []User
	Next  string // "" at the end
	Index PeopleIndex
}

// PeopleIndex says how far the index for searches is. It follows the directory within a few seconds.
type PeopleIndex struct {
	Ready   bool // everybody is in it; else a search has to look at everybody
	Indexed int  // people in it
	Behind  int  // changes since that are not in it; 0 unless they are many
}

// Finder searches for people.
type Finder interface {
	// People returns one page of those whom a text finds. While there is no index yet, and for a directory that has more than a
	// little to index, it returns nobody and Index.Ready is false: then everybody has to be looked at. A Next of an index that has
	// been made anew meanwhile gives lockstep.CodeCursorExpired.
	People(ctx context.Context, t lockstep.TenantID, q PeopleQuery) (PeopleFound, error)
	// CountPeople returns how many people there are, without deleted ones.
	CountPeople(ctx context.Context, t lockstep.TenantID) (int, error)
}

// GramLetters is how many letters a search must have to find any part of a text.
const GramLetters = 3

// SearchTexts are the texts of a user in which a search looks, folded.
func SearchTexts(a scim.Object) []string {
	texts := make([]string, 0, 6)
	add := func(text string) {
		if text != "" {
			texts = append(texts, filter.Fold(text))
		}
	}
	add(a.Text("userName"))
	add(a.Text("displayName"))
	add(a.Text("externalId"))
	emails, _ := a.Get("emails").(scim.List)
	for _, e := range emails {
		if o, ok := e.(scim.Object); ok {
			add(o.Text("value"))
		}
	}
	name, _ := a.Get("name").(scim.Object)
	add(strings.TrimSpace(name.Text("givenName") + " " + name.Text("familyName")))
	return texts
}
