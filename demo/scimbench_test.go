package demo

import (
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	got, err := parseCPU("17 (a) program) S 1 17 17 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 8 0 100 0 0")
	if err != nil || got != 3*time.Second {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "17 (a) S 1", "17 (a) S 1 17 17 0 -1 4194560 100 0 0 0 x 50 9"} {
		if got, err := parseCPU(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}
