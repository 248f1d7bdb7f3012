package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"lockstep/api"
	"lockstep/words"
)

// progress shows how far a cycle is, on standard error: a bar that is drawn again on a terminal, at most ten times a second,
// else a line at the start, each tenth and each ten seconds.
type progress struct {
	cli     *cli
	now     func() time.Time
	drawn   time.Time // last
	tenth   int       // of the last plain line
	phase   string
	applied time.Time // when applying began
	shown   bool      // there is a bar on the screen
	done    int       // never goes back
}

func newProgress(c *cli) *progress { return &progress{cli: c, now: time.Now, tenth: -1} }

// phaseWord is a phase of a cycle for people.
func phaseWord(phase string) string {
	if word, ok := map[string]string{
		"list": "listing the application", "read": "planning", "sweep": "planning", "rank": "ordering", "review": "waits for apply",
		"apply": "applying", "end": "done",
	}[phase]; ok {
		return word
	}
	return phase
}

// share is how much of a phase is done, and of what.
func (p *progress) share(c api.Cycle) (done, total int) {
	n := c.Counts
	if c.Phase == "apply" {
		done, total = n.Created+n.Linked+n.Updated+n.Disabled+n.Deleted+n.Referred+n.Failed, n.Planned
	} else {
		done, total = n.Read, c.Total
	}
	if c.Phase == p.phase {
		done = max(done, p.done)
	}
	return done, max(total, done)
}

func (p *progress) show(c api.Cycle) {
	if p.cli.Quiet {
		return
	}
	done, total := p.share(c)
	if c.Phase != p.phase {
		p.tenth = -1
		if c.Phase == "apply" {
			p.applied = p.now()
		}
	}
	p.phase, p.done = c.Phase, done
	if p.cli.terminal {
		p.bar(c, done, total)
	} else {
		p.line(c, done, total)
	}
}

// bar draws: ██████░░░░  19/29  created 12 · failed 0   38/s   ~1 s left.
func (p *progress) bar(c api.Cycle, done, total int) {
	if p.now().Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = p.now()
	text := phaseWord(c.Phase)
	if total > 0 {
		text = fmt.Sprintf("%s  %d/%d  %s", blocks(done, total), done, total, text)
	}
	if c.Phase == "apply" {
		text += "  " + counters(c) + p.speed(done, total)
	}
	if r := []rune(text); len(r) > p.width() {
		text = string(r[:p.width()])
	}
	fmt.Fprintf(p.cli.stderr.out, "\r\x1b[K%s", words.Clean(text))
	p.shown = true
}

const barWidth = 22

func blocks(done, total int) string {
	full := barWidth * done / total
	if full == barWidth && done < total {
		full--
	}
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

func (p *progress) speed(done, total int) string {
	took := p.now().Sub(p.applied)
	if done == 0 || took < time.Second {
		return ""
	}
	rate := float64(done) / took.Seconds()
	left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("  %.0f/s  ~%s left", rate, left)
}

func (p *progress) width() int {
	f, ok := p.cli.stderr.out.(*os.File)
	if !ok {
		return 80
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w < 20 {
		return 80
	}
	return w - 1
}

// line writes a plain line when a tenth more is done or ten seconds have passed.
func (p *progress) line(c api.Cycle, done, total int) {
	tenth := 0
	if total > 0 {
		tenth = 10 * done / total
	}
	if tenth == p.tenth && p.now().Sub(p.drawn) < 10*time.Second {
		return
	}
	p.tenth, p.drawn = tenth, p.now()
	p.cli.say("%s %d/%d", phaseWord(c.Phase), done, total)
}

// clear takes the bar off the screen.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.cli.stderr.out, "\r\x1b[K")
		p.shown = false
	}
}
