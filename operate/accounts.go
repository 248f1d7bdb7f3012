package operate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/words"
)

// Account is an object of an application as it was last seen, or as the app has written it since.
type Account struct {
	ID, Name, UserName string
	Addresses          []string
	Enabled            bool
	Unlisted           bool // the last read did not list it, and that is not enough to call it gone
	// Owner is to whom it is linked; zero is nobody.
	Owner AccountPerson
	// Like are people of the directory who have its user name, an address of it or its external id, of an account that is nobody's.
	Like []AccountPerson
	Why  AccountWhy
}

// AccountPerson is somebody whose account it is, or might be.
type AccountPerson struct {
	ID, Name, UserName string
	Deleted            bool
	Link               plan.Link // of the app, without its image; zero is somebody whom it has not met
}

// AccountWhy says why an account is nobody's.
type AccountWhy string

// The reasons.
const (
	AccountUnknown  AccountWhy = "unknown"  // nobody in the directory is like it
	AccountOutside  AccountWhy = "outside"  // somebody is, and is left out of the app
	AccountDeleted  AccountWhy = "deleted"  // somebody is, and is deleted in the directory
	AccountOther    AccountWhy = "other"    // somebody is, and has another account
	AccountSeveral  AccountWhy = "several"  // several people are, or several accounts are like the one who is
	AccountFailing  AccountWhy = "failing"  // somebody is, and linking them fails
	AccountNotYet   AccountWhy = "not_yet"  // somebody is, and has not been linked yet
	AccountUnlooked AccountWhy = "unlooked" // whoever asks may not read the directory
)

// Says is the reason in a sentence.
func (a Account) Says() string {
	if a.Why == AccountUnknown || a.Why == AccountUnlooked || len(a.Like) == 0 {
		return map[AccountWhy]string{
			AccountUnknown:  "Nobody in the directory has its user name, an address of it or its external id.",
			AccountUnlooked: "Who may read people sees whether somebody in the directory is like it.",
		}[a.Why]
	}
	p := a.Like[0]
	switch a.Why {
	case AccountSeveral:
		if len(a.Like) == 1 {
			return p.Name + " is like it, and like another account too: " + words.Sentence(cmp.Or(p.Link.Detail, lockstep.Describe(p.Link.Code).Title))
		}
		names := make([]string, 0, 3)
		for _, p := range a.Like[:min(3, len(a.Like))] {
			names = append(names, p.Name)
		}
		return words.Many(len(a.Like), "person is", "people are") + " like it: " + strings.Join(names, ", ") + map[bool]string{true: " …", false: "."}[len(a.Like) > 3]
	case AccountDeleted:
		return p.Name + " is like it, and is deleted in the directory."
	case AccountOther:
		return p.Name + " is like it, and has another account: " + p.Link.Target + "."
	case AccountOutside:
		return p.Name + " is like it, and is left out: " + strings.TrimSuffix(strings.TrimPrefix(cmp.Or(p.Link.Verdict.Reason.Sentence(), "not in scope"), "left out: "), ".") + "."
	case AccountFailing:
		return p.Name + " is like it, and cannot be linked: " + words.Sentence(cmp.Or(p.Link.Detail, lockstep.Describe(p.Link.Code).Title))
	}
	return p.Name + " is like it, and has not been linked yet: the next run looks at them."
}

// Accounts is a page of an application's accounts, and how they were seen.
type Accounts struct {
	Job      provision.Job
	Accounts []Account
	Next     string          // AccountQuery.After of the next page; "" at the end
	Total    int             // accounts that are known to be there
	Unowned  int             // those that nobody has
	Read     time.Time       // when the last complete read had ended
	Partial  bool            // it could not read everything: more may be there
	Hidden   int             // accounts that it may have missed for that
	Reading  bool            // another read is under way, or asked for
	Trouble  *lockstep.Error // why that does not come
	Shared   []Sharing       // other apps whose accounts are there
}

// Says is what is known, in a sentence or two.
func (a Accounts) Says() string {
	says := "Everybody there is somebody of the directory."
	switch {
	case a.Total == 0:
		says = "Nobody was there."
	case a.Unowned == 1:
		says = "1 account of " + words.Number(a.Total) + " is nobody's."
	case a.Unowned > 1:
		says = words.Number(a.Unowned) + " accounts of " + words.Number(a.Total) + " are nobody's."
	}
	if a.Partial {
		says += " Not everything could be read, so there may be more."
	}
	return says + " What the application does not list is not known."
}

