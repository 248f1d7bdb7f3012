package state

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep/scim"
	"lockstep/token"
)

// entry is one line of the journal. What it holds depends on Op:
//
//	org      Org, Config                           an organisation is there, with these settings
//	centre   Org, Section                          its contact centre is this
//	contacts Org, Section                          its contacts are these
//	account  Org, ID, At, Account                  what is kept of a person beside the resource; with By, somebody changed licences
//	sign-in  Org, Section                          somebody signed in, or out
//	archive  Org, ID, At, Doc                      a user was deleted before, and is kept
//	purge    Org, ID                               a deleted user, or all of them, are forgotten
//	foreign  Section                               see AppendForeign
//	drop     Org                                   it is gone with all it had
//	token    Org, Hash, Scope, Expires             a token is valid
//	expire   Org, At                               all its tokens end
//	put      Org, Kind, ID, At, Doc, members       a user or a group is as this says; without Doc only members change
//	delete   Org, ID, At                           a user or a group is gone with its memberships
//
// By says who did it, for the audit.
type entry struct {
	Op      string          `json:"op"`
	Org     string          `json:"org"`
	Name    string          `json:"name,omitempty"`
	Domains []string        `json:"domains,omitempty"`
	Enforce bool            `json:"enforce,omitempty"`
	Hash    string          `json:"hash,omitempty"`
	Scope   Scope           `json:"scope,omitempty"`
	Expires int64           `json:"expires,omitempty"` // milliseconds of the Unix epoch
	Kind    kind            `json:"kind,omitempty"`
	ID      string          `json:"id,omitempty"`
	At      int64           `json:"at,omitempty"` // milliseconds of the Unix epoch
	Key     string          `json:"key,omitempty"`
	Label   string          `json:"label,omitempty"`
	Manager string          `json:"manager,omitempty"`
	Roles   []string        `json:"roles,omitempty"`
	Managed string          `json:"managed,omitempty"`
	Off     bool            `json:"off,omitempty"` // an inactive user
	Source  SyncSource      `json:"source,omitempty"`
	Members []entryMembers  `json:"members,omitempty"`
	Config  *OrgConfig      `json:"config,omitempty"`
	Account json.RawMessage `json:"account,omitempty"`
	Section json.RawMessage `json:"section,omitempty"`
	Doc     json.RawMessage `json:"doc,omitempty"`
	By      *Actor          `json:"by,omitempty"`
}

type entryMembers struct {
	Op  memberOpKind `json:"op"`
	IDs []string     `json:"ids"`
}

