package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"

	"lockstep/rule"
	"lockstep/scim"
)

func TestTexts(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{Ago(now.Add(-4*time.Second), now), "just now"},
		{Ago(now.Add(-59*time.Second), now), "59 s ago"},
		{Ago(now.Add(-90*time.Minute), now), "1 h ago"},
		{Ago(now.Add(-72*time.Hour), now), "3 days ago"},
		{Ago(now.Add(5*time.Minute), now), "in 5 min"},
		{Ago(now.Add(500*time.Millisecond), now), "now"},
		{Lasted(17 * time.Millisecond), "17 ms"},
		{Lasted(1400 * time.Millisecond), "1.4 s"},
		{Lasted(-time.Second), "0 ms"},
		{Lasted(200 * time.Second), "3 min 20 s"},
		{Lasted(3 * time.Hour), "3 h 0 min"},
		{Number(1234567), "1\u202f234\u202f567"},
		{Number(-1000), "−1\u202f000"},
		{Many(1, "person", "people"), "1 person"},
		{Many(0, "person", "people"), "0 people"},
		{Sentence("left out: élan"), "Left out: élan."},
		{Sentence("Done!"), "Done!"},
		{Sentence("people.csv: it ends inside of a row"), "people.csv: it ends inside of a row."},
		{Sentence("ada@acme.example is taken"), "ada@acme.example is taken."},
		{Sentence("userName is taken"), "userName is taken."},
		{Sentence("taken"), "Taken."},
		{Sentence("éa"), "Éa."},
		{Sentence(""), ""},
		{Attribute("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"), "department"},
		{Attribute(`emails[type eq "work"].value`), "emails[work]"},
		{Attribute(`urn:x:2.0:User:ids[type eq "a:b]"].value`), "ids[a:b]]"},
		{Attribute("urn:x:2.0:User:manager.value"), "manager.value"},
		{Attribute(`emails[type eq "work"].display`), "emails[work].display"},
		{Attribute("emails[primary eq true]"), "emails[primary eq true]"},
		{Attribute("emails]["), "emails]["},
		{Attributes([]string{"urn:x:2.0:User:costCenter", "title"}), "costCenter, title"},
		{Matched(MatchedBy([]string{"urn:x:2.0:User:employeeNumber", `emails[type eq "work"].value`})), "matched by employeeNumber, emails[work]"},
		{Matched("by hand"), "by hand"},
		{Referred("urn:x:2.0:User:manager", "Ada", false).String(), "manager + “Ada”"},
		{Value(scim.List{scim.Object{{Name: "value", Value: "a@b"}}, "c", int64(7), true}), "a@b, c, 7, true"},
		{Value(scim.Object{{Name: "givenName", Value: "Ada"}}), "givenName: Ada"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// declared are the constants of a type in package rule.
func declared(t *testing.T, name string) []string {
	t.Helper()
	files, err := os.ReadDir("../rule")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../rule/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == name && len(v.Values) == 1 {
					all = append(all, strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
				}
			}
			return true
		})
	}
	return all
}

// TestEverythingHasWords: rule lists every kind, state and harm that it declares, and each has words of its own.
func TestEverythingHasWords(t *testing.T) {
	lists := map[string][]string{}
	for _, k := range rule.Kinds() {
		lists["Kind"] = append(lists["Kind"], string(k))
		if d := DeedOf(k); d.Sign == "·" || d.Will == "" || d.Did == "" {
			t.Errorf("kind %s reads %+v", k, d)
		}
		for _, s := range rule.States() {
			if o := OutcomeOf(k, s); o.Sign == "" || o.Sign == "·" || o.Word == "" || o.Word == string(s) && s != rule.Failed || o.Tone == "" {
				t.Errorf("%s, %s reads %+v", k, s, o)
			}
		}
	}
	for _, s := range rule.States() {
		lists["State"] = append(lists["State"], string(s))
	}
	for _, h := range rule.Harms() {
		lists["Harm"] = append(lists["Harm"], string(h))
		if text := HarmOf(h, 3); strings.Contains(text, string(h)) || !strings.HasPrefix(text, "3 ") {
			t.Errorf("harm %s reads %q", h, text)
		}
	}
	for name, got := range lists {
		if want := declared(t, name); len(want) < 5 || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("rule lists of %s %q, and declares %q", name, got, want)
		}
	}
}

// TestChanges: what a plan shows of a change reads the same wherever it is shown.
func TestChanges(t *testing.T) {
	before, err := scim.DecodeObject([]byte(`{"title": "Analyst", "emails": [{"type": "work", "value": "a@x"}], "nickName": "A",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}}`))
	if err != nil {
		t.Fatal(err)
	}
	after, err := scim.DecodeObject([]byte(`{"title": "Senior analyst", "emails": [{"type": "work", "value": "b@x"}], "active": true,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Finance"}}`))
	if err != nil {
		t.Fatal(err)
	}
	all := Changes(before, after)
	want := `title “Analyst” → “Senior analyst”; emails[work] “a@x” → “b@x”; nickName cleared; 2 more`
	if got := Sum(all, 3); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Names(all, 2); got != "title, emails[work] and 3 more" {
		t.Errorf("names: %s", got)
	}
	if all := Changes(before, nil); all != nil {
		t.Errorf("without an object after it: %v", all)
	}
	if got := (Change{Attribute: "x", After: strings.Repeat("é", 50)}).String(); got != "x set to “"+strings.Repeat("é", 39)+"…”" {
		t.Errorf("a long value: %s", got)
	}
}

// TestClean: nothing that a terminal would obey is left, and what people write is.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Zoë Ångström 李": "Zoë Ångström 李",
		"a\x1b[2Jb":      "a\uFFFD[2Jb",
		"a\u009b2Jb":     "a\uFFFD2Jb",
		"a\u202eb\u2066": "a\uFFFDb\uFFFD",
		"a\nb\tc\rd\x7f": "a\uFFFDb\uFFFDc\uFFFDd\uFFFD",
		"a\u2028b\xff":   "a\uFFFDb\uFFFD",
		"👩‍💻":            "👩‍💻",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q is cleaned to %q, not %q", in, got, want)
		}
	}
}

// TestCell: no cell of a spreadsheet is taken for a formula.
func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Ada": "Ada", "a=1": "a=1", "=HYPERLINK(1)": "'=HYPERLINK(1)", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "＝1": "'＝1",
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
}