// AccountQuery selects accounts of an application.
type AccountQuery struct {
	Text    string // a part of a value by which accounts are matched, or a whole id
	Unowned bool   // only those that nobody has
	After   string // Accounts.Next of the page before
	Limit   int    // 0 is 100
}

// MostAccounts is how many accounts a page can have.
const MostAccounts = 1000

// Accounts lists what an application was seen to have, in the order in which it was first seen, and says of accounts that nobody has why. It
// asks the application nothing. An application that was never read to its end gives lockstep.CodeUnread.
func (o *Operator) Accounts(ctx context.Context, p Principal, name string, q AccountQuery) (Accounts, error) {
	if err := p.some(AppsRead); err != nil {
		return Accounts{}, err
	}
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil {
		return Accounts{}, err
	}
	out, err := o.accountsSeen(ctx, j)
	if err != nil {
		return out, err
	}
	find, err := o.findAccounts(ctx, j, q)
	if err != nil {
		return out, err
	}
	rows, next, err := find.page(ctx, min(cmp.Or(q.Limit, 100), MostAccounts))
	if err != nil {
		return out, err
	}
	if out.Accounts, err = o.accounts(ctx, p, j, rows); err != nil {
		return out, err
	}
	counts, err := o.Reads.Count(ctx, find.id)
	if err != nil {
		return out, err
	}
	out.Total = counts[connection.UserType]
	if find.unowned < 0 {
		loose, err := o.Reads.Loose(ctx, find.id, connection.UserType)
		if err != nil {
			return out, err
		}
		find.unowned = len(loose)
	}
	if out.Unowned = find.unowned; next != 0 {
		out.Next = fmt.Sprintf("%d-%d", next, out.Unowned)
	}
	out.Shared, err = o.shared(ctx, p, j, nil)
	return out, err
}

// accountSearch goes through accounts that are there, page by page, in the order in which they were first seen.
type accountSearch struct {
	seen    Seen
	id      mirror.ID
	after   int64
	all     bool
	numbers []int64 // those that are wanted, unless all are
	loose   []int64 // those that nobody has, where that was asked
	unowned int     // how many nobody has, as the first page counted them; -1 is not known
}

// findAccounts begins to go through the accounts that the query selects.
func (o *Operator) findAccounts(ctx context.Context, j provision.Job, q AccountQuery) (accountSearch, error) {
	text := strings.TrimSpace(q.Text)
	s := accountSearch{seen: o.Reads, id: mirror.ID{Tenant: j.Tenant, Connection: j.ID}, all: text == "" && !q.Unowned, unowned: -1}
	if len(text) > 320 {
		return s, invalidIn("search", "Nobody has so long a name.")
	}
	if q.After != "" {
		after, unowned, counted := strings.Cut(q.After, "-")
		n, err := strconv.ParseInt(after, 10, 64)
		if counted && err == nil {
			s.unowned, err = strconv.Atoi(unowned)
		}
		if err != nil || n < 0 || n >= 1<<32 || counted && s.unowned < 0 {
			return s, invalidIn("after", "That is not the next of a page.")
		}
		s.after = n
	}
	if q.Unowned {
		loose, err := o.Reads.Loose(ctx, s.id, connection.UserType)
		if err != nil {
			return s, err
		}
		s.loose, s.numbers, s.unowned = loose, loose, len(loose)
	}
	if text != "" {
		holding, err := o.Reads.Holding(ctx, s.id, connection.UserType, text)
		if err != nil {
			return s, err
		}
		s.numbers = holding
		if q.Unowned {
			s.numbers = slices.DeleteFunc(holding, func(n int64) bool { _, is := slices.BinarySearch(s.loose, n); return !is })
		}
	}
	return s, nil
}

// page returns up to so many accounts, and after which the next page begins; 0 at the end.
func (s *accountSearch) page(ctx context.Context, most int) (rows []mirror.Row, next int64, err error) {
	more := false
	if s.all {
		rows, err = s.seen.Rows(ctx, s.id, mirror.Query{Type: connection.UserType, States: accountStates, After: s.after, Limit: most + 1})
		if more = len(rows) > most; more {
			rows = rows[:most]
		}
	} else {
		first, is := slices.BinarySearch(s.numbers, s.after)
		if is {
			first++
		}
		wanted := s.numbers[first:]
		if more = len(wanted) > most; more {
			wanted = wanted[:most]
		}
		if len(wanted) > 0 {
			rows, err = s.seen.Numbered(ctx, s.id, wanted)
		}
		slices.SortFunc(rows, func(a, b mirror.Row) int { return cmp.Compare(a.No, b.No) })
		if more {
			s.after = wanted[len(wanted)-1]
		}
	}
	if err == nil && more {
		if s.all {
			s.after = rows[len(rows)-1].No
		}
		next = s.after
	}
	return rows, next, err
}