// entry encodes a change for the journal, into a buffer of the universe. The lock must be held.
func (u *Universe) entry(r *record, c *change) []byte {
	b := u.scratch[:0]
	b = append(b, `{"op":"put","org":"`...)
	b = append(append(b, c.org.id...), `","kind":`...)
	b = strconv.AppendInt(b, int64(c.kind), 10)
	b = append(append(append(b, `,"id":"`...), r.id...), `","at":`...)
	b = strconv.AppendInt(b, c.at, 10)
	if c.doc != nil {
		b = scim.AppendValue(append(b, `,"key":`...), c.key)
		b = scim.AppendValue(append(b, `,"label":`...), c.name)
		b = scim.AppendValue(append(b, `,"manager":`...), c.manager)
		b = appendStanding(b, c)
	}
	for i, op := range c.members {
		if i == 0 {
			b = append(b, `,"members":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendMemberOp(b, op)
	}
	if len(c.members) > 0 {
		b = append(b, ']')
	}
	b = c.by.appendTo(b)
	if c.doc != nil {
		b = append(append(b, `,"doc":`...), c.doc...)
	}
	u.scratch = append(b, '}')
	return u.scratch
}

// appendTo appends the actor as a field of an entry.
func (a *Actor) appendTo(b []byte) []byte {
	b = append(b, `,"by":{`...)
	first := len(b)
	for _, f := range []struct{ name, value string }{
		{`"person":`, a.Person}, {`"name":`, a.Name}, {`"address":`, a.Address}, {`"agent":`, a.Agent}, {`"tracking":`, a.Tracking},
	} {
		if f.value == "" {
			continue
		}
		if len(b) > first {
			b = append(b, ',')
		}
		b = scim.AppendValue(append(b, f.name...), f.value)
	}
	if a.Local {
		if len(b) > first {
			b = append(b, ',')
		}
		b = append(b, `"local":true`...)
	}
	return append(b, '}')
}

// appendStanding appends what of a user most do not have.
func appendStanding(b []byte, c *change) []byte {
	for i, role := range c.roles {
		sep := byte(',')
		if i == 0 {
			b, sep = append(b, `,"roles":`...), '['
		}
		b = scim.AppendValue(append(b, sep), role)
	}
	if len(c.roles) > 0 {
		b = append(b, ']')
	}
	if c.managed != "" {
		b = scim.AppendValue(append(b, `,"managed":`...), c.managed)
	}
	if c.kind == userKind && !c.active {
		b = append(b, `,"off":true`...)
	}
	if c.source != SyncNone {
		b = scim.AppendValue(append(b, `,"source":`...), string(c.source))
	}
	return b
}

func appendMemberOp(b []byte, op memberOp) []byte {
	b = append(b, `{"op":`...)
	b = strconv.AppendInt(b, int64(op.op), 10)
	b = append(b, `,"ids":[`...)
	for i, id := range op.ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = scim.AppendValue(b, id)
	}
	return append(b, `]}`...)
}

func appendDelete(b []byte, r *record, at int64, by Actor) []byte {
	b = append(append(b, `{"op":"delete","org":"`...), r.org.id...)
	b = append(append(append(b, `","id":"`...), r.id...), `","at":`...)
	return append(by.appendTo(strconv.AppendInt(b, at, 10)), '}')
}

// write appends an entry that is not worth encoding by hand. The lock must be held.
func (u *Universe) write(e entry) (seq uint64, err error) {
	if u.journal == nil {
		return 0, nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encode journal entry: %w", err)
	}
	return u.journal.append(line), nil
}

// replay makes true what an entry of the journal says. Nobody else uses the universe yet.
func (u *Universe) replay(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	switch e.Op {
	case "org":
		return u.replayOrg(e)
	case "foreign":
		if u.foreign == nil {
			return nil
		}
		return u.foreign(e.Section)
	}
	org := u.orgs[e.Org]
	if org == nil {
		return fmt.Errorf("%s: there is no organisation %s", e.Op, e.Org)
	}
	switch e.Op {
	case "drop":
		u.dropOrg(org)
	case "token":
		return u.replayToken(org, e)
	case "expire":
		u.expireTokens(org, time.UnixMilli(e.At))
	case "put":
		return u.replayPut(org, e)
	case "delete":
		r := org.byID[e.ID]
		if r == nil {
			return fmt.Errorf("delete: there is no %s", e.ID)
		}
		u.remove(r, e.At)
		u.note(stamp(e.At), "delete", r, e.actor())
	case "sign-in":
		var s SignInEvent
		if err := json.Unmarshal(e.Section, &s); err != nil {
			return fmt.Errorf("sign-in: %w", err)
		}
		org.signIns.add(s)
	case "account":
		return u.replayAccount(org, e)
	case "centre":
		org.centre = &Centre{}
		return json.Unmarshal(e.Section, org.centre)
	case "contacts":
		org.contacts = &Contacts{}
		return json.Unmarshal(e.Section, org.contacts)
	case "archive":
		doc, err := scim.DecodeObject(e.Doc)
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		org.keep(e.ID, doc, e.At)
	case "purge":
		org.purge(e.ID)
	default:
		return fmt.Errorf("unknown operation %q", e.Op)
	}
	return nil
}

// replayOrg also reads the form of before there was a Config.
func (u *Universe) replayOrg(e entry) error {
	c := e.Config
	if c == nil {
		c = &OrgConfig{ID: e.Org, Name: e.Name, Domains: e.Domains, Enforce: e.Enforce}
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("org: %w", err)
	}
	u.putOrg(e.Org, c)
	return nil
}

func (u *Universe) replayAccount(org *Org, e entry) error {
	r := org.find(userKind, e.ID)
	if r == nil {
		return fmt.Errorf("account: there is no user %s", e.ID)
	}
	a := &Account{}
	if err := json.Unmarshal(e.Account, a); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	r.setAccount(a, e.At)
	if e.By != nil {
		u.note(stamp(e.At), "licences", r, *e.By)
	}
	return nil
}

// actor is who made the entry; of those from before By there is nobody.
func (e *entry) actor() Actor {
	if e.By == nil {
		return Actor{}
	}
	return *e.By
}

// AppendForeign takes an entry of another keeper of state into the order of the journal and returns its number for Flush. It does
// not wait.
func (u *Universe) AppendForeign(text []byte) uint64 {
	if u.journal == nil {
		return 0
	}
	line := append(append([]byte(`{"op":"foreign","section":`), text...), '}')
	return u.journal.append(line)
}

// Flush returns when the entry with the number, and all before it, will survive.
func (u *Universe) Flush(seq uint64) error { return u.journal.flush(seq) }

func (u *Universe) replayToken(org *Org, e entry) error {
	var hash token.Hash
	if n, err := hex.Decode(hash[:], []byte(e.Hash)); err != nil || n != len(hash) {
		return fmt.Errorf("token: bad hash")
	}
	u.tokens[hash] = &tokenRow{org: org, scope: e.Scope, scopes: strings.Fields(string(e.Scope)), expires: time.UnixMilli(e.Expires)}
	return nil
}

func (u *Universe) replayPut(org *Org, e entry) error {
	c := change{
		org: org, kind: e.Kind, id: e.ID, at: e.At, key: e.Key, name: e.Label, manager: e.Manager, doc: []byte(e.Doc),
		rec: org.byID[e.ID], roles: e.Roles, managed: e.Managed, active: !e.Off, source: e.Source, replay: true,
	}
	for _, m := range e.Members {
		c.members = append(c.members, memberOp{m.Op, m.IDs})
	}
	if c.rec == nil && c.doc == nil {
		return fmt.Errorf("put: there is no %s", e.ID)
	}
	v, op, err := u.apply(&c)
	if err == nil && op != "" {
		u.note(stamp(e.At), op, v.record, e.actor())
	}
	return err
}
