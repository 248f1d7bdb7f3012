package operate

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/scim/filter"
	"lockstep/sso"
)

// WouldBe is what would become of somebody who signs in at a provider.
type WouldBe string

// What would become of them.
const (
	WouldMatch     WouldBe = "matched"   // they are linked to one person of the directory
	WouldAdd       WouldBe = "added"     // nobody matches, so they are added
	WouldBeLinked  WouldBe = "linked"    // the person is linked at the provider already: another identity of theirs is refused
	WouldAmbiguous WouldBe = "ambiguous" // more than one person matches, or two of the list are one person
	WouldOrphan    WouldBe = "orphan"    // nobody matches, or nothing of them may be compared
	WouldDisabled  WouldBe = "disabled"  // the person is disabled
)

// WouldBes are all of them, the good ones first.
func WouldBes() []WouldBe {
	return []WouldBe{WouldMatch, WouldBeLinked, WouldAdd, WouldAmbiguous, WouldOrphan, WouldDisabled}
}

// Matches is what a provider's rule for links comes to before anybody signs in: for the directory, and for identities that were listed.
type Matches struct {
	People int // who may sign in
	Linked int // identities that are linked

	Shared      int // addresses that more than one person has: whoever signs in with one is refused
	SharedSome  []sso.SharedName
	Lacking     int // people without an e-mail address
	LackingSome []sso.Holder

	Listed int
	Count  map[WouldBe]int
	Rows   []MatchRow // those that are not matched first, at most MostMatchRows
}

// MatchRow is one identity of a list.
type MatchRow struct {
	Line     int // of the list
	Identity string
	Is       WouldBe
	How      string // by what they match, or why they do not
	People   []Called
}

// The bounds of a list of identities, and of what is shown of a directory and a list.
const (
	MostIdentities   = 100_000
	MaxIdentities    = 8 << 20 // bytes
	MostMatchRows    = 1000
	mostMatchedRows  = 100
	mostSharedNames  = 100
	mostHoldersNamed = 5
)

// MatchLook is what an Operator asks of the store to tell whom identities would be.
type MatchLook interface {
	// Holders returns who has one of the values, folded or not, as e-mail address, or as user name.
	Holders(ctx context.Context, t lockstep.TenantID, attribute string, values []string) ([]sso.Holder, error)
	// SharedNames counts the addresses that more than one person has, as their own or, with names, as user name, and returns some.
	SharedNames(ctx context.Context, t lockstep.TenantID, names bool, limit int) (int, []sso.SharedName, error)
	// WithoutMail counts the people who may sign in, and those of them who have no address, and returns some.
	WithoutMail(ctx context.Context, t lockstep.TenantID, limit int) (people, without int, some []sso.Holder, err error)
	// LinkedOf returns which of the people are linked at a provider, and whose only word for their address is a provider that had not verified it.
	LinkedOf(ctx context.Context, t lockstep.TenantID, p sso.ProviderID, users []lockstep.UserID) (linked, unverified map[lockstep.UserID]bool, err error)
}

// Matches says what the rule of a provider comes to, before anybody signs in: whom of the directory it cannot tell apart, and who each of the
// identities of a list would be, one a line: an address or a user name, or CSV with the columns email and user_name. It goes by the addresses as if
// the provider had verified them, unless unverified says otherwise. Nothing is changed.
func (o *Operator) Matches(ctx context.Context, p Principal, provider, list string, unverified bool) (Matches, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return Matches{}, err
	}
	one, err := o.provider(ctx, p, provider)
	if err != nil {
		return Matches{}, err
	}
	if one.Kind == sso.KindLocal {
		return Matches{}, invalid("Passwords are kept beside the people themselves: nobody has to be found.")
	}
	ids, err := readIdentities(list, !unverified)
	if err != nil {
		return Matches{}, err
	}
	m := Matches{Listed: len(ids), Count: map[WouldBe]int{}}
	if m.Linked, err = s.Look.LinkCount(ctx, p.Tenant, one.ID); err != nil {
		return m, err
	}
	if m.Shared, m.SharedSome, err = s.Matches.SharedNames(ctx, p.Tenant, one.Policy != sso.PolicyVerified, mostSharedNames); err != nil {
		return m, err
	}
	if m.People, m.Lacking, m.LackingSome, err = s.Matches.WithoutMail(ctx, p.Tenant, mostSharedNames); err != nil {
		return m, err
	}
	err = o.whoTheyWouldBe(ctx, p, one, ids, &m)
	return m, err
}

// whoTheyWouldBe judges a list in parts, so that a long one needs no more memory than its rows.
func (o *Operator) whoTheyWouldBe(ctx context.Context, p Principal, one sso.Provider, ids []listed, m *Matches) error {
	var matched []MatchRow
	taken := map[lockstep.UserID]int{}
	for part := range slices.Chunk(ids, 1000) {
		rows, err := o.judged(ctx, p, one, part)
		if err != nil {
			return err
		}
		for i, r := range rows {
			if r.Is == WouldMatch {
				if line, twice := taken[lockstep.UserID(r.People[0].ID)]; twice {
					r.Is, r.How = WouldAmbiguous, "the same person as line "+strconv.Itoa(line)
				} else {
					taken[lockstep.UserID(r.People[0].ID)] = part[i].line
				}
			}
			m.Count[r.Is]++
			switch {
			case r.Is == WouldMatch && len(matched) < mostMatchedRows:
				matched = append(matched, r)
			case r.Is != WouldMatch && len(m.Rows) < MostMatchRows-mostMatchedRows:
				m.Rows = append(m.Rows, r)
			}
		}
	}
	m.Rows = append(m.Rows, matched...)
	return nil
}

