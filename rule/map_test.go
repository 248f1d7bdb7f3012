package rule_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

// TestMap runs testdata/map/*.txtar: the mappings, then cases. A case begins with its source, whose title says what happens to
// the object; written, want, match, problems and redacted follow.
func TestMap(t *testing.T) {
	files, err := filepath.Glob("testdata/map/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := rule.ObjectMapping{}
		if err := json.Unmarshal(archive.Files[0].Data, &m.Attributes); err != nil {
			t.Fatal(file, err)
		}
		p, problems := rule.Compile(m, scim.UserType(), rule.Options{})
		if len(problems) > 0 {
			t.Fatal(file, problems)
		}
		for i, f := range archive.Files {
			if strings.HasPrefix(f.Name, "create") || strings.HasPrefix(f.Name, "update") {
				t.Run(filepath.Base(file)+"/"+f.Name, func(t *testing.T) { mapCase(t, p, archive.Files[i:]) })
			}
		}
	}
}

func mapCase(t *testing.T, p *rule.Program, files []txtar.File) {
	title := files[0].Name
	in := rule.Input{
		ID: "4711", Values: object(t, files[0].Data), Now: noon,
		Creating: strings.HasPrefix(title, "create"),
		Enabled:  !strings.Contains(title, "disabled"),
		Deleted:  strings.Contains(title, "deleted"),
		InScope:  !strings.Contains(title, "out of scope"),
	}
	parts := map[string]string{}
	for _, f := range files[1:] {
		if strings.HasPrefix(f.Name, "create") || strings.HasPrefix(f.Name, "update") {
			break
		}
		parts[f.Name] = strings.TrimSpace(string(f.Data))
	}
	if written, ok := parts["written"]; ok {
		in.Written = object(t, []byte(written))
	}
	out := p.Map(in)
	if want := object(t, []byte(parts["want"])); !scim.Equal(out.Want, want) {
		t.Errorf("want\n%s, got\n%s", scim.AppendJSON(nil, want), scim.AppendJSON(nil, out.Want))
	}
	var match []string
	for _, m := range out.Match {
		match = append(match, m.Attribute+"="+m.Value)
	}
	if got := strings.Join(match, "\n"); got != parts["match"] {
		t.Errorf("match: got %s", got)
	}
	if want, ok := parts["redacted"]; ok && strings.Join(out.Redacted, "\n") != want {
		t.Errorf("redacted: got %s", out.Redacted)
	}
	var problems []string
	if parts["problems"] != "" {
		problems = strings.Split(parts["problems"], "\n")
	}
	if len(problems) != len(out.Problems) {
		t.Fatalf("problems: got %q", out.Problems)
	}
	for i, line := range problems {
		code, text, _ := strings.Cut(line, " ")
		if err := out.Problems[i]; string(lockstep.CodeOf(err)) != code || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("problem %d: got %q, want %s", i, err, line)
		}
	}
}

