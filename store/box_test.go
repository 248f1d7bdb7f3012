package store

import (
	"bytes"
	"testing"

	"lockstep"
)

func TestBox(t *testing.T) {
	old, fresh := NewKey(), NewKey()
	parsed := func(text string) Key {
		k, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	text, purpose := []byte("where the page ended"), []byte("Users")
	sealed, err := old.Box("cursor").Seal(text, purpose)
	if err != nil {
		t.Fatal(err)
	}
	again, err := old.Box("cursor").Seal(text, purpose)
	if err != nil || bytes.Equal(again, sealed) || bytes.Contains(sealed, text) {
		t.Errorf("sealed twice: %q, %q, %v", sealed, again, err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)/2] ^= 1
	for _, c := range []struct {
		name    string
		box     Box
		sealed  []byte
		purpose string
		ok      bool
	}{
		{"by the same", old.Box("cursor"), sealed, "Users", true},
		{"by another node", parsed(old.Text()).Box("cursor"), sealed, "Users", true},
		{"with a newer key before", parsed(fresh.Text() + old.Text()).Box("cursor"), sealed, "Users", true},
		{"with another key", fresh.Box("cursor"), sealed, "Users", false},
		{"for another use", old.Box("link"), sealed, "Users", false},
		{"for another purpose", old.Box("cursor"), sealed, "Groups", false},
		{"damaged", old.Box("cursor"), damaged, "Users", false},
		{"cut off", old.Box("cursor"), sealed[:10], "Users", false},
		{"empty", old.Box("cursor"), nil, "Users", false},
		{"without a key", Key{}.Box("cursor"), sealed, "Users", false},
	} {
		got, err := c.box.Open(c.sealed, []byte(c.purpose))
		if c.ok != (err == nil) || c.ok != bytes.Equal(got, text) || !c.ok && lockstep.CodeOf(err) != lockstep.CodeSealed {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	if _, err := (Key{}).Box("cursor").Seal(text, purpose); lockstep.CodeOf(err) != lockstep.CodeKeyMissing {
		t.Errorf("sealed without a key: %v", err)
	}
}
