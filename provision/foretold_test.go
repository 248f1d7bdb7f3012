package provision_test

import (
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/connector/webex"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/web"
)

var update = flag.Bool("update", false, "write docs/foretold.md anew")

// foretold says of every code that carrying out a row can give whether the plan tells.
type foretold struct {
	code   lockstep.Code
	tells  string                                  // "", "part": it tells of some, of which told is one
	as     []lockstep.Code                         // in the plan, if under other codes
	how    string                                  // how it knows, or why it cannot: a sentence for people
	scenes map[lockstep.Code]func(w *world) string // what is refused, by the code in the plan; the name of who is refused
}

const (
	yes  = "yes"
	part = "in part"
	no   = "no"
)

// codesOfApplying is every code that carrying out a row can give.
var codesOfApplying = []foretold{
	{code: lockstep.CodeConflict, tells: part, scenes: map[lockstep.Code]func(*world) string{lockstep.CodeConflict: renamedOnto},
		how: "Whose new name, or another value that must be unique there, an object of the target has that is nobody's of the source is refused in the plan, and so is who would be called as somebody who keeps the name (`match.duplicate_source`). What somebody gives up by the same plan is put in order. Who takes a value between plan and call is met by the call."},
	{code: lockstep.CodeTargetConflict, tells: part, as: []lockstep.Code{lockstep.CodeConflict, lockstep.CodeMatchTaken}, scenes: map[lockstep.Code]func(*world) string{lockstep.CodeConflict: renamedOnto},
		how: "As `conflict`. What the target neither lists nor finds cannot be seen before it is refused."},
	{code: lockstep.CodeMatchTaken, tells: part, scenes: map[lockstep.Code]func(*world) string{lockstep.CodeMatchTaken: linkedAlready},
		how: "Everybody new is looked for, and whose object it is that is found is known. An initial cycle has the target read first, and knows all that stands there; a preview knows what stood there when it was last read (`provision.TestForetoldByWhatWasRead`). The call looks once more, for what has happened since."},
	{code: lockstep.CodeMatchAmbiguous, tells: yes, scenes: map[lockstep.Code]func(*world) string{lockstep.CodeMatchAmbiguous: twoAreFound},
		how: "Everybody new is looked for. The call looks once more, for what has happened since."},
	{code: lockstep.CodeInvalid, tells: part, as: []lockstep.Code{lockstep.CodeInvalid, lockstep.CodeMapRequired, lockstep.CodeMapInvalid},
		how: "The directory's own schemas are asked about everybody who is created, changed or brought back, as they will be with what others have written (`provision.TestPlanTellsWhatSchemasRefuse`), and every value is checked by the schema of its attribute. What somebody changes between plan and commit is judged by the commit."},
	{code: lockstep.CodeDeletedByOrder, tells: yes,
		how: "The directory knows whom somebody has ordered to be deleted (`provision.TestPlanTellsWhatIsForbidden`)."},
	{code: lockstep.CodeTargetDomain, tells: part, scenes: map[lockstep.Code]func(*world) string{lockstep.CodeTargetDomain: unverifiedDomain},
		how: "When the connection's setting `domains` names the verified ones. Webex has no call that tells which they are."},
	{code: lockstep.CodeTargetRefused, tells: part, as: []lockstep.Code{lockstep.CodeMapRequired, lockstep.CodeMapInvalid},
		scenes: map[lockstep.Code]func(*world) string{lockstep.CodeMapRequired: requiredMissing, lockstep.CodeMapInvalid: noAddress},
		how:    "What the target's schema requires and allows is checked when values are made. Rules that stand in no schema are the target's secret: licences and seats that have run out, values that it bars, limits of a tenant. Its words stand in the row. Of Webex's rules about licences the row says which one."},
	{code: lockstep.CodeTargetUnsupported, tells: part, as: []lockstep.Code{lockstep.CodeMapUnknown},
		how: "Attributes that its schema does not have are refused when the rules are set. What it does not implement although it says so shows with the call."},
	{code: lockstep.CodeBlocked, tells: yes, how: "A plan asks the target for whoever is new, by the same way: it stops with this code before anything is planned."},
	{code: lockstep.CodeUnencrypted, tells: yes, how: "As `network.address_blocked`."},
	{code: lockstep.CodeAuthToken, tells: part, how: "A plan that asks the target stops with this code. A plan that need not ask does not see it, and a token may end between plan and call. *Test connection* tells at any time, and a token's end is announced."},
	{code: lockstep.CodeOAuthRefused, tells: part, how: "As `auth.token_rejected`."},
	{code: lockstep.CodeConsent, tells: part, how: "As `auth.token_rejected`."},
	{code: lockstep.CodeOAuthEndpoint, tells: no, how: "A state of the moment; it passes, or a connection test tells."},
	{code: lockstep.CodeAuthForbidden, tells: no, how: "No protocol tells what a token may write. A connection test reads; the first write shows it, and its row says which right."},
	{code: lockstep.CodeTargetName, tells: yes, how: "Webex is asked which licences and roles it has (`webex.TestForeseeLicences`, `webex.TestRoles`); while it does not say, the call does."},
	{code: lockstep.CodeTargetSeats, tells: part, how: "For whom no seat will be left is said in their row, which is carried out all the same: the account is worth having without the licence (`webex.TestForeseeLicences`, `provision.TestLicencesAndRoles`). Seats that others take meanwhile are met by the call."},
	{code: lockstep.CodeTargetAdmin, tells: yes, how: "Webex is asked who signs in and who else is a full administrator, and whoever loses the role by the same plan counts as gone (`webex.TestRoles`). The call looks once more."},
	{code: lockstep.CodeTargetHides, tells: no, how: "It shows when the object is read in order to be replaced: to ask for it would cost the plan a call for each object."},
	{code: lockstep.CodeTargetGone, tells: no, how: "Somebody has deleted the object there since it was last read. A look for drift tells of those beforehand."},
	{code: lockstep.CodeNotFound, tells: no, how: "Somebody has deleted the object in the directory since the plan."},
	{code: lockstep.CodeVersion, tells: no, how: "Somebody has changed the object since it was last seen. It is tried again with what is there then."},
	{code: lockstep.CodePlanStale, tells: no, how: "What the plan stood on has changed since: it says so of itself, and the next plan tells."},
	{code: lockstep.CodeGuardHeld, tells: no, how: "A row that was approved, and whose object has changed since, waits for another approval."},
	{code: lockstep.CodeEpoch, tells: no, how: "Another worker has the job; nothing was done."},
	{code: lockstep.CodeTargetUnreachable, tells: no, how: "A state of the moment: it is tried again."},
	{code: lockstep.CodeTargetTimeout, tells: no, how: "A state of the moment: it is tried again."},
	{code: lockstep.CodeTargetServerError, tells: no, how: "A state of the moment: it is tried again."},
	{code: lockstep.CodeTargetRateLimited, tells: no, how: "A state of the moment: the job waits."},
	{code: lockstep.CodeTargetMalformed, tells: no, how: "Only the answer shows it."},
	{code: lockstep.CodeTargetTooLarge, tells: no, how: "Only the answer shows it."},
	{code: lockstep.CodeTargetID, tells: part, how: "Everybody new is looked for, and an object that is found without an id that can be kept is known (`provision.TestIDsThatCannotBeKept`). Which id it gives to whom it creates only its answer shows."},
	{code: lockstep.CodeTargetRefusesAll, tells: no, how: "Only the answers to the others show it. Who is left out for it is planned again."},
	{code: lockstep.CodeTargetContradicts, tells: no, how: "Only the answer shows it."},
	{code: lockstep.CodeTargetNotListed, tells: no, how: "It says what became of a call whose answer was lost."},
	{code: lockstep.CodeInternal, tells: no, how: "A fault of ours."},
}

