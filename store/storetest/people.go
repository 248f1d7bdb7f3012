package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/store"
)

// testPeople searches for people while they come, change and go, and compares with looking at everybody.
func testPeople(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	other := c.add("other")
	random := rand.New(rand.NewPCG(1, 2))
	syllables := []string{"an", "na", "Jo", "ß", "İ", "é", "e\u0301", "洋介", "🜁x", "_", "%", "'", "-", " ", "@acme.example", "qu", "ANA"}
	text := func() string {
		s := ""
		for range 1 + random.IntN(4) {
			s += syllables[random.IntN(len(syllables))]
		}
		return s
	}
	all := map[lockstep.UserID]directory.User{}
	var ids []lockstep.UserID
	put := func(id lockstep.UserID) {
		a := scim.Object{{Name: "userName", Value: text() + string(id)[20:]}, {Name: "active", Value: random.IntN(3) > 0}}
		if random.IntN(3) > 0 {
			a.Set("displayName", text())
			a.Set("externalId", text())
		}
		if random.IntN(3) > 0 {
			a.Set("emails", scim.List{scim.Object{{Name: "value", Value: text() + "@x.example"}}, scim.Object{{Name: "value", Value: text()}}})
			a.Set("name", scim.Object{{Name: "givenName", Value: text()}, {Name: "familyName", Value: text()}})
		}
		c.commit(directory.PutUser{User: directory.User{ID: id, Version: all[id].Version, Attributes: a}})
		all[id] = c.kept(id)
	}
	for step := range 300 {
		id := lockstep.UserID("")
		if len(ids) > 0 {
			id = ids[random.IntN(len(ids))]
		}
		switch do := random.IntN(10); {
		case id == "" || do < 4:
			id = lockstep.NewID[lockstep.UserID]()
			ids = append(ids, id)
			put(id)
		case do < 6 && all[id].Deleted.IsZero():
			put(id)
		case do == 6 && all[id].Deleted.IsZero():
			c.commit(directory.DeleteUser{ID: id})
			all[id] = c.kept(id)
		case do == 7:
			c.commit(directory.DeleteUser{ID: id, Purge: true})
			delete(all, id)
			ids = slices.DeleteFunc(ids, func(one lockstep.UserID) bool { return one == id })
		case do == 8 && !all[id].Deleted.IsZero():
			c.commit(directory.RestoreUser{ID: id})
			all[id] = c.kept(id)
		}
		if step%3 > 0 {
			continue
		}
		look := text()
		if len(ids) > 0 && random.IntN(2) == 0 { // a part of what is there
			texts := directory.SearchTexts(all[ids[random.IntN(len(ids))]].Attributes)
			runes := []rune(texts[random.IntN(len(texts))])
			from := random.IntN(len(runes))
			look = string(runes[from:min(len(runes), from+1+random.IntN(12))])
		}
		deleted := random.IntN(2) == 0
		c.peopleLikeAll(all, look, deleted, 1+random.IntN(20))
		c.peopleByState(all, 1+random.IntN(20))
	}
	f, err := c.db.People(t.Context(), other, directory.PeopleQuery{Text: "acme"})
	if err != nil || len(f.Users) > 0 || f.Next != "" || !f.Index.Ready {
		t.Errorf("a search in another tenant: %+v, %v", f, err)
	}
	_, err = c.db.People(t.Context(), c.tenant, directory.PeopleQuery{Text: "acme", After: "#zz.1"})
	if !errors.Is(err, lockstep.ErrCursorExpired) {
		t.Errorf("a page of another index: %v", err)
	}
}

// kept is the user as stored.
func (c company) kept(id lockstep.UserID) directory.User {
	c.Helper()
	all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}, Deleted: true})
	if err != nil || len(all) != 1 {
		c.Fatalf("user %s: %v, %v", id, all, err)
	}
	return all[0]
}

// peopleByState pages through those in each state, and compares.
func (c company) peopleByState(all map[lockstep.UserID]directory.User, limit int) {
	c.Helper()
	for _, state := range []directory.UserState{directory.DisabledUsers, directory.DeletedUsers} {
		var wanted, got []string
		for id, u := range all {
			if state.Has(u) {
				wanted = append(wanted, string(id))
			}
		}
		slices.Sort(wanted)
		for q := (directory.UserQuery{State: state, Limit: limit}); ; {
			page, err := c.db.Users(c.Context(), c.tenant, q)
			if err != nil {
				c.Fatal(err)
			}
			for _, u := range page {
				q.After = u.ID
				got = append(got, string(u.ID))
			}
			if len(page) < limit {
				break
			}
		}
		if !slices.Equal(wanted, got) {
			c.Errorf("who is %s: %s, not %s", state, got, wanted)
		}
	}
}

// peopleLikeAll searches, page by page, and compares.
func (c company) peopleLikeAll(all map[lockstep.UserID]directory.User, look string, deleted bool, limit int) {
	c.Helper()
	want := filter.Fold(look)
	state := directory.UserState("")
	if len([]rune(want)) >= directory.GramLetters {
		state = []directory.UserState{"", directory.ActiveUsers, directory.DisabledUsers, directory.DeletedUsers}[limit%4]
	}
	var wanted []string
	for id, u := range all {
		texts := directory.SearchTexts(u.Attributes)
		finds := func(text string) bool { return strings.Contains(text, want) }
		if len([]rune(want)) < directory.GramLetters {
			texts = texts[:1] // the user name
			finds = func(text string) bool { return strings.HasPrefix(text, want) }
		}
		if (deleted || state == directory.DeletedUsers || u.Deleted.IsZero()) && state.Has(u) && slices.ContainsFunc(texts, finds) {
			wanted = append(wanted, string(id))
		}
	}
	var got []string
	q := directory.PeopleQuery{Text: look, Deleted: deleted, Limit: limit, State: state}
	for {
		f, err := c.db.People(c.Context(), c.tenant, q)
		if err != nil {
			c.Fatal(err)
		}
		if !f.Index.Ready || f.Index.Behind > 0 || len(f.Users) > limit {
			c.Fatalf("search for %q: %d users, index %+v", look, len(f.Users), f.Index)
		}
		for _, u := range f.Users {
			got = append(got, string(u.ID))
			if u.Version != all[u.ID].Version {
				c.Errorf("search for %q finds version %d of %s, not %d", look, u.Version, u.ID, all[u.ID].Version)
			}
		}
		if q.After = f.Next; q.After == "" {
			break
		}
	}
	slices.Sort(wanted)
	slices.Sort(got)
	if !slices.Equal(wanted, got) {
		c.Errorf("search for %q, deleted %v, finds %s, not %s", look, deleted, got, wanted)
	}
	if fmt.Sprint(slices.Compact(slices.Clone(got))) != fmt.Sprint(got) {
		c.Errorf("search for %q finds somebody twice: %s", look, got)
	}
}
