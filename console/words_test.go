package console

import (
	"testing"
	"time"

	"lockstep/provision"
)

func TestShare(t *testing.T) {
	for _, c := range []struct{ got, want string }{{share(1, 3), "33.33%"}, {share(1, 0), "0%"}} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestProgress: a bar never stands at its end while there is something left, and its parts never exceed it.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		phase       provision.Phase
		counts      provision.Counts
		total       int
		done, of    int
		word        string
		unknownSize bool
	}{
		{provision.Reading, provision.Counts{Read: 10}, 0, 10, 0, "10 read", true},
		{provision.Reading, provision.Counts{Read: 10}, 40, 10, 40, "10 of 40 read", false},
		{provision.Reading, provision.Counts{Read: 44}, 40, 39, 40, "39 of 40 read", false},
		{provision.Review, provision.Counts{Planned: 6, Failed: 1}, 0, 1, 7, "7 changes planned, none sent", false},
		{provision.Applying, provision.Counts{Planned: 6, Created: 2, Failed: 1}, 0, 3, 7, "3 of 7 changes", false},
		{provision.Applying, provision.Counts{Planned: 6, Created: 6}, 0, 5, 6, "5 of 6 changes", false},
		{provision.Applying, provision.Counts{Planned: 2, Created: 6}, 0, 5, 6, "5 of 6 changes", false},
	} {
		p := progressOf("webex", provision.Cycle{Phase: c.phase, Counts: c.counts, Total: c.total})
		if p.Done != c.done || p.Total != c.of || p.Word != c.word {
			t.Errorf("%s %+v: %d of %d, %q", c.phase, c.counts, p.Done, p.Total, p.Word)
		}
		for _, s := range p.Segments {
			if s.From < 0 || s.To > 100 || s.To < s.From {
				t.Errorf("%s %+v: segment %+v", c.phase, c.counts, s)
			}
		}
		if (len(p.Segments) == 0) != c.unknownSize {
			t.Errorf("%s %+v: %d segments", c.phase, c.counts, len(p.Segments))
		}
	}
	ended := progressOf("webex", provision.Cycle{Phase: provision.Ended, EndedAt: time.Now()})
	if ended.Running || ended.Word != "Nothing to change" {
		t.Errorf("a cycle without changes: %+v", ended)
	}
}

func TestPace(t *testing.T) {
	var p pace
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(s, done, total int) string {
		return p.add(now.Add(time.Duration(s)*time.Second), progress{ID: "c", Done: done, Total: total})
	}
	for i, c := range []struct{ got, want string }{
		{at(0, 0, 100), ""},
		{at(2, 20, 100), "10/s · about 9 s left"},
		{at(4, 30, 100), "7.5/s · about 10 s left"},
		{at(14, 40, 100), "1.0/s · about 1 min left"}, // what lies more than ten seconds back no longer counts
		{at(15, 1, 50), ""},                           // the next phase
		{at(17, 1, 50), ""},                           // nothing moves
	} {
		if c.got != c.want {
			t.Errorf("%d: got %q, want %q", i, c.got, c.want)
		}
	}
}
