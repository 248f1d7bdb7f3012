package plan

import "time"

// Slowest is the number of failures after which pauses grow no more.
const Slowest = 17

// BackOff is how long an object waits after its n-th failure in a row: from five seconds, doubling, to six hours.
func BackOff(n int) time.Duration {
	return min(5*time.Second<<min(max(n-1, 0), 16), 6*time.Hour)
}
