package connection

import (
	"math"
	"time"
)

// learntLimit is what a Budget knows of a limit that the target did not announce.
//
// It models the target as a bucket that fills at rate and holds bank: what fills in the pause that the target asked for.
// spent is how much of the bank has been used, going by the answers.
type learntLimit struct {
	rate    float64       // calls a second; 0 while no call was refused
	bank    float64       // calls
	spent   float64       // calls
	at      time.Time     // when spent was true
	episode time.Time     // of the last refusal that was news; those of calls sent before it are not
	pause   time.Duration // in which the bank fills
	resumed time.Time     // end of the pause that was asked for last
	seen    history       // since the pause before

	// A series is refusals without an answer between them: one, for as long as all their pauses together.
	began  time.Time // of the series
	soon   bool      // the series before it had ended not long ago
	before float64   // the rate when it began
	fresh  int       // answers since it ended
}

const (
	probeCalls  = 500             // the bank is used up in about so many calls, so that a refusal stays rare
	minProbe    = 0.0125          // but the pace is this share above the rate at least,
	maxProbe    = 0.05            // and this at most
	raised      = 2.0             // banks that have been used when the limit must have been raised
	atRisk      = 2.0             // calls that may be refused when a probe hits the limit
	slowestRate = 0.2             // calls a second that are never undercut
	proof       = 16              // answers before a lone refusal from which a rate is learnt,
	brief       = 2 * time.Second // when the pause is so short that learning a wrong one costs little
	again       = time.Minute     // within which, or within twice its pause, another refusal is no coincidence
)

// pace returns how many calls a second to send now, 0 when no limit is known.
func (l *learntLimit) pace(took time.Duration) float64 {
	if l.rate == 0 {
		return 0
	}
	probe := min(max(l.bank/probeCalls, minProbe), maxProbe)
	if over := l.spent/l.bank - 1; over > 0 { // the allowance should be used up by now
		probe *= math.Exp2(8 * min(over, 1)) // twice as much for each eighth of a bank
	}
	extra := l.rate * probe
	if took > 0 {
		extra = min(extra, max(atRisk/took.Seconds(), l.rate*maxProbe))
	}
	return l.rate + extra
}

// answered counts calls that the target accepted.
func (l *learntLimit) answered(now time.Time, calls int, took time.Duration) {
	if now.After(l.resumed) {
		l.fresh += calls
	}
	switch {
	case l.rate == 0:
		l.seen.add(now, calls)
	case !now.After(l.resumed): // on its way when another was refused, so it belongs to what came before the pause
		l.seen.add(now, calls)
		l.learn(max(l.rate, l.seen.rate(l.episode, l.pause)))
	default:
		if !l.at.After(l.resumed) {
			l.at, l.seen = l.resumed, history{}
		}
		l.seen.add(now, calls)
		l.spent = max(0, l.spent+float64(calls)-l.rate*now.Sub(l.at).Seconds())
		l.at = now
		if l.spent > raised*l.bank {
			l.learn(l.pace(took))
			l.spent = (1 + raised) / 2 * l.bank // go on climbing
		}
	}
}

// refused learns from a call sent at the given time which the target refused at now, asking for a pause. It reports whether
// there is a limit to go by.
//
// A lone refusal proves little, since a target may be busy or under repair: it costs its pause, and the rate stays as it was.
// Believed it is when its pause is brief and many answers came before it. What is certain is a second one that follows soon:
// then the pace goes by what was answered between them.
func (l *learntLimit) refused(now, sent time.Time, pause time.Duration) bool {
	if !l.episode.IsZero() && !sent.After(l.episode) {
		l.resumed = later(l.resumed, now.Add(pause))
		return l.rate > 0
	}
	if l.fresh > 0 || l.episode.IsZero() {
		l.soon = !l.episode.IsZero() && now.Sub(l.resumed) <= max(again, 2*l.resumed.Sub(l.began))
		l.began, l.before, l.fresh = now, l.rate, 0
	}
	l.episode, l.resumed, l.at, l.spent = now, now.Add(pause), now, 0
	if !l.soon && (l.seen.total() < proof || l.resumed.Sub(l.began) > brief) {
		l.learn(l.before) // what the series had seemed to say is not believed any more
		l.seen = history{}
		return l.rate > 0
	}
	l.pause = pause
	l.learn(max(l.seen.rate(now, pause), l.rate/8, slowestRate))
	return true
}

func (l *learntLimit) learn(rate float64) {
	l.rate, l.bank = rate, max(rate*l.pause.Seconds(), 1)
}

// history counts answers in slots of a second, for a minute.
type history struct {
	slots [60]slot
	last  int // the newest slot
}

type slot struct {
	from  time.Time // of the first answer in it; zero is empty
	calls int
}

func (h *history) add(now time.Time, calls int) {
	s := &h.slots[h.last]
	if !s.from.IsZero() && now.Sub(s.from) >= time.Second {
		h.last = (h.last + 1) % len(h.slots)
		s = &h.slots[h.last]
		*s = slot{}
	}
	if s.from.IsZero() {
		s.from = now
	}
	s.calls += calls
}

// total is how many answers the history holds.
func (h *history) total() (n int) {
	for i := range h.slots {
		n += h.slots[i].calls
	}
	return n
}

// rate returns the highest rate that the answers prove, if the target's allowance is used up at now and full after the
// pause. No stretch of time before now can hold more answers than the limit lets through in it and the pause, so the
// stretch that holds most is nearest to the limit.
func (h *history) rate(now time.Time, pause time.Duration) float64 {
	best, calls := 0.0, 0
	for i := range h.slots {
		s := h.slots[(h.last-i+len(h.slots))%len(h.slots)]
		if s.from.IsZero() {
			break
		}
		calls += s.calls
		best = max(best, (float64(calls)+0.5)/(now.Sub(s.from)+pause).Seconds()) // allowances are seldom whole
	}
	return best
}
