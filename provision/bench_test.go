package provision_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/webexorg"
)

// BenchmarkInitial brings 10,000 people and 200 groups from files into the directory and from there to Webex. The whole
// program is measured by `lockstep bench cycle`; this one is for profiles.
func BenchmarkInitial(b *testing.B) {
	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(latency.String(), func(b *testing.B) { benchmarkInitial(b, latency) })
	}
}

func benchmarkInitial(b *testing.B, latency time.Duration) {
	for b.Loop() {
		w := newWorld(b)
		w.must(w.org.SetKnobs(webexorg.Knobs{Latency: latency}))
		w.company(10_000, 200)
		start := time.Now()
		in := w.run(w.in)
		b.ReportMetric(time.Since(start).Seconds(), "in-s")
		if in.Counts.Created != 10_200 || in.Counts.Failed > 0 {
			b.Fatalf("%+v", in.Counts)
		}
		start = time.Now()
		out := w.run(w.out)
		b.ReportMetric(time.Since(start).Seconds(), "out-s")
		if out.Counts.Created != 10_200 || out.Counts.Failed > 0 {
			b.Fatalf("%+v", out.Counts)
		}
		b.Log(w.requests())
	}
}

// company writes files of people with a manager for each eight, and of groups of equal size.
func (w *world) company(people, groups int) {
	var p, g strings.Builder
	p.WriteString("id,userName,name.givenName,name.familyName,displayName,title,manager\n")
	members := make([]string, groups)
	for i := range people {
		manager := ""
		if i > 0 {
			manager = fmt.Sprint((i - 1) / 8)
		}
		fmt.Fprintf(&p, "%d,person%d@acme.example,Given%d,Family%d,Person %d,Engineer,%s\n", i, i, i, i, i, manager)
		members[i%groups] += fmt.Sprintf("%d;", i)
	}
	g.WriteString("id,displayName,members\n")
	for i, m := range members {
		fmt.Fprintf(&g, "g%d,Group %d,%s\n", i, i, strings.TrimSuffix(m, ";"))
	}
	w.file("people.csv", p.String())
	w.file("groups.csv", g.String())
}
