package filter_test

import (
	"fmt"

	"lockstep/scim/filter"
)

func ExampleParse() {
	e, err := filter.Parse(`userType eq "Employee" AND (emails co "example.com" or emails.value co "example.org")`)
	fmt.Println(e, err)
	_, err = filter.Parse(`userName is "ada"`)
	fmt.Println(err)
	// Output:
	// userType eq "Employee" and (emails co "example.com" or emails.value co "example.org") <nil>
	// unknown operator "is" at column 10
}

func ExampleParser_Parse() {
	e, err := filter.Parser{Unquoted: true, Count: 10}.Parse(`userName sw O`)
	fmt.Println(e, err)
	// Output: userName sw "O" <nil>
}

func ExampleParsePath() {
	p, err := filter.ParsePath(`urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"].value`)
	fmt.Println(p.URN, p.Attr, p.Filter, p.Sub, err)
	// Output: urn:ietf:params:scim:schemas:core:2.0:User emails type eq "work" value <nil>
}

func ExampleCompile() {
	e, err := filter.Parse(`userName sw "ADA" and emails[type eq "work"]`)
	if err != nil {
		panic(err)
	}
	match := filter.Compile(e, filter.Types{})
	fmt.Println(match(object{"userName": "ada@example.com", "emails": list{object{"type": "work"}}}))
	fmt.Println(match(object{"userName": "ada@example.com"}))
	// Output:
	// true
	// false
}

func ExampleCompileValue() {
	p, err := filter.ParsePath(`emails[type eq "work"]`)
	if err != nil {
		panic(err)
	}
	match := filter.CompileValue(p.Filter, filter.Path{Attr: p.Attr}, filter.Types{})
	fmt.Println(match(object{"type": "home"}), match(object{"type": "Work"}))
	// Output: false true
}

func ExampleQuote() {
	fmt.Println("displayName eq " + filter.Quote(`the "A" team`))
	// Output: displayName eq "the \"A\" team"
}

func ExampleFold() {
	fmt.Println(filter.Fold("Ada@Example.COM"))
	// Output: ada@example.com
}
