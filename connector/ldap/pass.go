package ldap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// Read reads one type.
//
// A pass is whole, or it asks for what has changed since the mark and, now and then, for all names. The names show who is gone,
// and by their versions what a search for changes cannot find: entries below a branch that was renamed, entries that the account
// may see since today, people whose account has expired. Where the server itself lists what was deleted (Active Directory, if the
// account may see that), and where nothing has changed, names are read once in Config.Names; elsewhere after each change, but in
// no more than a tenth of the time, or a fortieth while the newest change is an entry that was shown: then it was no delete.
//
// A pass that breaks off begins anew: the cookies of RFC 2696 end with the connection, and no order exists in which all servers
// could be read piece by piece.
func (r *Reader) Read(ctx context.Context, q connection.Read, give func(connection.ReadPage) error) error {
	cl, ok := r.class(q.Type, q.Paths)
	if !ok {
		return invalid("an LDAP directory has no objects of the type %q", q.Type)
	}
	if len(cl.bases) == 0 {
		note := "objects of the type " + cl.typ + " are not read; those that were read before stay as they are"
		return give(connection.ReadPage{Asked: r.config.Now(), Last: true, Reach: connection.Changes, Mark: q.Since, Notes: []string{note}})
	}
	r.mu.Lock()
	r.paths[q.Type] = slices.Clone(q.Paths)
	r.mu.Unlock()
	c, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	old := decodeMark(q.Since)
	p := &pass{session: c, reader: r, give: give, old: old, began: r.config.Now(), settings: r.settingsDigest(cl)}
	id, err := r.identify(c, cl, old.ID)
	if err != nil {
		return err
	}
	if p.at, err = c.position(cl.bases); err != nil {
		return err
	}
	p.shaping = newShaping(cl, id, p.began)
	return p.run(q)
}

// pass is one pass over one type.
type pass struct {
	*session
	*shaping
	reader   *Reader
	give     func(connection.ReadPage) error
	old      mark
	settings string
	began    time.Time
	at       position // where the server was when the pass began

	page      connection.ReadPage // what is being gathered
	newest    string              // modifyTimestamp of any entry that was seen
	newestCSN string              // entryCSN of any entry that was seen
	stamped   bool                // entries show when they were changed
	count     int
	changing  bool // only what has changed is asked for
	limited   bool // the server stopped at a limit
	twins     twins
	names     bool // all names were read
	told      bool // the server told of everybody who is gone
	took      time.Duration
	asked     time.Time
	side      *session // for questions while a search is under way
}

func (p *pass) run(q connection.Read) error {
	defer p.end()
	p.asked = p.began
	if q.Whole || p.id == "" || p.old.Settings != p.settings || p.old.ID != p.id || !p.comparable() {
		return p.whole()
	}
	quiet := p.at.known() && p.at.equal(p.old.At)
	due := p.namesDue(quiet)
	switch {
	case quiet && !due:
		p.reader.owe(p.typ, p.old.due())
		return p.give(connection.ReadPage{Asked: p.began, Last: true, Reach: connection.Unchanged, Mark: q.Since, Total: p.old.Count})
	case due && p.at.Server != p.old.Where: // each domain controller counts by itself, so all versions would differ
		return p.whole()
	}
	if !quiet {
		began := time.Now()
		if err := p.changes(); err != nil {
			return err
		}
		p.reader.spent(p.typ, time.Since(began))
		due = p.namesDue(quiet)
	}
	if !due {
		return p.finish(connection.Changes)
	}
	if err := p.readNames(); err != nil {
		return err
	}
	return p.finish(connection.Pages)
}

// comparable reports whether the server can be asked for what has changed since the mark.
func (p *pass) comparable() bool {
	for _, base := range p.bases {
		if _, ok := p.since(base); !ok {
			return false
		}
	}
	return true
}

func (p *pass) since(base string) (string, bool) { return p.old.since(p.at, p.suffixOf(base)) }

// share is how much of the time all names may be read: one part in so many. It is seenShare while the newest change is always one
// that was shown.
const (
	share     = 10
	seenShare = 40
)

// due returns when all names should be read that are owed.
func (m mark) due() time.Time {
	if !m.Owed {
		return time.Time{}
	}
	return m.Names.Add(m.rest(m.Seen))
}

// rest is how long all names are not read again.
func (m mark) rest(seen bool) time.Duration {
	if seen {
		return seenShare * m.Took
	}
	return share * m.Took
}

// seen reports whether the newest change at the server is one that this pass was shown, and so it was in each since names were read.
func (p *pass) seen() bool {
	newest := p.at.newest()
	return newest != "" && newest == p.newestCSN && (!p.old.Owed || p.old.Seen)
}