// notOfApplying are codes that the same packages use, and that no row can end with.
var notOfApplying = map[lockstep.Code]string{
	lockstep.CodeMapInvalid:    "of a plan, for what is not sent",
	lockstep.CodeRehearsal:     "of a try, whose rows are nobody's",
	lockstep.CodeReadEndless:   "of reading an application",
	lockstep.CodeMapSyntax:     "of setting rules",
	lockstep.CodeUniqueCircle:  "of a plan: who is held, and not sent",
	lockstep.CodeKeyMissing:    "of opening a database",
	lockstep.CodeBackupDamaged: "of a backup",
	lockstep.CodeAuthRole:      "of a connection test",
}

// applies are the files of which carrying out a row is made, but for what is common to all of the program.
var applies = []string{
	"../connection/*.go", "../connection/oauth/*.go", "../connector/scimapp/*.go", "../connector/webex/*.go", "../connector/directory/target.go", "../connector/directory/shared.go",
	"../directory/*.go", "../store/*.go", "apply.go", "send.go", "outcome.go", "uncertain.go", "here.go", "owner.go", "written.go", "stale.go", "match.go", "refusals.go",
}

// TestEveryCodeIsForetoldOrNot: each code that the packages name which carry out rows has its place in the table: a new one needs one, too.
func TestEveryCodeIsForetoldOrNot(t *testing.T) {
	rows := map[lockstep.Code]bool{}
	for _, f := range codesOfApplying {
		if rows[f.code] {
			t.Errorf("%s has two rows", f.code)
		}
		if rows[f.code] = true; f.how == "" || !slices.Contains([]string{yes, part, no}, f.tells) || f.tells == no && len(f.scenes)+len(f.as) > 0 {
			t.Errorf("the row of %s says too little, or too much", f.code)
		}
	}
	named := namedCodes(t)
	if len(named) < 20 {
		t.Fatalf("only %d codes were found", len(named))
	}
	for code, where := range named {
		if !rows[code] && notOfApplying[code] == "" {
			t.Errorf("%s, of %s, is neither in the table of what a plan foretells (docs/foretold.md) nor named as none of applying", code, where)
		}
	}
	for code := range rows {
		if named[code] == "" && code != lockstep.CodeEpoch {
			t.Errorf("%s has a row, and nothing gives it", code)
		}
	}
	for code := range notOfApplying {
		if rows[code] || named[code] == "" {
			t.Errorf("%s is named as none of applying for no reason", code)
		}
	}
}