func object(t *testing.T, data []byte) scim.Object {
	t.Helper()
	o, err := scim.DecodeObject(data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func from(name string) *rule.MappingSource {
	return &rule.MappingSource{Type: rule.FromAttribute, Name: name, Expression: "[" + name + "]"}
}

func function(text string) *rule.MappingSource {
	return &rule.MappingSource{Type: rule.FromFunction, Expression: text}
}

func compile(t testing.TB, mappings ...rule.Mapping) *rule.Program {
	t.Helper()
	mappings = append(mappings, rule.Mapping{Target: "userName", Source: from("userName"), Match: 1})
	p, problems := rule.Compile(rule.ObjectMapping{Attributes: mappings}, scim.UserType(), rule.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// TestRandomValuesStay: what is random is made on create, and again only when an attribute changes that it depends on.
func TestRandomValuesStay(t *testing.T) {
	p := compile(t,
		rule.Mapping{Target: "password", Source: function(`RandomString(12, 1, 1, 1, 1)`)},
		rule.Mapping{Target: "nickName", Source: function(`SelectUniqueValue([nick], Append([nick], "2"))`)},
		rule.Mapping{Target: "externalId", Source: function(`Guid()`)},
		rule.Mapping{Target: "title", Source: function(`FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd HH:mm:ss")`), Clear: true},
		rule.Mapping{Target: "displayName", Source: function(`FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "HH:mm:ss")`)},
	)
	var asked []string
	in := rule.Input{
		Values: scim.Object{{Name: "userName", Value: "ada"}, {Name: "nick", Value: "a"}}, Enabled: true, InScope: true, Creating: true,
		Now: noon, Random: bytes.NewReader(make([]byte, 1<<16)),
		Unique: func(attribute, candidate string) (bool, error) {
			asked = append(asked, attribute+"="+candidate)
			return candidate != "a", nil
		},
	}
	made := p.Map(in)
	if len(made.Problems) > 0 || made.Want.Text("nickName") != "a2" || strings.Join(asked, " ") != "nickName=a nickName=a2" {
		t.Fatalf("got %+v, asked %q", made, asked)
	}
	if got := strings.Join(made.Redacted, " "); got != "password" {
		t.Errorf("redacted: %s", got)
	}
	if made.Want.Text("title") != "2026-11-22 12:00:00" || made.Want.Text("displayName") != "12:00:00" || !made.Recheck.IsZero() {
		t.Errorf("got %s, again at %s", made.Want.Text("title"), made.Recheck)
	}
	in.Creating, in.Written, in.WrittenHash = false, made.Want, made.Hash
	in.Now, in.Random, in.Unique = noon.Add(time.Hour), nil, nil
	same := p.Map(in)
	if !scim.Equal(same.Want, made.Want) || len(same.Problems) > 0 || same.Hash != made.Hash {
		t.Errorf("it does not stay: %s, %v", scim.AppendJSON(nil, same.Want), same.Problems)
	}
	in.WrittenHash = ""
	in.Values = scim.Object{{Name: "userName", Value: "ada"}, {Name: "nick", Value: "b"}}
	if unknown := p.Map(in); !scim.Equal(unknown.Want, made.Want) {
		t.Errorf("without the hash it does not stay: %s", scim.AppendJSON(nil, unknown.Want))
	}
	in.WrittenHash = made.Hash
	in.Unique = func(string, string) (bool, error) { return true, nil }
	changed := p.Map(in)
	if changed.Want.Text("nickName") != "b" || changed.Want.Text("externalId") != made.Want.Text("externalId") || changed.Hash == made.Hash {
		t.Errorf("got %s, %v", scim.AppendJSON(nil, changed.Want), changed.Problems)
	}
}

// TestUniqueFails: an error of the search keeps its code and names the attribute.
func TestUniqueFails(t *testing.T) {
	p := compile(t, rule.Mapping{Target: "nickName", Source: function(`SelectUniqueValue([a], [b])`)})
	out := p.Map(rule.Input{
		Values:   scim.Object{{Name: "userName", Value: "ada"}, {Name: "a", Value: "1"}, {Name: "b", Value: "2"}},
		Creating: true, Enabled: true, InScope: true,
		Unique: func(string, string) (bool, error) {
			return false, &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Detail: "it is away"}
		},
	})
	if len(out.Problems) != 1 || lockstep.CodeOf(out.Problems[0]) != lockstep.CodeTargetUnreachable {
		t.Fatalf("got %q", out.Problems)
	}
	if e, ok := errors.AsType[*lockstep.Error](out.Problems[0]); !ok || e.Detail != "nickName: it is away" {
		t.Errorf("got %q", out.Problems)
	}
}

// TestTimeMatters: an expression that looks at days is evaluated anew when the day has come, and says when that is.
func TestTimeMatters(t *testing.T) {
	p := compile(t, rule.Mapping{Target: "title", Source: function(`IIF(DateDiff("d", Now(), CDate([hireDate])) > 0, "new", "old")`)})
	in := rule.Input{
		Values:  scim.Object{{Name: "userName", Value: "ada"}, {Name: "hireDate", Value: "2026-11-24"}},
		Enabled: true, InScope: true, Creating: true, Now: noon,
	}
	for _, c := range []struct{ now, want, recheck string }{
		{"2026-11-22T12:00:00Z", "new", "2026-11-23T00:00:00Z"},
		{"2026-11-22T23:59:59.5Z", "new", "2026-11-23T00:00:00Z"},
		{"2026-11-24T00:00:00Z", "old", "2026-11-25T00:00:00Z"},
	} {
		var err error
		if in.Now, err = time.Parse(time.RFC3339, c.now); err != nil {
			t.Fatal(err)
		}
		out := p.Map(in)
		if got := out.Recheck.Format(time.RFC3339); out.Want.Text("title") != c.want || got != c.recheck {
			t.Errorf("%s: %s until %s, %v", c.now, out.Want.Text("title"), got, out.Problems)
		}
		in.Creating, in.Written, in.WrittenHash = false, out.Want, out.Hash
	}
}

// TestGone: of an object that no longer exists at the source nothing changes but that it is disabled.
func TestGone(t *testing.T) {
	written := object(t, []byte(`{"userName": "ada", "active": true, "title": "T", "displayName": "Ada", "nickName": "here", "userType": "x"}`))
	for _, active := range []string{`Not([IsSoftDeleted])`, `IIF(IsPresent([title]), Not([IsSoftDeleted]), "True")`} {
		p := compile(t,
			rule.Mapping{Target: "active", Source: function(active)},
			rule.Mapping{Target: "title", Source: from("title"), Clear: true},
			rule.Mapping{Target: "displayName", Source: function(`Append([first], "!")`)},
			rule.Mapping{Target: "nickName", Source: function(`Switch([IsSoftDeleted], , "True", "gone", "False", "here")`)},
			rule.Mapping{Target: "userType", Default: "y", DefaultOnUpdate: true},
			rule.Mapping{Target: "locale", Source: &rule.MappingSource{Type: rule.FromConstant, Expression: "de"}},
		)
		out := p.Map(rule.Input{Gone: true, Enabled: true, InScope: true, Written: written, Now: noon})
		want := `{"userName":"ada","active":false,"title":"T","displayName":"Ada","nickName":"gone","userType":"x"}`
		if got := string(scim.AppendJSON(nil, out.Want)); got != want || len(out.Problems) > 0 {
			t.Errorf("%s: got %s, %v", active, got, out.Problems)
		}
	}
}

// TestHash: what a random value depends on is told apart by where it stands.
func TestHash(t *testing.T) {
	p := compile(t, rule.Mapping{Target: "nickName", Source: function(`SelectUniqueValue([a], [b])`)})
	seen := map[string]string{}
	for _, values := range []string{`{"a": "x"}`, `{"b": "x"}`, `{"a": ["x", "y"]}`, `{"a": "xy"}`, `{"a": "x", "b": "y"}`} {
		hash := p.Map(rule.Input{Values: object(t, []byte(values))}).Hash
		if other, is := seen[hash]; is {
			t.Errorf("%s and %s have the hash %s", other, values, hash)
		}
		seen[hash] = values
	}
}

// TestMapSmall: what becomes of one value.
func TestMapSmall(t *testing.T) {
	constant := func(name, expression string) *rule.MappingSource {
		return &rule.MappingSource{Type: rule.FromConstant, Name: name, Expression: expression}
	}
	for _, c := range []struct {
		name         string
		m            rule.Mapping
		source, want string // want is userName's too, unless it is said
		in           rule.Input
	}{
		{"a bare constant", rule.Mapping{Target: "title", Source: constant("", `de`)}, `{}`, `{"userName":"ada","title":"de"}`, rule.Input{}},
		{"a quoted constant", rule.Mapping{Target: "title", Source: constant("", `"de"`)}, `{}`, `{"userName":"ada","title":"de"}`, rule.Input{}},
		{"a constant by its name", rule.Mapping{Target: "title", Source: constant("de", ``)}, `{}`, `{"userName":"ada","title":"de"}`, rule.Input{}},
		{"an empty text is no Boolean", rule.Mapping{Target: "active", Source: function(`Switch([x], "", "y", "True")`), Default: "False"}, `{}`, `{"userName":"ada","active":false}`, rule.Input{Creating: true}},
		{"an empty text is a text", rule.Mapping{Target: "title", Source: function(`Switch([x], "", "y", "True")`), Default: "none"}, `{}`, `{"userName":"ada","title":""}`, rule.Input{Creating: true}},
		{"what was written does not count on create", rule.Mapping{Target: "title", Source: from("x")}, `{}`, `{"userName":"ada"}`, rule.Input{Creating: true, Written: scim.Object{{Name: "title", Value: "old"}}}},
		{"roles", rule.Mapping{Target: "title", Source: function(`SingleAppRoleAssignment([appRoleAssignments])`)}, `{"appRoleAssignments": ["Admin"]}`, `{"userName":"ada","title":"Admin"}`, rule.Input{}},
	} {
		c.in.Values = object(t, []byte(c.source))
		c.in.Values.Set("userName", "ada")
		out := compile(t, c.m).Map(c.in)
		if want := object(t, []byte(c.want)); !scim.Equal(out.Want, want) || len(out.Problems) > 0 {
			t.Errorf("%s: got %s, %v", c.name, scim.AppendJSON(nil, out.Want), out.Problems)
		}
	}
}

// TestEmptyKey: nobody is looked for by an empty text.
func TestEmptyKey(t *testing.T) {
	p, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{
		{Target: "title", Source: from("title")},
		{Target: "userName", Source: function(`Switch([x], "", "y", "z")`), Match: 1},
	}}, scim.UserType(), rule.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	out := p.Map(rule.Input{Creating: true})
	if len(out.Match) > 0 || len(out.Problems) != 1 || !strings.HasPrefix(out.Problems[0].Error(), "userName stays empty: the source has no x") {
		t.Errorf("got %v, %v", out.Match, out.Problems)
	}
}

// TestKnown: what flows always is taken from what is compared with, so that it is sent again.
func TestKnown(t *testing.T) {
	p := compile(t, rule.Mapping{Target: "name.givenName", Source: from("first"), Behavior: rule.FlowAlways})
	written := object(t, []byte(`{"userName": "ada", "name": {"givenName": "Ada", "familyName": "L"}}`))
	if got := string(scim.AppendJSON(nil, p.Known(written))); got != `{"userName":"ada","name":{"familyName":"L"}}` {
		t.Errorf("got %s", got)
	}
	if !written.Has("name") || p.Known(nil) != nil {
		t.Error("what was written has changed")
	}
}

// TestClears: what a person loses is told by the paths that are mapped.
func TestClears(t *testing.T) {
	p := compile(t, rule.Mapping{Target: "title", Source: from("title"), Clear: true}, rule.Mapping{Target: `emails[type eq "work"].value`, Source: from("mail"), Clear: true})
	before := object(t, []byte(`{"userName": "ada", "title": "T", "nickName": "not mapped", "emails": [{"type": "work", "value": "a"}, {"type": "home", "value": "b"}]}`))
	want := p.Map(rule.Input{Values: scim.Object{{Name: "userName", Value: "ada"}}, Enabled: true, InScope: true, Written: before}).Want
	if got := strings.Join(p.Clears(before, want), " "); got != `title emails[type eq "work"].value` {
		t.Errorf("got %s", got)
	}
	if got := p.Clears(nil, want); got != nil {
		t.Errorf("got %s", got)
	}
}

// mappings generates rules over the attributes a and b of the source.
func mappings() *rapid.Generator[[]rule.Mapping] {
	targets := []string{
		"title", "displayName", "active", "name.givenName", `emails[type eq "work"].value`, `emails[type eq "home"].value`, "roles", "photos.value",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "nickName", `addresses[type eq "work"].country`, "profileUrl",
	}
	sources := []*rule.MappingSource{
		nil, from("a"), from("b"), function(`Not([a])`), function(`Coalesce([a], [b])`), function(`Switch([a], "x", "ada", "lovelace")`),
		function(`IgnoreFlowIfNullOrEmpty([a])`), function(`Split([a], "a")`), function(`Guid()`), function(`Append([a], "!")`),
		function(`Left([b], 1)`),
		{Type: rule.FromConstant, Expression: "fixed"},
		function(`Item([a], 2)`), from("IsSoftDeleted"),
	}
	return rapid.Custom(func(t *rapid.T) []rule.Mapping {
		list := []rule.Mapping{{Target: "userName", Source: from("a"), Match: 1}}
		for _, target := range targets {
			if rapid.Bool().Draw(t, target) {
				list = append(list, rule.Mapping{
					Target: target, Source: rapid.SampledFrom(sources).Draw(t, "source"),
					Default:  rapid.SampledFrom([]string{"", "", "True", "none"}).Draw(t, "default"),
					FlowType: rapid.SampledFrom([]rule.FlowType{"", "", rule.ObjectAddOnly, rule.MultiValueAddOnly}).Draw(t, "flow"),
					Clear:    rapid.Bool().Draw(t, "clear"), DefaultOnUpdate: rapid.Bool().Draw(t, "default on update"),
				})
			}
		}
		return list
	})
}

// TestMapProperties: Map gives the same for the same, settles at once, changes neither its input nor what it does not map, and
// never fails without a code.
func TestMapProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rule.ObjectMapping{Attributes: mappings().Draw(t, "mappings")}
		p, problems := rule.Compile(m, scim.UserType(), rule.Options{})
		for _, err := range problems {
			if lockstep.CodeOf(err) == lockstep.CodeInternal {
				t.Errorf("a problem without a code: %v", err)
			}
		}
		in := rule.Input{Enabled: rapid.Bool().Draw(t, "enabled"), InScope: true, Now: noon, Creating: rapid.Bool().Draw(t, "creating")}
		in.Values.Set("a", values().Draw(t, "a"))
		in.Values.Set("b", values().Draw(t, "b"))
		in.Written = scim.Object{{Name: "unmapped", Value: "stays"}, {Name: "emails", Value: scim.List{scim.Object{{Name: "type", Value: "work"}, {Name: "value", Value: "old"}}}}}
		before := fmt.Sprint(in.Values, in.Written)
		run := func(in rule.Input) rule.Output {
			in.Random = bytes.NewReader(make([]byte, 1<<12))
			return p.Map(in)
		}
		first := run(in)
		if again := run(in); !scim.Equal(first.Want, again.Want) || len(first.Problems) != len(again.Problems) || first.Hash != again.Hash {
			t.Errorf("the second time it is another: %v, %v", first, again)
		}
		if !in.Creating && first.Want.Text("unmapped") != "stays" {
			t.Error("an attribute without a mapping was lost")
		}
		for _, err := range first.Problems {
			if e, ok := errors.AsType[*lockstep.Error](err); !ok || e.Code == lockstep.CodeInternal || e.Detail == "" {
				t.Errorf("a problem without a code: %v", err)
			}
		}
		snapshot := first.Want.Clone()
		in.Creating, in.Written, in.WrittenHash = false, first.Want, first.Hash
		settled := run(in)
		if diff := scim.Diff(snapshot, settled.Want); len(diff) > 0 {
			t.Errorf("it does not settle: %v", diff)
		}
		if !scim.Equal(snapshot, first.Want) {
			t.Error("what was written has been changed in place")
		}
		in.Written = nil
		if after := fmt.Sprint(in.Values); !strings.HasPrefix(before, after) {
			t.Error("the source has been changed")
		}
	})
}
