package expr

import "testing"

// mappings are typical of what administrators write.
var mappings = []struct{ name, src string }{
	{"Direct", `[userPrincipalName]`},
	{"Switch", `Switch([country], "en-US", "DE", "de-DE", "FR", "fr-FR", "GB", "en-GB")`},
	{"Join", `Join(".", NormalizeDiacritics([givenName]), ToLower([surname]))`},
	{"Replace", `Replace([userPrincipalName], "@example.com", , , "@example.org", , )`},
	{"Typical", `Switch([country], Join("@", [mailNickname], "x.com"), "GB", Replace(Join(".", [givenName], [surname]), " ", , , "", , ))`},
	{"Regex", `Replace([telephoneNumber], , "[()\\s-]+", , "", , )`},
	{"Date", `IIF(DateDiff("d", Now(), CDate("2021-07-09")) > 5, "False", "True")`},
}

func BenchmarkCompile(b *testing.B) {
	for _, m := range mappings {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(m.src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEval(b *testing.B) {
	env := sampleEnv()
	for _, m := range mappings {
		p, err := Compile(m.src)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
