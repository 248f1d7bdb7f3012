package storetest

import (
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// testExtensionKept: nothing comes into the store, or back into it, or stays there, that is not as the definition wants.
func testExtensionKept(t *testing.T, open Open) {
	t.Run("restored", func(t *testing.T) { extensionRestored(found(t, open, store.Config{})) })
	t.Run("coerced", func(t *testing.T) { extensionCoerced(found(t, open, store.Config{})) })
	t.Run("look-alike", func(t *testing.T) { extensionLookAlike(found(t, open, store.Config{})) })
	t.Run("many", func(t *testing.T) { extensionMany(found(t, open, store.Config{})) })
}

// extensionRestored: who was deleted before everybody had to have an extension does not come back without it.
func extensionRestored(c company) {
	id := c.user("ada")
	g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: scim.Object{{Name: "displayName", Value: "staff"}}}
	c.commit(directory.PutGroup{Group: g}, directory.DeleteUser{ID: id}, directory.DeleteGroup{ID: g.ID})
	users, groups := skill(skillURN, directory.UserKind, false), skill(roomURN, directory.GroupKind, false)
	users.Required, groups.Required = true, true
	c.commit(directory.PutExtension{Extension: users}, directory.PutExtension{Extension: groups})
	c.refuses(lockstep.CodeInvalid, directory.RestoreUser{ID: id})
	c.refuses(lockstep.CodeInvalid, directory.RestoreGroup{ID: g.ID})
	// A job brings somebody back with what the source has of them now.
	back := person("ada", skillURN, scim.Object{{Name: "word", Value: "x"}})
	back.User.ID, back.User.Version = id, 2
	g.Version, g.Attributes = 2, append(g.Attributes, scim.Attr{Name: roomURN, Value: scim.Object{{Name: "word", Value: "x"}}})
	c.commit(directory.RestoreUser{ID: id}, back, directory.RestoreGroup{ID: g.ID}, directory.PutGroup{Group: g})
	c.commit(directory.DeleteUser{ID: id}, directory.DeleteGroup{ID: g.ID})
	users.Required, groups.Required = false, false
	c.commit(directory.PutExtension{Extension: users}, directory.PutExtension{Extension: groups}, directory.RestoreUser{ID: id}, directory.RestoreGroup{ID: g.ID})
}

// extensionCoerced: what a write would put right is not right where it is kept already.
func extensionCoerced(c company) {
	for name, v := range map[string]any{"open": "true", "tags": "one", "word": scim.List{"one"}} {
		p := person(name)
		c.commit(p)
		doc := string(scim.AppendJSON(nil, scim.Object{{Name: "userName", Value: name}, {Name: skillURN, Value: scim.Object{{Name: name, Value: v}}}}))
		_, err := c.db.WriterDB().ExecContext(c.Context(), "UPDATE users SET doc = '"+doc+"' WHERE id = '"+string(p.User.ID)+"'") // by an earlier version
		c.ok(err)
		c.refuses(lockstep.CodeSchemaInUse, directory.PutExtension{Extension: skill(skillURN, directory.UserKind, true)})
		c.commit(directory.DeleteUser{ID: p.User.ID, Purge: true})
	}
}

// extensionLookAlike: a name that differs from the URN in the Kelvin sign is another name.
func extensionLookAlike(c company) {
	c.commit(directory.PutExtension{Extension: skill(skillURN, directory.UserKind, false)})
	other := strings.Replace(skillURN, "Sk", "S\u212a", 1)
	own := scim.Object{{Name: "WORD", Value: "own"}}
	c.refuses(lockstep.CodeInvalid, person("ada", other, scim.Object{{Name: "word", Value: "other"}}, skillURN, own))
	a := c.get(c.user("ada", skillURN, own)).Attributes
	if ext, _ := a.Get(skillURN).(scim.Object); len(a) != 2 || len(ext) != 1 || ext[0].Name != "word" {
		c.Errorf("kept as %v", a)
	}
}

// extensionMany: one write makes a bounded number of index rows.
func extensionMany(c company) {
	c.commit(directory.PutExtension{Extension: skill(skillURN, directory.UserKind, true)})
	list := make(scim.List, 101)
	for i := range list {
		list[i] = fmt.Sprint("t", i)
	}
	ext := func(l scim.List) scim.Object { return scim.Object{{Name: "tags", Value: l}} }
	c.commit(person("ada", skillURN, ext(list[1:])))
	c.refuses(lockstep.CodeInvalid, person("bob", skillURN, ext(list)))
}
