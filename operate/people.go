package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lockstep"
	"lockstep/directory"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Search selects objects of the directory that have a text in a name or address, in any case.
type Search struct {
	Text    string
	After   string // id of the last one of the page before
	Limit   int
	Deleted bool // soft-deleted ones, too
	// State narrows a list of people.
	State directory.UserState
}

// scanned is how many objects one search looks at; the answer says where it stopped.
const scanned = 20_000

func (s Search) pageSize() int {
	if s.Text == "" && s.State != directory.ActiveUsers {
		return s.Limit
	}
	return 500
}

// matches reports whether one of the texts has the text that is searched for; both are folded.
func (s Search) matches(texts []string) bool {
	text := filter.Fold(s.Text)
	return text == "" && s.State == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, text) })
}

// search pages through objects until there are enough; next is "" at the end.
func search[T any](s Search, page func(after string, limit int) ([]T, error), id func(T) string, texts func(T) []string) (found []T, next string, err error) {
	s.Limit = cmp.Or(s.Limit, 100) // a page of nobody would never end
	for seen := 0; seen < scanned; {
		all, err := page(s.After, s.pageSize())
		if err != nil {
			return nil, "", err
		}
		for _, one := range all {
			if s.After = id(one); s.matches(texts(one)) {
				found = append(found, one)
			}
			if len(found) == s.Limit {
				return found, s.After, nil
			}
		}
		if len(all) < s.pageSize() {
			return found, "", nil
		}
		seen += len(all)
	}
	return found, s.After, nil
}

// PeoplePage is a page of the directory's people.
type PeoplePage struct {
	Users  []directory.User
	Next   string // Search.After of the next page; "" at the end
	Notice string // what is to be known of the answer, in a sentence; "" is nothing
}

// Users lists or searches the directory's people. Who searches finds any part of a name, an address or an external id with at least
// directory.GramLetters letters, and the beginnings of user names with fewer.
func (o *Operator) Users(ctx context.Context, p Principal, s Search) (page PeoplePage, err error) {
	if err := p.may(PeopleRead); err != nil {
		return page, err
	}
	if !s.State.Known() {
		return page, invalid("There is no such state of people: give active, disabled or deleted.")
	}
	// A beginning of a name has no index by state: those who are in the state are looked at.
	if s.Text != "" && o.People != nil && (s.State == "" || utf8.RuneCountInString(filter.Fold(s.Text)) >= directory.GramLetters) {
		f, err := o.People.People(ctx, p.Tenant, directory.PeopleQuery{Text: s.Text, After: s.After, Deleted: s.Deleted, Limit: s.Limit, State: s.State})
		if err != nil {
			return page, err
		}
		if page.Notice = indexNotice(f.Index); f.Index.Ready {
			page.Users, page.Next = f.Users, f.Next
			return page, nil
		}
	}
	if s.After != "" && !lockstep.ValidID(s.After) {
		return page, &lockstep.Error{Code: lockstep.CodeCursorExpired, Detail: "The page before was found in another way; search again from the start."}
	}
	page.Users, page.Next, err = search(s, func(after string, limit int) ([]directory.User, error) {
		return o.Directory.Users(ctx, p.Tenant, directory.UserQuery{After: lockstep.UserID(after), Deleted: s.Deleted, Limit: limit, State: s.State})
	}, func(u directory.User) string { return string(u.ID) }, func(u directory.User) []string {
		if !s.State.Has(u) {
			return nil
		}
		return directory.SearchTexts(u.Attributes)
	})
	return page, err
}

// CountPeople returns how many people the directory has, without deleted ones.
func (o *Operator) CountPeople(ctx context.Context, p Principal) (int, error) {
	if err := p.may(PeopleRead); err != nil || o.People == nil {
		return 0, err
	}
	return o.People.CountPeople(ctx, p.Tenant)
}

// indexNotice says what a search lacks because of its index.
func indexNotice(x directory.PeopleIndex) string {
	switch {
	case !x.Ready:
		return fmt.Sprintf("The index for searches is being built, with %d people so far. Until it is, a search looks at everybody, which takes longer.", x.Indexed)
	case x.Behind > 0:
		return fmt.Sprintf("The index for searches is %d changes behind: who was changed last may be missing, or found no longer.", x.Behind)
	}
	return ""
}