// accountStates are those of rows that are there as far as is known.
var accountStates = []mirror.State{mirror.There, mirror.Hidden, mirror.Missed}

// EachAccount hands on all accounts that the query selects, a page at a time, whatever it says of pages.
func (o *Operator) EachAccount(ctx context.Context, p Principal, name string, q AccountQuery, f func(Account) error) error {
	if err := p.some(AppsRead); err != nil {
		return err
	}
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil {
		return err
	}
	if _, err := o.accountsSeen(ctx, j); err != nil {
		return err
	}
	q.After = ""
	find, err := o.findAccounts(ctx, j, q)
	if err != nil {
		return err
	}
	for {
		rows, next, err := find.page(ctx, 500)
		if err != nil {
			return err
		}
		all, err := o.accounts(ctx, p, j, rows)
		if err != nil {
			return err
		}
		for _, a := range all {
			if err := f(a); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
	}
}

// accountsSeen says how an application's accounts were seen.
func (o *Operator) accountsSeen(ctx context.Context, j provision.Job) (Accounts, error) {
	out := Accounts{Job: j}
	if j.Direction != provision.Outbound {
		return out, invalid(nameOf(j) + " is a source: whom it has is listed by its people.")
	}
	head, err := o.Reads.Head(ctx, mirror.ID{Tenant: j.Tenant, Connection: j.ID})
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return out, err
	}
	pass := head.Pass(connection.UserType)
	out.Read, out.Hidden, out.Reading = pass.Last.At, int(pass.Hides), head.Answered < head.Requests
	out.Partial = !pass.Once || pass.Hides > 0
	if out.Reading && head.Code != "" {
		out.Trouble = &lockstep.Error{Code: head.Code, Detail: head.Detail}
	}
	if out.Read.IsZero() {
		return out, &lockstep.Error{Code: lockstep.CodeUnread, Detail: nameOf(j) + " was not read to its end yet: nobody can say whom it has."}
	}
	return out, nil
}

// ReadAccounts has an application read once more, from its beginning, and waits for the end of that, at most so long; 0 does not wait.
func (o *Operator) ReadAccounts(ctx context.Context, p Principal, name string, most time.Duration) (provision.Job, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return j, err
	}
	if j.Direction != provision.Outbound {
		return j, invalid(nameOf(j) + " is a source: it is read by a run, lockstep run " + j.Slug + ".")
	}
	id := mirror.ID{Tenant: j.Tenant, Connection: j.ID}
	n, err := o.Reads.Request(ctx, id, mirror.Request{Whole: true, Now: true})
	if err != nil || most == 0 {
		return j, err
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return j, o.await(ctx, j.Tenant, j.ID, func(provision.Job) (bool, error) {
		head, err := o.Reads.Head(ctx, id)
		if err == nil && head.Answered < n && head.Code != "" {
			err = &lockstep.Error{Code: head.Code, Detail: head.Detail}
		}
		return err == nil && head.Answered >= n, err
	})
}

// accounts makes accounts of rows: whose they are, and who in the directory is like those that are nobody's.
func (o *Operator) accounts(ctx context.Context, p Principal, j provision.Job, rows []mirror.Row) ([]Account, error) {
	all := make([]Account, len(rows))
	ids := make([]string, len(rows))
	at := make(map[string]int, len(rows))
	for i := range rows {
		all[i] = accountOf(&rows[i])
		ids[i] = all[i].ID
		at[ids[i]] = i
	}
	for some := range slices.Chunk(ids, 500) {
		links, err := o.Jobs.Links(ctx, p.Tenant, j.ID, plan.LinkQuery{Type: connection.UserType, Targets: some, Outline: true})
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			all[at[l.Target]].Owner = AccountPerson{ID: l.Source.ID, Name: cmp.Or(l.Name, l.Source.ID), Link: l}
		}
	}
	if p.may(PeopleRead) != nil {
		for i := range all {
			if all[i].Owner.ID == "" {
				all[i].Why = AccountUnlooked
			}
		}
		return all, nil
	}
	return all, o.whoIsLike(ctx, p, j, rows, all)
}