// namedCodes returns the codes that the files of applies name, with the first file of each.
func namedCodes(t *testing.T) map[lockstep.Code]string {
	values := map[string]lockstep.Code{} // by the name of the constant
	fset := token.NewFileSet()
	catalogue, err := parser.ParseFile(fset, "../code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(catalogue, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is || len(spec.Values) != 1 {
			return true
		}
		switch v := spec.Values[0].(type) {
		case *ast.BasicLit:
			values[spec.Names[0].Name] = lockstep.Code(strings.Trim(v.Value, `"`))
		case *ast.UnaryExpr: // Err… = &Error{Code: Code…}
			for _, e := range v.X.(*ast.CompositeLit).Elts {
				if kv, is := e.(*ast.KeyValueExpr); is {
					values[spec.Names[0].Name] = values[kv.Value.(*ast.Ident).Name]
				}
			}
		}
		return true
	})
	found := map[lockstep.Code]string{}
	for _, pattern := range applies {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range f.Decls {
				if strings.HasPrefix(name, "../store/") && !ofChanges(decl) {
					continue
				}
				ast.Inspect(decl, func(n ast.Node) bool {
					if s, is := n.(*ast.SelectorExpr); is {
						if x, is := s.X.(*ast.Ident); is && x.Name == "lockstep" && (strings.HasPrefix(s.Sel.Name, "Code") || strings.HasPrefix(s.Sel.Name, "Err")) && values[s.Sel.Name] != "" && found[values[s.Sel.Name]] == "" {
							found[values[s.Sel.Name]] = name
						}
					}
					return true
				})
			}
		}
	}
	return found
}