// judged says of each identity who it would be. It asks what sign-in asks (sso.NamesToMatch), for many at once.
func (o *Operator) judged(ctx context.Context, p Principal, one sso.Provider, part []listed) ([]MatchRow, error) {
	s := o.SignIn
	values := map[string][]string{}
	for _, id := range part {
		for _, n := range sso.NamesToMatch(one, id.Identity) {
			values[n.Attribute] = append(values[n.Attribute], n.Value)
		}
	}
	holders := map[string]map[string][]sso.Holder{}
	var users []lockstep.UserID
	for attribute, all := range values {
		found, err := s.Matches.Holders(ctx, p.Tenant, attribute, all)
		if err != nil {
			return nil, err
		}
		holders[attribute] = map[string][]sso.Holder{}
		for _, h := range found {
			holders[attribute][h.Value] = append(holders[attribute][h.Value], h)
			users = append(users, h.User)
		}
	}
	slices.Sort(users)
	linked, unverified, err := s.Matches.LinkedOf(ctx, p.Tenant, one.ID, slices.Compact(users))
	if err != nil {
		return nil, err
	}
	rows := make([]MatchRow, len(part))
	for i, id := range part {
		var found []sso.Holder
		how := ""
		for _, n := range sso.NamesToMatch(one, id.Identity) {
			for _, h := range holders[n.Attribute][filter.Fold(n.Value)] {
				if !slices.ContainsFunc(found, func(f sso.Holder) bool { return f.User == h.User }) {
					found, how = append(found, h), n.How
				}
			}
		}
		rows[i] = judge(one, id, found, how, linked, unverified)
	}
	return rows, nil
}

func judge(one sso.Provider, id listed, found []sso.Holder, how string, linked, unverified map[lockstep.UserID]bool) MatchRow {
	r := MatchRow{Line: id.line, Identity: id.text(), How: how}
	for _, h := range found[:min(len(found), mostHoldersNamed)] {
		r.People = append(r.People, Called{string(h.User), h.Name})
	}
	only := one.LinkOnly || one.Policy == sso.PolicyLinked
	switch {
	case len(found) == 1 && !found[0].Active:
		r.Is, r.How = WouldDisabled, "the person is disabled"
	case len(found) == 1 && linked[found[0].User]:
		r.Is, r.How = WouldBeLinked, "the person is linked here already: this identity if it is the one they have used, and no other"
	case only:
		r.Is, r.How = WouldOrphan, "the provider signs in only who is linked"
	case len(found) > 1:
		r.Is, r.How = WouldAmbiguous, "more than one person"
	case len(found) == 1 && one.Policy == sso.PolicyVerified && unverified[found[0].User]:
		r.Is, r.How = WouldOrphan, "the person's own address was never verified"
	case len(found) == 1:
		r.Is = WouldMatch
	case one.Policy == sso.PolicyCreate || one.Policy == sso.PolicyConfirm:
		r.Is, r.How = WouldAdd, "nobody has that name"
	case len(sso.NamesToMatch(one, id.Identity)) == 0:
		r.Is, r.How = WouldOrphan, "the provider has not verified the address, and is not trusted with names"
	default:
		r.Is, r.How = WouldOrphan, "nobody has that name"
	}
	return r
}

// listed is an identity of a list.
type listed struct {
	sso.Identity
	line int
}

func (l listed) text() string { return firstOf(l.Email, l.UserName) }

// readIdentities reads one identity a line, or CSV whose first line has the columns email and user_name, or one of them.
func readIdentities(text string, verified bool) ([]listed, error) {
	if len(text) > MaxIdentities {
		return nil, invalid("The list is longer than 8 MiB.")
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "\ufeff"), "\n")
	columns := map[string]int{}
	comma := ','
	if strings.Contains(first, ";") {
		comma = ';'
	}
	for i, name := range strings.Split(strings.TrimSpace(first), string(comma)) {
		switch strings.ToLower(strings.Trim(strings.TrimSpace(name), `"`)) {
		case "email", "e-mail", "mail", "emails", "e-mail address":
			columns["email"] = i + 1
		case "user_name", "username", "user name", "login", "upn", "userprincipalname":
			columns["name"] = i + 1
		}
	}
	if len(columns) > 0 {
		return readTable(strings.TrimPrefix(text, "\ufeff"), comma, columns, verified)
	}
	var all []listed
	lines := bufio.NewScanner(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	lines.Buffer(nil, 64<<10)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if len(all) == MostIdentities {
			return nil, errTooMany
		}
		all = append(all, identityOf(line, line, n, verified))
	}
	if lines.Err() != nil {
		return nil, invalid("A line of the list is longer than 64 KiB.")
	}
	return all, nil
}

var errTooMany = invalid("A list has at most 100,000 identities.")

// identityOf is an identity as its columns say. In a list without columns a text is an address if it can be one, and a user name in any case.
func identityOf(mail, name string, line int, verified bool) listed {
	l := listed{line: line}
	l.UserName = name
	if strings.Count(mail, "@") == 1 && !strings.ContainsAny(mail, " \t") {
		l.Email, l.EmailVerified = mail, verified
	}
	return l
}

func readTable(text string, comma rune, columns map[string]int, verified bool) ([]listed, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.LazyQuotes = comma, -1, true, true
	var all []listed
	for n := 0; ; n++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, invalid("The list cannot be read as CSV: " + err.Error() + ".")
		}
		if n == 0 {
			continue
		}
		at := func(column string) string {
			if i := columns[column]; i > 0 && i <= len(row) {
				return strings.Clone(strings.TrimSpace(row[i-1]))
			}
			return ""
		}
		if at("email")+at("name") == "" {
			continue
		}
		if len(all) == MostIdentities {
			return nil, errTooMany
		}
		line, _ := r.FieldPos(0)
		all = append(all, identityOf(at("email"), at("name"), line, verified))
	}
}
