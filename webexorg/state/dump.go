package state

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Size returns how many users and groups the organisation has.
func (o *Org) Size() (users, groups int) {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return len(o.users), len(o.groups)
}

// Dump writes what the organisation has at one moment as lines of JSON: every user, every group, every membership.
//
//	{"kind":"user","org":"…","id":"…","version":1,"created":…,"modified":…,"resource":{…}}
//	{"kind":"group", …}
//	{"kind":"member","org":"…","group":"…","member":"…","type":"user"}
//
// Times are milliseconds of the Unix epoch. A resource has no id, no meta and no members of its own.
func (o *Org) Dump(w io.Writer) error {
	views, members := o.snapshot()
	out := bufio.NewWriterSize(w, 64<<10)
	var b []byte
	for i, v := range views {
		b = append(b[:0], `{"kind":"`...)
		b = append(append(b, v.kind.word()...), `","org":"`...)
		b = append(append(append(b, o.id...), `","id":"`...), v.id...)
		b = strconv.AppendInt(append(b, `","version":`...), v.version, 10)
		b = strconv.AppendInt(append(b, `,"created":`...), v.created, 10)
		b = strconv.AppendInt(append(b, `,"modified":`...), v.modified, 10)
		b = append(append(append(b, `,"resource":`...), v.doc...), "}\n"...)
		if _, err := out.Write(b); err != nil {
			return fmt.Errorf("dump organisation: %w", err)
		}
		for _, m := range members[i] {
			b = append(append(b[:0], `{"kind":"member","org":"`...), o.id...)
			b = append(append(b, `","group":"`...), v.id...)
			b = append(append(b, `","member":"`...), m.id...)
			b = append(append(append(b, `","type":"`...), m.kind.word()...), "\"}\n"...)
			if _, err := out.Write(b); err != nil {
				return fmt.Errorf("dump organisation: %w", err)
			}
		}
	}
	return out.Flush()
}

// snapshot returns users, then groups with their members.
func (o *Org) snapshot() (views []view, members [][]*record) {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	views = make([]view, 0, len(o.users)+len(o.groups))
	members = make([][]*record, len(o.users), cap(views))
	for _, r := range o.users {
		views = append(views, r.view())
	}
	for _, r := range o.groups {
		views = append(views, r.view())
		members = append(members, slices.Clone(r.members))
	}
	return views, members
}

// word is what members of the kind are called.
func (k kind) word() string {
	if k == groupKind {
		return "group"
	}
	return "user"
}