func accountOf(r *mirror.Row) Account {
	o := &r.Object
	a := Account{ID: o.ID, UserName: o.Values.Text("userName"), Addresses: addresses(o.Values), Enabled: o.Enabled, Unlisted: r.State != mirror.There}
	if a.Name = cmp.Or(o.Values.Text("displayName"), fullName(o.Values), o.Name, a.UserName); a.UserName == "" {
		a.UserName = o.Name
	}
	return a
}

func fullName(o scim.Object) string {
	name, _ := o.Get("name").(scim.Object)
	return cmp.Or(name.Text("formatted"), strings.TrimSpace(name.Text("givenName")+" "+name.Text("familyName")))
}

// whoIsLike finds the people of the directory who have a value of accounts that are nobody's, and says why they are not linked.
func (o *Operator) whoIsLike(ctx context.Context, p Principal, j provision.Job, rows []mirror.Row, all []Account) error {
	have := map[string]map[string][]int{"userName": {}, "email": {}, "externalId": {}} // accounts, by attribute and folded value
	note := func(attribute, value string, i int) {
		if value = mirror.Fold(value); value != "" && !slices.Contains(have[attribute][value], i) {
			have[attribute][value] = append(have[attribute][value], i)
		}
	}
	for i := range all {
		if all[i].Owner.ID != "" {
			continue
		}
		all[i].Why = AccountUnknown
		for _, name := range append([]string{all[i].UserName}, all[i].Addresses...) {
			note("userName", name, i)
			note("email", name, i)
		}
		note("externalId", rows[i].Object.Values.Text("externalId"), i)
	}
	people := map[lockstep.UserID]AccountPerson{}
	like := map[int][]lockstep.UserID{}
	for _, attribute := range []string{"userName", "email", "externalId"} {
		values := make([]string, 0, len(have[attribute]))
		for v := range have[attribute] {
			values = append(values, v)
		}
		slices.Sort(values)
		for some := range slices.Chunk(values, 500) {
			users, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{Attribute: attribute, Values: some, Deleted: true})
			if err != nil {
				return err
			}
			for _, u := range users {
				people[u.ID] = AccountPerson{
					ID: string(u.ID), Name: cmp.Or(u.Attributes.Text("displayName"), u.Attributes.Text("userName")), UserName: u.Attributes.Text("userName"), Deleted: !u.Deleted.IsZero(),
				}
				for _, v := range valuesOf(u.Attributes, attribute) {
					for _, i := range have[attribute][mirror.Fold(v)] {
						if !slices.Contains(like[i], u.ID) {
							like[i] = append(like[i], u.ID)
						}
					}
				}
			}
		}
	}
	links, err := o.linksOf(ctx, p.Tenant, j.ID, people)
	if err != nil {
		return err
	}
	for i, ids := range like {
		for _, id := range ids {
			one := people[id]
			one.Link = links[string(id)]
			all[i].Like = append(all[i].Like, one)
		}
		all[i].why()
	}
	return nil
}

func valuesOf(o scim.Object, attribute string) []string {
	if attribute == "email" {
		return addresses(o)
	}
	return []string{o.Text(attribute)}
}

func (o *Operator) linksOf(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, people map[lockstep.UserID]AccountPerson) (map[string]plan.Link, error) {
	links := make(map[string]plan.Link, len(people))
	ids := make([]string, 0, len(people))
	for id := range people {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	for some := range slices.Chunk(ids, 500) {
		found, err := o.Jobs.Links(ctx, t, job, plan.LinkQuery{Type: connection.UserType, Sources: some, Outline: true})
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			links[l.Source.ID] = l
		}
	}
	return links, nil
}

// why says why an account is nobody's, by those who are like it. Who is deleted counts only when nobody else is.
func (a *Account) why() {
	if there := slices.DeleteFunc(slices.Clone(a.Like), func(p AccountPerson) bool { return p.Deleted }); len(there) > 0 {
		a.Like = there
	}
	slices.SortFunc(a.Like, func(x, y AccountPerson) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.ID, y.ID))
	})
	p := a.Like[0]
	switch {
	case p.Deleted:
		a.Why = AccountDeleted
	case len(a.Like) > 1, p.Link.Code == lockstep.CodeMatchAmbiguous:
		a.Why = AccountSeveral
	case p.Link.Target != "":
		a.Why = AccountOther
	case p.Link.Code != "":
		a.Why = AccountFailing
	case p.Link.Source.ID != "" && !p.Link.Verdict.In:
		a.Why = AccountOutside
	default:
		a.Why = AccountNotYet
	}
}