// User finds the one user that a text names: id, user name, address or external id. A text that names several is refused:
// nobody should be disabled by guess.
func (o *Operator) User(ctx context.Context, p Principal, name string, deleted bool) (directory.User, error) {
	if err := p.may(PeopleRead); err != nil {
		return directory.User{}, err
	}
	return o.userNamed(ctx, p, name, deleted)
}

// userNamed is User for whoever may do something to people without reading them.
func (o *Operator) userNamed(ctx context.Context, p Principal, name string, deleted bool) (directory.User, error) {
	queries := []directory.UserQuery{
		{Attribute: "userName", Values: []string{name}},
		{Attribute: "email", Values: []string{name}},
		{Attribute: "externalId", Values: []string{name}},
	}
	if lockstep.ValidID(name) {
		queries = []directory.UserQuery{{IDs: []lockstep.UserID{lockstep.UserID(name)}}}
	}
	for _, q := range queries {
		q.Deleted, q.Limit = deleted, 2
		found, err := o.Directory.Users(ctx, p.Tenant, q)
		switch {
		case err != nil:
			return directory.User{}, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return directory.User{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "Several people answer to “" + clip(name) + "”: give the id or the user name."}
		}
	}
	return directory.User{}, notFound("user", name)
}

// Claims returns who has a user or group: whoever has made it, and each source and SCIM client that has taken it over.
func (o *Operator) Claims(ctx context.Context, p Principal, kind directory.Kind, id string) ([]directory.Claim, error) {
	if err := p.may(PeopleRead); err != nil {
		return nil, err
	}
	all, err := o.Directory.Claims(ctx, p.Tenant, kind, id)
	return all[id], err
}

// CreateUser creates a user.
func (o *Operator) CreateUser(ctx context.Context, p Principal, attributes scim.Object) (directory.User, error) {
	if err := p.may(PeopleWrite); err != nil {
		return directory.User{}, err
	}
	attributes, err := o.writable(ctx, p, directory.UserKind, attributes, nil)
	if err != nil {
		return directory.User{}, err
	}
	return o.storeUser(ctx, p, directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: attributes})
}

// writable checks and strips what a caller may not write (RFC 7643 §3.1, §2.2): the server's own attributes. What stood there before
// may stay.
func (o *Operator) writable(ctx context.Context, p Principal, kind directory.Kind, a, before scim.Object) (scim.Object, error) {
	var own *directory.Schemas
	if o.Schemas != nil {
		var err error
		if own, err = o.Schemas(ctx, p.Tenant); err != nil {
			return nil, err
		}
	}
	required, computed := "userName", "groups"
	if kind == directory.GroupKind {
		required, computed = "displayName", "members"
	}
	a, err := spelled(own.Type(kind), a.Clone(), before)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"id", "meta", "schemas", "password", computed} {
		a.Delete(name)
	}
	switch name := a.Text(required); {
	case strings.TrimSpace(name) == "":
		return nil, invalidIn(required, "The attribute "+required+" is missing.")
	case len(name) > 320:
		return nil, invalidIn(required, "The attribute "+required+" is longer than 320 bytes.")
	}
	if v := a.Get("active"); v != nil {
		if _, ok := v.(bool); !ok {
			return nil, invalid("The attribute active is neither true nor false.")
		}
	}
	return a, nil
}

// spelled moves attributes of extensions that have their short names to where their schemas keep them: department is one of the
// enterprise extension. No value takes it away. An attribute that there is not is refused with the one that was probably meant, unless it stood there before.
func spelled(typ *scim.Type, a, before scim.Object) (scim.Object, error) {
	for _, at := range a.Clone() {
		if strings.Contains(at.Name, ":") || before.Has(at.Name) {
			continue
		}
		path, known := typ.Canonical(filter.Path{Attr: at.Name})
		switch {
		case !known && !slices.Contains([]string{"id", "meta", "schemas", "password"}, at.Name):
			var names []string
			for p := range typ.Attributes() {
				names = append(names, p.String())
			}
			detail := "There is no attribute " + strconv.Quote(clip(at.Name)) + "."
			if near := rule.Nearest(at.Name, names); near != "" {
				detail = strings.TrimSuffix(detail, ".") + "; did you mean " + filter.Readable(near) + "?"
			}
			return nil, invalidIn("attributes", detail)
		case !known || path.URN == "":
			continue
		}
		a.Delete(at.Name)
		if at.Value == nil || at.Value == "" {
			scim.Remove(&a, path)
		} else if err := scim.Assign(&a, path, at.Value); err != nil {
			return nil, invalidIn("attributes", "The attribute "+at.Name+" cannot have this value: "+err.Error()+".")
		}
	}
	return a, nil
}

