package provision_test

import (
	"log/slog"
	"testing"
)

// testLog writes the engine's log to the test's.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

const smallPeople = `id,userName,name.givenName,name.familyName,displayName,title,manager
1,ada@acme.example,Ada,Okafor,Ada Okafor,Chief,
2,ben@acme.example,Ben,Feld,Ben Feld,Engineer,1
3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2
`

const smallGroups = `id,displayName,members
g1,Everybody,1;g2
g2,Engineers,2;3
`

func TestFromFileToWebex(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.file("groups.csv", smallGroups)
	in := w.run(w.in)
	if in.Counts.Created != 5 || in.Counts.Failed != 0 {
		t.Fatalf("into the directory: %+v", in.Counts)
	}
	out := w.run(w.out)
	if out.Counts.Created != 5 || out.Counts.Failed != 0 {
		t.Fatalf("to Webex: %+v", out.Counts)
	}
	w.wantTarget(`
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`)
	t.Log(w.requests())
}
