package token

import (
	"bytes"
	"testing"
	"time"

	"lockstep"
)

// TestRotate: a rotated token has the id of before and two secrets, of which the older ends first.
func TestRotate(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first, one := mustNew(t, KindSCIM)
	first.Scopes, first.Expires = Scopes{"scim:write"}, now.Add(48*time.Hour)
	second, two, err := first.Rotate(now, 24*time.Hour, now.Add(1000*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	third, three, err := second.Rotate(now.Add(time.Hour), time.Hour, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if ref, err := Parse(two); err != nil || ref != (Ref{Kind: KindSCIM, ID: first.ID}) || second.ID != first.ID || second.Scopes.String() != "scim:write" {
		t.Errorf("the rotated token is %+v, its text says %v, %v", second, ref, err)
	}
	for _, c := range []struct {
		name string
		tok  Token
		text string
		at   time.Duration
		half Half
		want error
	}{
		{"new", second, two, 0, Current, nil},
		{"old within the overlap", second, one, 24*time.Hour - 1, Old, nil},
		{"old at its end", second, one, 24 * time.Hour, Old, ErrExpired},
		{"new beyond the first expiry", second, two, 999 * time.Hour, Current, nil},
		{"new at its expiry", second, two, 1000 * time.Hour, Current, ErrExpired},
		{"the oldest of three", third, one, time.Hour, Current, ErrMismatch},
		{"the middle of three", third, two, 2*time.Hour - 1, Old, nil},
		{"the newest of three", third, three, 100_000 * time.Hour, Current, nil},
		{"nothing", third, "", 0, Current, ErrMismatch},
	} {
		half, err := c.tok.Match(c.text, now.Add(c.at))
		if half != c.half || err != c.want { //nolint:errorlint // the errors share their code, so errors.Is cannot tell them apart
			t.Errorf("%s: %v, %v; want %v, %v", c.name, half, err, c.half, c.want)
		}
	}
}

// TestRotateEnds: the old secret never outlives its own expiry, and without an overlap it ends at once.
func TestRotateEnds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tok, text := mustNew(t, KindAPI)
	tok.Expires = now.Add(time.Hour)
	next, _, err := tok.Rotate(now, 24*time.Hour, time.Time{})
	if err != nil || !next.Former.Ends.Equal(now.Add(time.Hour)) {
		t.Errorf("the old secret ends at %v, %v", next.Former.Ends, err)
	}
	for _, c := range []struct {
		overlap time.Duration
		at      time.Time
	}{{0, now}, {time.Hour, now.Add(2 * time.Hour)}} {
		next, _, err := tok.Rotate(c.at, c.overlap, time.Time{})
		if err != nil || next.Former != (Former{}) {
			t.Errorf("overlap %v: %+v, %v", c.overlap, next.Former, err)
		}
		if err := next.Check(text, c.at); err != ErrMismatch { //nolint:errorlint // see above
			t.Errorf("overlap %v: the old secret gives %v", c.overlap, err)
		}
	}
}

// TestRotateFails: what cannot be done leaves no text behind.
func TestRotateFails(t *testing.T) {
	tok, _ := mustNew(t, KindAPI)
	for _, overlap := range []time.Duration{-1, MaxOverlap + 1} {
		if _, text, err := tok.Rotate(time.Now(), overlap, time.Time{}); lockstep.CodeOf(err) != lockstep.CodeInvalid || text != "" {
			t.Errorf("overlap %v: %q, %v", overlap, text, err)
		}
	}
	if _, text, err := (Maker{Rand: bytes.NewReader(nil)}).Rotate(tok, time.Now(), 0, time.Time{}); err == nil || text != "" {
		t.Errorf("without randomness: %q, %v", text, err)
	}
	if _, _, err := (Token{ID: "none", Kind: KindAPI}).Rotate(time.Now(), 0, time.Time{}); err == nil {
		t.Error("a token without an id was rotated")
	}
}

// TestRotateExpired: a new secret that would have expired already is refused, wherever it is asked for.
func TestRotateExpired(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tok, _ := mustNew(t, KindAPI)
	for expires, want := range map[time.Time]lockstep.Code{now: lockstep.CodeConflict, now.Add(-time.Hour): lockstep.CodeConflict, now.Add(1): "", {}: ""} {
		if _, _, err := tok.Rotate(now, 0, expires); lockstep.CodeOf(err) != want && (err != nil || want != "") {
			t.Errorf("expires %v: %v, want %q", expires, err, want)
		}
	}
}