// storeUser writes the user, conditionally on its version unless it is new, and returns it as it is kept.
func (o *Operator) storeUser(ctx context.Context, p Principal, u directory.User) (directory.User, error) {
	if err := o.commit(ctx, p, directory.PutUser{User: u, IfVersion: u.Version}); err != nil {
		return directory.User{}, err
	}
	return o.User(ctx, p, string(u.ID), true)
}

// ChangeUser gives a user the attributes that f makes of theirs, if the user still has the version; with version 0 it is
// whatever it is, and done again when somebody else was faster.
func (o *Operator) ChangeUser(ctx context.Context, p Principal, name string, version int64, f func(scim.Object) scim.Object) (directory.User, error) {
	if err := p.may(PeopleWrite); err != nil {
		return directory.User{}, err
	}
	for attempt := 1; ; attempt++ {
		u, err := o.User(ctx, p, name, false)
		if err != nil {
			return directory.User{}, err
		}
		if err := o.above(ctx, p, u.ID); err != nil {
			return directory.User{}, err
		}
		if version != 0 && version != u.Version {
			return directory.User{}, &lockstep.Error{Code: lockstep.CodeVersion}
		}
		if u.Attributes, err = o.writable(ctx, p, directory.UserKind, f(u.Attributes.Clone()), u.Attributes); err != nil {
			return directory.User{}, err
		}
		stored, err := o.storeUser(ctx, p, u)
		if version == 0 && attempt < attempts && errors.Is(err, lockstep.ErrVersion) {
			continue
		}
		return stored, err
	}
}

// DeleteUser deletes a user, restorably unless purged.
func (o *Operator) DeleteUser(ctx context.Context, p Principal, name string, purge bool) error {
	if err := p.may(PeopleWrite); err != nil {
		return err
	}
	u, err := o.User(ctx, p, name, purge)
	if err != nil {
		return err
	}
	if err := o.above(ctx, p, u.ID); err != nil && !p.Visits() { // who goes keeps nothing
		return err
	}
	return o.commit(ctx, p, directory.DeleteUser{ID: u.ID, Purge: purge})
}

// RestoreUser ends a soft delete.
func (o *Operator) RestoreUser(ctx context.Context, p Principal, name string) (directory.User, error) {
	if err := p.may(PeopleWrite); err != nil {
		return directory.User{}, err
	}
	u, err := o.User(ctx, p, name, true)
	if err != nil {
		return directory.User{}, err
	}
	if err := o.above(ctx, p, u.ID); err != nil {
		return directory.User{}, err
	}
	if err := o.commit(ctx, p, directory.RestoreUser{ID: u.ID}); err != nil {
		return directory.User{}, err
	}
	return o.User(ctx, p, string(u.ID), false)
}

// UserByID finds a user by id, a deleted one, too.
func (o *Operator) UserByID(ctx context.Context, p Principal, id lockstep.UserID) (directory.User, error) {
	if err := p.may(PeopleRead); err != nil {
		return directory.User{}, err
	}
	if !lockstep.ValidID(string(id)) {
		return directory.User{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such person in the directory."}
	}
	return o.User(ctx, p, string(id), true)
}

// UsersByID finds users by id, deleted ones, too; who is not there is left out. At most 1,000 ids are looked for at once.
func (o *Operator) UsersByID(ctx context.Context, p Principal, ids []lockstep.UserID) ([]directory.User, error) {
	if err := p.may(PeopleRead); err != nil || len(ids) == 0 {
		return nil, err
	}
	return o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: ids, Deleted: true, Limit: len(ids)})
}

// FindUsers finds the people whose user name or address a text is, at most limit.
func (o *Operator) FindUsers(ctx context.Context, p Principal, text string, limit int) ([]directory.User, error) {
	if err := p.may(PeopleRead); err != nil || len(text) > 320 {
		return nil, err
	}
	for _, attribute := range []string{"userName", "email"} {
		found, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{Attribute: attribute, Values: []string{text}, Limit: limit})
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}