// ofChanges reports whether a declaration of the store is of what carries out changes of a directory, or is common to all of the store.
func ofChanges(decl ast.Decl) bool {
	f, is := decl.(*ast.FuncDecl)
	if !is || f.Recv == nil {
		return is && f.Name.Name != "Open"
	}
	star, is := f.Recv.List[0].Type.(*ast.StarExpr)
	if !is {
		return false
	}
	of, is := star.X.(*ast.Ident)
	return is && of.Name == "change"
}

// TestForetold: what the table says that a plan tells is in the plan as refused, and nothing is sent for it, neither by the plan nor by carrying it out.
func TestForetold(t *testing.T) {
	for _, f := range codesOfApplying {
		for code, scene := range f.scenes {
			t.Run(string(f.code)+" as "+string(code), func(t *testing.T) {
				w := newWorld(t)
				who := scene(w)
				w.requests()
				c, planned := w.review()
				if i := slices.IndexFunc(planned, func(a plan.Action) bool { return a.Source.Name == who }); i >= 0 {
					t.Errorf("the plan foretells %s", planned[i].Kind)
				}
				told, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Cycle: c.ID, Text: who})
				w.must(err)
				if len(told) != 1 || told[0].Kind != rule.Skip || told[0].State != plan.Refused || told[0].Code != code || told[0].Detail == "" {
					t.Fatalf("the plan says of %s: %+v", who, told)
				}
				if c.Phase == provision.Review {
					w.apply(c)
				} else {
					w.edit(func(j *provision.Job) { j.Manual = false })
					w.run(w.out)
				}
				if sent := w.requests(); strings.Contains(sent, "POST /Users") || strings.Contains(sent, "PATCH") || strings.Contains(sent, "PUT") {
					t.Errorf("sent: %s", sent)
				}
				rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Text: who, Newest: true, Limit: 1})
				w.must(err)
				if len(rows) != 1 || rows[0].Code != code || rows[0].State != plan.Refused || rows[0].Attempt != 0 {
					t.Errorf("the row is %+v", rows)
				}
			})
		}
	}
}

// TestForetoldByWhatWasRead: that the account with somebody's name is another's is known to plans that go by what was read of the target, too: to an
// initial cycle, which has it read first, and to a preview.
func TestForetoldByWhatWasRead(t *testing.T) {
	for _, preview := range []bool{false, true} {
		t.Run(fmt.Sprintf("preview %t", preview), func(t *testing.T) {
			w := newWorld(t)
			who := linkedAlready(w)
			w.person("dan")
			w.ahead += 60e9
			w.edit(func(j *provision.Job) { j.Manual, j.Policy.Connections = true, 7 }) // other rules: all is read
			w.reread()
			kinds := map[string]string{}
			told := func(a plan.Action) error {
				kinds[a.Source.Name] = strings.Join([]string{string(a.Kind), string(a.State), string(a.Code)}, " ")
				return nil
			}
			w.requests()
			if preview {
				_, err := w.engine.Preview(w.ctx, w.tenant, w.out, told)
				w.must(err)
			} else {
				c := w.run(w.out)
				rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Cycle: c.ID})
				w.must(err)
				if c.Kind != provision.Initial {
					t.Fatalf("the cycle is %s", c.Kind)
				}
				for _, a := range rows {
					w.must(told(a))
				}
			}
			if kinds[who] != "skip refused match.already_linked" || kinds["dan@acme.example"] != "create planned " {
				t.Errorf("the plan says %v", kinds)
			}
		})
	}
}

// renamedOnto is somebody who gets the name of an account that is nobody's.
func renamedOnto(w *world) string {
	ada := w.person("ada")
	w.run(w.out)
	w.account("queen")
	w.set(ada, "userName", "queen@acme.example")
	return "queen@acme.example"
}

// linkedAlready is somebody new whose account is somebody else's.
func linkedAlready(w *world) string {
	w.person("ada")
	w.run(w.out)
	w.patchByHand("ada@acme.example", "userName", `"ben@acme.example"`)
	w.person("ben")
	return "ben@acme.example"
}

