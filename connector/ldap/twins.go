package ldap

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// Twins are entries of one id. An attribute that a setting names may stand in several entries: of somebody's second account, of a
// contact with the same address. Which of them is meant nobody can tell, so neither is read, and who has been known under the id stays
// as they are.
type twins struct {
	seed maphash.Seed
	ids  map[uint64]bool // hashes of the ids that several entries have
}

// isKept reports whether the server itself sees to it that no two entries, also of those that are deleted, have one value.
func isKept(attribute string) bool {
	switch strings.ToLower(attribute) {
	case "entryuuid", "nsuniqueid", "objectguid", "ipauniqueid", "guid", "objectsid", "ds-entry-unique-id":
		return true
	}
	return false
}

func (w *twins) has(id string) bool { return len(w.ids) > 0 && w.ids[maphash.String(w.seed, id)] }

func (w *twins) add(hash uint64) {
	if w.ids == nil {
		w.ids = map[uint64]bool{}
	}
	w.ids[hash] = true
}

// beatEvery is how long nothing is said: less than the shortest time-out that a connection can have.
const beatEvery = 900 * time.Millisecond

// findTwins goes over the ids of all entries. Memory holds eight bytes for each.
func (p *pass) findTwins() error {
	if p.id == "" || isKept(p.id) {
		return nil
	}
	p.twins = twins{seed: maphash.MakeSeed()}
	var all []uint64
	beaten := p.config.Now()
	err := p.pagesOfEach(p.bases, p.everything(p.class), []string{p.id}, func(entries []*ldap.Entry) error {
		for _, e := range entries {
			if id := idOf(e, p.id); id != "" {
				all = append(all, maphash.String(p.twins.seed, id))
			}
		}
		if now := p.config.Now(); now.Sub(beaten) >= beatEvery {
			beaten = now
			return p.give(connection.ReadPage{Asked: now, Total: p.old.Count})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(all)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			p.twins.add(all[i])
		}
	}
	return nil
}

// twinsAmong looks whether the ids of entries that have changed are those of others, too.
func (p *pass) twinsAmong(entries []*ldap.Entry) error {
	if isKept(p.id) {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if id := idOf(e, p.id); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	c, err := p.aside()
	if err != nil {
		return err
	}
	if p.twins.ids == nil {
		p.twins = twins{seed: maphash.MakeSeed()}
	}
	for some := range slices.Chunk(ids, idsAtOnce) {
		count := map[string]int{}
		err := c.pagesOfEach(p.bases, c.anyOf(p.class, p.id, some), []string{p.id}, func(found []*ldap.Entry) error {
			for _, e := range found {
				if id := idOf(e, p.id); id != "" {
					if count[id]++; count[id] == 2 {
						p.twins.add(maphash.String(p.twins.seed, id))
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hideTwin says that an entry has the id of another one.
func (p *pass) hideTwin(e *ldap.Entry, id string) {
	p.note(e)
	p.page.Hidden = append(p.page.Hidden, p.twin(e.DN, id))
}

func (p *pass) twin(dn, id string) connection.Hidden {
	return connection.Hidden{
		Name: dn, IDs: []string{id}, Part: digestOf("twin", id, foldDN(dn)),
		Err: p.fault(lockstep.CodeSourceDuplicate, fmt.Sprintf("%s is not the only one whose %s is %q", dn, p.id, id), nil),
	}
}

// idsAtOnce is how many ids one search asks for.
const idsAtOnce = 50

// anyOf is a filter for the entries of a class with one of the ids.
func (c *session) anyOf(cl class, attribute string, ids []string) string {
	any := ""
	for _, id := range ids {
		any += idFilter(attribute, id)
	}
	return "(&" + c.everything(cl) + "(|" + any + "))"
}

// stillHere looks which of those who seem to be gone are here under the same id, in another entry, and lists these anew.
func (p *pass) stillHere(ids []string) error {
	for some := range slices.Chunk(ids, idsAtOnce) {
		objects, hidden, err := p.get(some)
		if err != nil {
			return err
		}
		here := map[string]bool{}
		for _, o := range objects {
			here[o.ID] = true
		}
		for _, h := range hidden {
			here[h.IDs[0]] = true
		}
		p.page.Objects, p.page.Hidden = append(p.page.Objects, objects...), append(p.page.Hidden, hidden...)
		p.page.Gone = append(p.page.Gone, slices.DeleteFunc(slices.Clone(some), func(id string) bool { return here[id] })...)
		if err := p.flush(); err != nil {
			return err
		}
	}
	return nil
}