// namesDue decides whether this pass reads all names.
func (p *pass) namesDue(quiet bool) bool {
	since := p.began.Sub(p.old.Names)
	switch {
	case since < 0, since >= p.config.Names:
		return true
	case !p.old.Expires.IsZero() && !p.began.Before(p.old.Expires):
		return true
	case p.at.Server != "": // Active Directory always has some change; see gone
		return p.old.Owed && since >= share*p.old.Took && since >= time.Minute
	}
	if quiet {
		return p.old.Owed && since >= p.old.rest(p.old.Seen)
	}
	return since >= p.old.rest(p.seen())
}

// whole reads everything.
func (p *pass) whole() error {
	p.names, p.old = true, mark{Count: p.old.Count}
	if p.id == "" { // nobody is there
		return p.finish(connection.Pages)
	}
	if err := p.findTwins(); err != nil {
		return err
	}
	began := time.Now()
	p.page.Total = p.old.Count
	for _, base := range p.bases {
		if err := p.gather(base, p.everything(p.class), p.allAttributes(p.id), p.object); err != nil {
			return err
		}
	}
	p.took = time.Since(began) / 4 // names alone come that much faster, at least
	return p.finish(connection.Pages)
}

// changes reads what has changed.
func (p *pass) changes() error {
	here := map[string]bool{}
	p.changing = true
	defer func() { p.changing = false }()
	for _, base := range p.bases {
		filter, _ := p.since(base)
		err := p.gather(base, "(&"+p.everything(p.class)+filter+")", p.allAttributes(p.id), func(e *ldap.Entry) error {
			here[idOf(e, p.id)] = true
			return p.object(e)
		})
		if err != nil {
			return err
		}
	}
	if p.at.Server == "" {
		return nil
	}
	return p.gone(here)
}

// readNames reads all names.
func (p *pass) readNames() error {
	began := time.Now()
	if err := p.findTwins(); err != nil {
		return err
	}
	p.names, p.count, p.next = true, 0, time.Time{}
	attributes := p.nameAttributes(p.id)
	if p.old.Stamped && len(p.at.CSN) > 0 { // the finest stamp is enough
		attributes = slices.DeleteFunc(attributes, func(name string) bool { return slices.Contains(changeMarks[1:], name) })
	}
	for _, base := range p.bases {
		if err := p.gather(base, p.everything(p.class), attributes, p.name); err != nil {
			return err
		}
	}
	p.took = time.Since(began)
	return nil
}

func (p *pass) name(e *ldap.Entry) error {
	one := p.present(e)
	switch {
	case p.isOwn(e):
	case one.ID == "":
		p.hide(e)
	case p.twins.has(one.ID):
		p.hideTwin(e, one.ID)
	default:
		p.note(e)
		p.page.Present = append(p.page.Present, one)
	}
	return nil
}

// gather calls each with what matches below a base, and gives out what it makes of it, page by page. What the server withholds is
// hidden, not left out in silence.
func (p *pass) gather(base, filter string, attributes []string, each func(*ldap.Entry) error) error {
	referrals, err := p.pages([]string{base}, filter, attributes, func(entries []*ldap.Entry) error {
		if p.changing {
			if err := p.twinsAmong(entries); err != nil {
				return err
			}
		}
		for _, e := range entries {
			p.count++
			e.DN = shortDN(e.DN)
			if err := each(e); err != nil {
				return err
			}
		}
		return p.flush()
	}, p.withGUIDs()...)
	for _, link := range p.elsewhere(referrals) {
		p.refer(link)
	}
	if lockstep.CodeOf(err) == lockstep.CodeSourceLimit && p.ctx.Err() == nil {
		p.limited = true
		p.page.Hidden = append(p.page.Hidden, connection.Hidden{Name: base, Err: err, Part: digestOf("limit", base)})
		return nil
	}
	return err
}

// flush gives out what was gathered.
func (p *pass) flush() error {
	if len(p.page.Objects) == 0 && len(p.page.Present) == 0 && len(p.page.Gone) == 0 && len(p.page.Hidden) == 0 {
		return nil
	}
	page := p.page
	page.Asked = p.asked
	p.page = connection.ReadPage{Total: page.Total}
	p.asked = p.config.Now()
	return p.give(page)
}

// finish gives the last page.
func (p *pass) finish(reach connection.Reach) error {
	m, err := p.mark()
	if err != nil {
		return err
	}
	if p.limited {
		m = mark{} // what changed since is not all that is missing: the next pass asks for everything
	}
	p.page.Asked, p.page.Last, p.page.Reach = p.asked, true, reach
	p.page.Notes = append(p.notes(), p.manner(m)...)
	if m.Settings != "" {
		p.page.Mark = m.encode()
		p.reader.owe(p.typ, m.due())
	}
	return p.give(p.page)
}

