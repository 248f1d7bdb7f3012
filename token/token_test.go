package token

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockstep"
)

func mustNew(t testing.TB, kind Kind) (Token, string) {
	t.Helper()
	tok, text, err := New(kind)
	if err != nil {
		t.Fatal(err)
	}
	return tok, text
}

func TestNewAndParse(t *testing.T) {
	form := regexp.MustCompile(`^lk[spwo]_[0-9a-f]{32}_[a-z2-7]{32}_[0-9a-f]{8}$`)
	seen := map[string]bool{}
	for _, kind := range []Kind{KindAPI, KindSCIM, KindOrg, KindLink} {
		tok, text := mustNew(t, kind)
		if !form.MatchString(text) || !strings.HasPrefix(text, string(kind)+"_") {
			t.Errorf("form of %q", text)
		}
		ref, err := Parse(text)
		if err != nil || ref != (Ref{Kind: kind, ID: tok.ID}) || !lockstep.ValidID(string(ref.ID)) {
			t.Errorf("Parse: %v, %v; want %v", ref, err, tok.ID)
		}
		if printed := fmt.Sprintf("%v %+v", tok, tok); strings.Contains(printed, strings.Split(text, "_")[2]) {
			t.Errorf("a printed token shows its secret: %s", printed)
		}
		if seen[text] {
			t.Error("twice the same token")
		}
		seen[text] = true
	}
}

func TestNewFails(t *testing.T) {
	if _, _, err := New("xyz"); err == nil {
		t.Error("an unknown kind was accepted")
	}
	for _, n := range []int{0, 10, 20, 35} { // of the 36 bytes it needs
		if _, text, err := (Maker{Rand: bytes.NewReader(make([]byte, n))}).New(KindAPI); err == nil || text != "" {
			t.Errorf("with %d random bytes: %q, %v", n, text, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	_, good := mustNew(t, KindAPI)
	resum := func(body string) string { return body + "_" + checksum(body) }
	parts := strings.Split(good, "_")
	for name, text := range map[string]string{
		"nothing":            "",
		"a word":             "secret",
		"only the parts":     "___",
		"cut off":            good[:len(good)-1],
		"blank at the end":   good + " ",
		"one letter changed": strings.Replace(good, good[40:41], string(good[40]^1), 1),
		"upper case":         strings.ToUpper(good),
		"unknown kind":       resum("lkx_" + parts[1] + "_" + parts[2]),
		"short id":           resum("lks_" + parts[1][2:] + "_" + parts[2]),
		"upper-case id":      resum("lks_" + "0A" + parts[1][2:] + "_" + parts[2]),
		"short secret":       resum("lks_" + parts[1] + "_" + parts[2][8:]),
		"line break inside":  resum("lks_" + parts[1] + "_" + parts[2][:8] + "\n" + parts[2][8:]),
		"one part too many":  resum("lks_" + parts[1] + "_x_" + parts[2]),
	} {
		ref, err := Parse(text)
		if err == nil || ref != (Ref{}) || lockstep.CodeOf(err) != lockstep.CodeUnauthorized {
			t.Errorf("%s: %q gave %v, %v", name, text, ref, err)
		}
		if err != nil && len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error repeats the text", name)
		}
	}
}

func TestCheck(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tok, text := mustNew(t, KindSCIM)
	_, other := mustNew(t, KindSCIM)
	expiring := tok
	expiring.Expires = now
	for _, c := range []struct {
		name string
		tok  Token
		text string
		now  time.Time
		want error
	}{
		{"right", tok, text, now, nil},
		{"another token", tok, other, now, ErrMismatch},
		{"nothing", tok, "", now, ErrMismatch},
		{"the empty Token", Token{}, "", now, ErrMismatch},
		{"a moment before it expires", expiring, text, now.Add(-1), nil},
		{"at the moment it expires", expiring, text, now, ErrExpired},
		{"expired and wrong", expiring, other, now, ErrMismatch},
	} {
		if err := c.tok.Check(c.text, c.now); err != c.want { //nolint:errorlint // the two errors share their code, so errors.Is cannot tell them apart
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if !errors.Is(ErrExpired, &lockstep.Error{Code: lockstep.CodeUnauthorized}) {
		t.Error("ErrExpired has another code")
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		have  string
		want  Scope
		allow bool
	}{
		{"", "users:read", false},
		{"users:read", "users:read", true},
		{"users:read", "users:write", false},
		{"users:write", "users:read", true},
		{"users:write", "groups:read", false},
		{"groups:read users:write", "users:write", true},
		{"users:*", "users:write", true},
		{"*:read", "apps:read", true},
		{"*:read", "apps:write", false},
		{"*:*", "apps:delete", true},
		{"*:*", "nonsense", false},
	} {
		scopes, err := ParseScopes(c.have)
		if err != nil {
			t.Fatal(err)
		}
		if got := scopes.Allow(c.want); got != c.allow {
			t.Errorf("%q allows %q: %v", c.have, c.want, got)
		}
	}
	for _, bad := range []string{"users", "users:", ":read", "users:read:all", "Users:read", "us*rs:read", strings.Repeat("x", 1000)} {
		_, err := ParseScopes("a:b " + bad)
		if lockstep.CodeOf(err) != lockstep.CodeInvalid || len(err.Error()) > 200 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got, err := ParseScopes("  b:c a:b b:c "); err != nil || got.String() != "a:b b:c" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzParse: no text panics; a text that parses is exactly the one that its parts make; every other text of one changed
// byte does not parse.
func FuzzParse(f *testing.F) {
	_, good := mustNew(f, KindAPI)
	for _, seed := range []string{good, "", "___", "lks_", good + "_", strings.ToUpper(good)} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		ref, err := Parse(text)
		if err != nil {
			if ref != (Ref{}) {
				t.Errorf("%q: an error and %v", text, ref)
			}
			return
		}
		id := strings.ReplaceAll(string(ref.ID), "-", "")
		if !strings.HasPrefix(text, string(ref.Kind)+"_"+id+"_") {
			t.Errorf("%q parsed to %v", text, ref)
		}
		changed := []byte(text)
		changed[uint(at)%uint(len(text))] ^= 1
		if _, err := Parse(string(changed)); err == nil {
			t.Errorf("%q and %q both parse", text, changed)
		}
	})
}