// twoAreFound is somebody new with whose name two accounts are found.
func twoAreFound(w *world) string {
	s := script(w)
	s.shows = func(typ string, values []string) (all []connection.Object) {
		for _, id := range []string{"1", "2"} {
			all = append(all, connection.Object{Ref: connection.Ref{Type: typ, ID: id}, Name: values[0], Values: scim.Object{{Name: "userName", Value: values[0]}}})
		}
		return all
	}
	w.run(w.out)
	w.person("ada")
	return "ada@acme.example"
}

// atWebex has the job write by the connector of Webex, to the same organisation.
func (w *world) atWebex(domains ...string) {
	w.Helper()
	target, err := webex.New(webex.Config{
		Endpoint: w.url, Domains: domains, Token: func(context.Context) (string, error) { return w.token, nil },
		HTTP: web.NewClient(web.ClientConfig{Dialer: &web.Dialer{Allow: web.Loopback()}}),
	})
	w.must(err)
	w.engine.Connect = connect{world: w, target: target}
}

func unverifiedDomain(w *world) string {
	w.atWebex("acme.example")
	w.person("ada")
	w.run(w.out)
	id := lockstep.NewID[lockstep.UserID]()
	w.change(directory.PutUser{User: directory.User{ID: id, Attributes: scim.Object{{Name: "userName", Value: "bob@old.example"}, {Name: "active", Value: true}}}})
	return "bob@old.example"
}

func noAddress(w *world) string {
	w.atWebex()
	id := lockstep.NewID[lockstep.UserID]()
	w.change(directory.PutUser{User: directory.User{ID: id, Attributes: scim.Object{{Name: "userName", Value: "bob"}, {Name: "active", Value: true}}}})
	return "bob"
}

// requiredMissing is somebody without a value that the target's schema requires.
func requiredMissing(w *world) string {
	s := script(w)
	s.is = func(sys *connection.System) {
		types := maps.Clone(sys.Types)
		if types == nil {
			types = map[string]*scim.Type{"Group": scim.GroupType()}
		}
		schema := scim.UserSchema()
		i := slices.IndexFunc(schema.Attributes, func(a scim.Attribute) bool { return a.Name == "title" })
		schema.Attributes[i].Required = true
		typ, err := scim.NewType(scim.ResourceType{Name: "User", Endpoint: "/Users", Schema: scim.UserURN, Extensions: []scim.Extension{{Schema: scim.EnterpriseUserURN}}}, schema, scim.EnterpriseUserSchema())
		w.must(err)
		types["User"] = typ
		sys.Types = types
	}
	w.person("ada")
	return "ada@acme.example"
}

// TestForetoldPage: docs/foretold.md is the table. After a change run `make docs`.
func TestForetoldPage(t *testing.T) {
	const name = "../docs/foretold.md"
	var page strings.Builder
	page.WriteString("# What a plan foretells\n\n" +
		"<!-- Generated from provision/foretold_test.go by `go test ./provision -run TestForetoldPage -update`. Do not edit. -->\n\n" +
		"A plan says what will be done, and of whom it knows that the target would refuse them: such a row is *refused* in the plan, with its code and\n" +
		"in words, and nothing is sent for it. It is looked at again by itself, and by *run*. This is every [code](errors.md) that carrying out a row can\n" +
		"give, and whether the plan tells before. What is told under another code has that one beside it.\n\n" +
		"| code | does the plan tell | how, or why not |\n| --- | --- | --- |\n")
	link := func(c lockstep.Code) string { return fmt.Sprintf("[`%s`](errors.md#%s)", c, c) }
	for _, f := range codesOfApplying {
		tells := f.tells
		if len(f.as) > 0 {
			var as []string
			for _, c := range f.as {
				as = append(as, link(c))
			}
			tells += ": " + strings.Join(as, ", ")
		}
		fmt.Fprintf(&page, "| %s | %s | %s |\n", link(f.code), tells, f.how)
	}
	if *update {
		if err := os.WriteFile(name, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if was, err := os.ReadFile(name); err != nil || string(was) != page.String() {
		t.Errorf("%s is not the table: run `make docs` (%v)", name, err)
	}
}