// manner says how the pass was made.
func (p *pass) manner(m mark) []string {
	notes := []string{p.typ + " objects are identified by " + or(p.id, "what the first of them will have")}
	if p.isAD() && !p.config.SystemObjects {
		notes = append(notes, "accounts and groups that Active Directory itself needs (isCriticalSystemObject) are left out")
	}
	if !p.has("supportedControl", pagingControl) {
		notes = append(notes, "the server cannot answer in pages (RFC 2696)")
	}
	switch {
	case p.limited:
	case p.at.Server != "" && !p.names && !p.told:
		notes = append(notes, fmt.Sprintf("the account is not shown what was deleted (CN=Deleted Objects): who has left is found within a minute or more, at the latest after %v", p.config.Names))
	case p.count > 0 && m.Newest == "" && !m.Stamped && len(m.USN) == 0:
		notes = append(notes, "the account is not shown when entries were changed (modifyTimestamp), so everything is read each time")
	}
	return notes
}

// mark returns the mark of this pass.
func (p *pass) mark() (mark, error) {
	m := mark{Settings: p.settings, ID: p.id, At: p.at, USN: p.numbers(), Newest: max(p.newest, p.old.Newest), Stamped: p.stamped || p.old.Stamped}
	stale, err := p.stale()
	if err != nil {
		return mark{}, err
	}
	if stale {
		m.At, m.Stamped = position{}, false
	}
	if p.names {
		m.Names, m.Where, m.Took, m.Count = p.began.UTC().Truncate(time.Millisecond), p.at.Server, p.took, p.count
		m.Expires = p.next.UTC()
		return m, nil
	}
	m.Names, m.Where, m.Took, m.Count = p.old.Names, p.old.Where, p.old.Took, p.old.Count
	m.Owed, m.Seen = p.old.Owed || !p.told, p.seen()
	m.Expires = p.old.Expires
	if next := p.next.UTC(); !next.IsZero() && (m.Expires.IsZero() || next.Before(m.Expires)) {
		m.Expires = next
	}
	return m, nil
}

// numbers returns how far each domain controller had come when it was asked, the last eight of them. What another one showed
// since comes again; nothing is missed.
func (p *pass) numbers() map[string]int64 {
	if p.at.Server == "" {
		return nil
	}
	numbers := map[string]int64{}
	for server, usn := range p.old.USN {
		if len(numbers) < 7 {
			numbers[server] = usn
		}
	}
	numbers[p.at.Server] = p.at.USN
	return numbers
}

// stale reports whether the server does not keep contextCSN: an entry is newer than it says. Who trusted it would never see a
// change again.
func (p *pass) stale() (bool, error) {
	if len(p.at.CSN) == 0 || p.newestCSN <= p.at.newest() {
		return false, nil
	}
	now, err := p.position(p.bases) // it may have been changed since the pass began
	return err == nil && p.newestCSN > now.newest(), err
}

// note remembers how new an entry is.
func (p *pass) note(e *ldap.Entry) {
	p.newest = max(p.newest, e.GetEqualFoldAttributeValue("modifyTimestamp"))
	if csn := e.GetEqualFoldAttributeValue("entryCSN"); csn != "" {
		p.stamped, p.newestCSN = true, max(p.newestCSN, csn)
	}
}

// isOwn reports whether Active Directory needs the entry for itself and nobody has asked for such.
func (p *pass) isOwn(e *ldap.Entry) bool {
	return !p.config.SystemObjects && strings.EqualFold(e.GetEqualFoldAttributeValue("isCriticalSystemObject"), "true")
}

// object adds an entry to the page.
func (p *pass) object(e *ldap.Entry) error {
	if p.isOwn(e) {
		return nil
	}
	o, err := p.complete(e)
	switch {
	case err != nil:
		return err
	case o.ID == "":
		p.hide(e)
	case p.twins.has(o.ID):
		p.hideTwin(e, o.ID)
	default:
		p.note(e)
		p.page.Objects = append(p.page.Objects, o)
	}
	return nil
}

// hide says that an entry shows no id: whoever it is stays as they are.
func (p *pass) hide(e *ldap.Entry) {
	dn := foldDN(e.DN)
	err := p.fault(lockstep.CodeSourceRow, e.DN+" has no "+p.id, nil)
	p.page.Hidden = append(p.page.Hidden, connection.Hidden{Name: e.DN, Err: err, Below: dn, Most: 1, Part: digestOf("id", dn)})
}

// refer says that a branch is on another server: whoever is there stays as they are.
func (p *pass) refer(link string) {
	h := connection.Hidden{Name: link, Err: p.fault(lockstep.CodeSourceReferral, "a part of the directory is at "+link+"; its people are not read", nil), Part: digestOf("referral", link)}
	if u, err := url.Parse(link); err == nil {
		h.Below = foldDN(strings.TrimPrefix(u.Path, "/"))
	}
	p.page.Hidden = append(p.page.Hidden, h)
}

func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// elsewhere returns the referrals that may hide people. Active Directory always refers to partitions that hold none.
func (s *server) elsewhere(referrals []string) []string {
	slices.Sort(referrals)
	return slices.DeleteFunc(slices.Compact(referrals), func(r string) bool {
		r = strings.ToLower(r)
		return strings.Contains(r, "/cn=configuration,") || strings.Contains(r, "/dc=forestdnszones,") || strings.Contains(r, "/dc=domaindnszones,")
	})
}
