package rule

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestRefusals: what is refused again and again in one way casts doubt, what individuals are refused for does not.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		planned int
		ops     string // one letter each: a, b, c are refusals by cause, . goes through, g is another deed that goes through
		times   int
		doubt   int // after which there is doubt; 0 is never
	}{
		{"all the same", 10_000, "a", 200, 100},
		{"all the same, of few", 50, "a", 50, 20},
		{"others go through", 10_000, "a.", 5000, 0},
		{"30 of 10,000 in a row, then all others", 10_000, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + "..........", 1, 0},
		{"19 of few", 50, "aaaaaaaaaaaaaaaaaaa.", 1, 0},
		{"nine of ten", 10_000, "aaaaaaaaa.", 100, 195},
		{"three of four go", 10_000, "a...", 3000, 0},
		{"another deed goes through", 10_000, "ag", 200, 199},
		{"two causes by turns", 10_000, "ab", 300, 199},
		{"each another cause", 1000, "?", 300, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Refusals
			n, got := 0, 0
			for range c.times {
				for _, op := range c.ops {
					n++
					switch op {
					case '.':
						r.Passed(Create, "User")
					case 'g':
						r.Passed(Create, "Group")
					case '?':
						r.Refused(Create, "User", "target.refused", fmt.Sprint("because of ", n), "", c.planned)
					default:
						r.Refused(Create, "User", "target.refused", string(op), "", c.planned)
					}
					if got == 0 && r.Doubt != nil {
						got = n
					}
				}
			}
			if got != c.doubt {
				t.Errorf("doubt after %d, want %d", got, c.doubt)
			}
			if len(r.Alike) > mostAlike {
				t.Errorf("%d kinds are kept", len(r.Alike))
			}
		})
	}
}

// TestRefusalsEnd: one that goes through ends the doubt, and twice as many are needed for the next; what is kept says the same.
func TestRefusalsEnd(t *testing.T) {
	var r Refusals
	next := 0
	for n := range 200 {
		r.Refused(Create, "User", "target.refused", "domain", fmt.Sprint("no ", n), 100)
		if r.Doubt == nil {
			continue
		}
		if r.Passed(Update, "User") || r.Doubt == nil {
			t.Fatal("another deed ends the doubt")
		}
		if next++; next == 1 && n != 19 || next == 2 && n != 59 || next == 3 && n != 139 {
			t.Errorf("doubt number %d after %d", next, n+1)
		}
		if r.Doubt.Says != fmt.Sprint("no ", n) || r.Doubt.All != n+1 {
			t.Errorf("%+v", r.Doubt)
		}
		text, err := json.Marshal(r)
		var back Refusals
		if err != nil || json.Unmarshal(text, &back) != nil || !back.Doubt.Of(Create, "User") {
			t.Fatal(string(text))
		}
		if r = back.Clone(); !r.Passed(Create, "User") || r.Doubt != nil {
			t.Error("it went through, and there is doubt")
		}
	}
	if next != 3 {
		t.Errorf("doubt %d times", next)
	}
}

func TestCauseOf(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		alike bool
	}{
		{`create ada@acme.example in Webex: it refused the value: "The domain acme.example is not verified" (HTTP 400 invalidValue)`, `create bo@acme.example in Webex: it refused the value: "The domain acme.example is not verified" (HTTP 400 invalidValue)`, true},
		{`create ada in Webex: it refused the value: "The value \"Analyst\" is no title"`, `create bo in Webex: it refused the value: "The value \"Chief of all\" is no title"`, true},
		{`it refused: "tracking id 7f-33"`, `it refused: "tracking id 19-2c"`, true},
		{`it refused: "'Berlin' isn't a site"`, `it refused: "'Rome' isn't a site"`, false}, // one quote too many to tell: they count by their code
		{`create ada in Webex: it refused the value: "no title"`, `create bo in Webex: it refused the value: "no licence"`, false},
	} {
		a, b := CauseOf(c.a, "ada"), CauseOf(c.b, "bo")
		if (a == b) != c.alike || a == "" {
			t.Errorf("%q and %q: alike is %t", a, b, a == b)
		}
	}
}
