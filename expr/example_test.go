package expr_test

import (
	"fmt"
	"time"

	"lockstep"
	"lockstep/expr"
)

func Example() {
	p, err := expr.Compile(`Switch([country], Join("@", [mailNickname], "example.com"), "DE", Join("@", [mailNickname], "example.de"))`)
	if err != nil {
		fmt.Println(err)
		return
	}
	person := map[string]expr.Value{"mailNickname": {"ada"}, "country": {"DE"}}
	v, err := p.Eval(&expr.Env{Attribute: func(name string) expr.Value { return person[name] }})
	fmt.Println(v, err)
	// Output: "ada@example.de" <nil>
}

func ExampleCompile() {
	_, err := expr.Compile(`Join(", ", [surname], givenName)`)
	fmt.Println(err)
	fmt.Println(lockstep.CodeOf(err))
	// Output:
	// column 23: givenName is not known; write an attribute as [givenName] and a text as "givenName"
	// map.syntax
}

func ExampleProgram_Attributes() {
	p, _ := expr.Compile(`Coalesce([emails[type eq "work"].value], [userName])`)
	fmt.Printf("%q\n", p.Attributes())
	// Output: ["emails[type eq \"work\"].value" "userName"]
}

func ExampleProgram_Eval() {
	p, _ := expr.Compile(`IIF(DateDiff("d", Now(), CDate([hired])) > 5, "False", "True")`)
	var next time.Time
	v, err := p.Eval(&expr.Env{
		Attribute:  func(string) expr.Value { return expr.Value{"2026-03-01"} },
		Now:        time.Date(2026, 2, 20, 9, 30, 0, 0, time.UTC),
		NextChange: &next,
	})
	fmt.Println(v, err, "look again at", next.Format(time.RFC3339))
	// Output: "False" <nil> look again at 2026-02-21T00:00:00Z
}

func ExampleProgram_String() {
	p, _ := expr.Compile(`IIF( [country]="GB",[mail] , )`)
	fmt.Println(p)
	// Output: IIF([country] = "GB", [mail], )
}

func ExampleProgram_Volatile() {
	p, _ := expr.Compile(`Append([mailNickname], RandomString(4, 4, 0, 0, 0))`)
	fmt.Println(p.Volatile())
	// Output: true
}

func ExampleProgram_Calls() {
	p, _ := expr.Compile(`AssertiveAppRoleAssignmentsComplex([appRoleAssignments])`)
	fmt.Println(p.Calls("AssertiveAppRoleAssignmentsComplex"))
	// Output: true
}

func ExampleFunctions() {
	fn := expr.Functions()[0]
	fmt.Println(fn.Signature)
	fmt.Println(fn.Example, "gives", fn.Result)
	// Output:
	// And(condition, condition, …)
	// And([country] = "GB", IsPresent([department])) gives "True"
}
