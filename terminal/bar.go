package terminal

import (
	"fmt"
	"strings"
	"time"

	"lockstep/words"
)

// Bar shows how far something is: drawn again on a terminal, at most ten times a second, else a line at the start, at each tenth and every
// ten seconds.
type Bar struct {
	screen *Screen
	now    func() time.Time
	drawn  time.Time // last
	tenth  int       // of the last plain line
	step   string    // that is shown
	began  time.Time // when it did
	shown  bool      // there is a bar on the screen
	done   int       // never goes back within a step
}

// Step is how far something is.
type Step struct {
	Name  string // of what is under way
	Done  int
	Total int    // 0 when nobody knows
	More  string // what a terminal has room for beside that
	Speed bool   // how fast it goes and when it ends is worth telling
}

// NewBar returns a bar on a screen.
func NewBar(screen *Screen) *Bar { return &Bar{screen: screen, now: time.Now, tenth: -1} }

// Show draws a step.
func (b *Bar) Show(s Step) {
	if s.Name != b.step {
		b.step, b.done, b.tenth, b.began = s.Name, 0, -1, b.now()
	}
	b.done = max(b.done, s.Done)
	s.Done, s.Total = b.done, max(s.Total, b.done)
	if b.screen.IsTerminal() {
		b.draw(s)
	} else {
		b.line(s)
	}
}

// draw draws: ██████░░░░  19/29  applying  created 12 · failed 0  38/s  ~1 s left.
func (b *Bar) draw(s Step) {
	if b.now().Sub(b.drawn) < 100*time.Millisecond {
		return
	}
	b.drawn = b.now()
	text := s.Name
	if s.Total > 0 {
		text = fmt.Sprintf("%s  %d/%d  %s", blocks(s.Done, s.Total), s.Done, s.Total, text)
	}
	if s.More != "" {
		text += "  " + s.More
	}
	if s.Speed {
		text += b.speed(s)
	}
	if r := []rune(text); len(r) > b.width() {
		text = string(r[:b.width()])
	}
	fmt.Fprintf(b.screen.out, "\r\x1b[K%s", words.Clean(text))
	b.shown = true
}

const barWidth = 22

func blocks(done, total int) string {
	full := barWidth * done / total
	if full == barWidth && done < total {
		full--
	}
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

func (b *Bar) speed(s Step) string {
	took := b.now().Sub(b.began)
	if s.Done == 0 || took < time.Second {
		return ""
	}
	rate := float64(s.Done) / took.Seconds()
	left := time.Duration(float64(s.Total-s.Done) / rate * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("  %.0f/s  ~%s left", rate, left)
}

func (b *Bar) width() int {
	if w := b.screen.Width(); w >= 20 {
		return w - 1
	}
	return 80
}

// line writes a plain line when a tenth more is done or ten seconds have passed.
func (b *Bar) line(s Step) {
	tenth := 0
	if s.Total > 0 {
		tenth = 10 * s.Done / s.Total
	}
	if tenth == b.tenth && b.now().Sub(b.drawn) < 10*time.Second {
		return
	}
	b.tenth, b.drawn = tenth, b.now()
	Printf(b.screen, "%s %d/%d\n", s.Name, s.Done, s.Total)
}

// Clear takes the bar off the screen.
func (b *Bar) Clear() {
	if b.shown {
		fmt.Fprint(b.screen.out, "\r\x1b[K")
		b.shown = false
	}
}
