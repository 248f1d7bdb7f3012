package demo

import (
	"bufio"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sample is the sample company: 58 people and 8 groups, chosen to be instructive. It has letter-case twins, somebody on a
// domain that the organisation has not verified, somebody whose manager does not exist, somebody who may not sign in,
// contractors, and two people whose colleagues at Webex are not who they seem to be.
//
//go:embed company/people.csv company/groups.csv
var sample embed.FS

// writeSample copies the sample company into a folder.
func writeSample(dir string) error {
	for _, name := range []string{"people.csv", "groups.csv"} {
		text, err := sample.ReadFile("company/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// enterprise is the URN of SCIM's enterprise extension (RFC 7643 §4.3).
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// Company is a company of any size, made by rule: the same numbers give the same people. Everybody but the first has a
// manager, who has eight people. Everybody is in one group; each tenth group contains the three groups after it.
type Company struct {
	People int
	Groups int
	Domain string // of addresses; "" is acme.example
}

// Span is how many people a manager has.
const Span = 8

// Person is one person of a Company, numbered from 0.
type Person struct {
	Number  int
	Manager int // -1 for the first
	Values  []string
}

// personColumns are the columns of a Company's people.csv between id and manager: 20 attributes. The first Mapped of them
// are those that the bench brings to the target.
var personColumns = []string{
	"userName", "name.givenName", "name.familyName", "displayName", "title", "nickName", "preferredLanguage", "timezone",
	`emails[type eq "work"].value`, `phoneNumbers[type eq "work"].value`, `addresses[type eq "work"].locality`,
	`addresses[type eq "work"].country`, enterprise + ":employeeNumber", enterprise + ":department",
	enterprise + ":costCenter", enterprise + ":division", enterprise + ":organization", "profileUrl", "userType",
	`addresses[type eq "work"].postalCode`,
}

// Mapped is how many of a person's attributes the bench maps, not counting active.
const Mapped = 15

var (
	givenNames  = []string{"Ada", "Ben", "Chloe", "David", "Elif", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Karin", "Luca", "Mia", "Noah", "Olga", "Priya"}
	familyNames = []string{"Abebe", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "Gallo", "Holm", "Ito", "Jansen", "Keller", "Lambert", "Moreau"}
	titles      = []string{"Engineer", "Analyst", "Designer", "Account executive", "Controller"}
	cities      = [][2]string{{"Zurich", "CH"}, {"Berlin", "DE"}, {"London", "GB"}, {"Austin", "US"}, {"Lyon", "FR"}}
	languages   = []string{"de_CH", "de_DE", "en_GB", "en_US", "fr_FR"}
	timezones   = []string{"Europe/Zurich", "Europe/Berlin", "Europe/London", "America/Chicago", "Europe/Paris"}
)

// Person returns person i.
func (c Company) Person(i int) Person {
	given, family := givenNames[i%len(givenNames)], familyNames[(i/len(givenNames))%len(familyNames)]
	place := i % len(cities)
	user := c.UserName(i)
	n := strconv.Itoa(i)
	p := Person{Number: i, Manager: -1, Values: []string{
		user, given, family, given + " " + family, titles[i%len(titles)], given + n, languages[place], timezones[place],
		user, fmt.Sprintf("+41 44 %07d", i), cities[place][0],
		cities[place][1], strconv.Itoa(100_000 + i), "Department " + strconv.Itoa(i%40),
		"CC-" + strconv.Itoa(i%100), "Division " + strconv.Itoa(i%12), "Acme", "https://people.acme.example/" + n, "Employee",
		strconv.Itoa(8000 + i%1000),
	}}
	if i > 0 {
		p.Manager = (i - 1) / Span
	}
	return p
}

// UserName returns the user name of person i.
func (c Company) UserName(i int) string {
	domain := c.Domain
	if domain == "" {
		domain = "acme.example"
	}
	return "person" + strconv.Itoa(i) + "@" + domain
}

// PersonID returns the id of person i in people.csv.
func PersonID(i int) string { return "p" + strconv.Itoa(i) }

// GroupID returns the id of group g in groups.csv.
func GroupID(g int) string { return "g" + strconv.Itoa(g) }

// GroupName returns the name of group g.
func GroupName(g int) string { return "Group " + strconv.Itoa(g) }

// GroupOf returns the group that person i is in; -1 when there are no groups.
func (c Company) GroupOf(i int) int {
	if c.Groups == 0 {
		return -1
	}
	return i % c.Groups
}

// Inside returns the groups that group g contains.
func (c Company) Inside(g int) []int {
	if g%10 != 0 {
		return nil
	}
	var in []int
	for n := g + 1; n <= g+3 && n < c.Groups; n++ {
		in = append(in, n)
	}
	return in
}

// Around returns the groups that contain group g.
func (c Company) Around(g int) []int {
	if outer := g - g%10; g%10 >= 1 && g%10 <= 3 {
		return []int{outer}
	}
	return nil
}

// Members returns the people of group g and of the groups in it.
func (c Company) Members(g int) []int {
	var people []int
	for _, n := range append([]int{g}, c.Inside(g)...) {
		for i := n; i < c.People; i += c.Groups {
			people = append(people, i)
		}
	}
	return people
}

// Write writes people.csv, groups.csv and memberships.csv into the folder.
func (c Company) Write(dir string) error {
	if err := writeFile(filepath.Join(dir, "people.csv"), c.writePeople); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "groups.csv"), c.writeGroups); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "memberships.csv"), c.writeMemberships)
}

// writeFile writes the file whole or not at all: whoever reads it meanwhile has the old one.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // when it has not become the file
	defer f.Close()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (c Company) writePeople(out io.Writer) error {
	w := csv.NewWriter(out)
	if err := w.Write(append(append([]string{"id"}, personColumns...), "manager")); err != nil {
		return err
	}
	for i := range c.People {
		p := c.Person(i)
		manager := ""
		if p.Manager >= 0 {
			manager = PersonID(p.Manager)
		}
		if err := w.Write(append(append([]string{PersonID(i)}, p.Values...), manager)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (c Company) writeGroups(out io.Writer) error {
	var text strings.Builder
	text.WriteString("id,displayName\n")
	for g := range c.Groups {
		text.WriteString(GroupID(g) + "," + GroupName(g) + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (c Company) writeMemberships(out io.Writer) error {
	if _, err := io.WriteString(out, "group,member,type\n"); err != nil {
		return err
	}
	for g := range c.Groups {
		for _, in := range c.Inside(g) {
			if _, err := fmt.Fprintf(out, "%s,%s,Group\n", GroupID(g), GroupID(in)); err != nil {
				return err
			}
		}
	}
	for i := range c.People {
		if g := c.GroupOf(i); g >= 0 {
			if _, err := fmt.Fprintf(out, "%s,%s,User\n", GroupID(g), PersonID(i)); err != nil {
				return err
			}
		}
	}
	return nil
}
