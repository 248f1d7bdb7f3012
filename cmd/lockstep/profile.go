package main

import (
	"os"
	"runtime/debug"
	"runtime/pprof"
)

// softLimit is how much memory the Go heap takes before the garbage collector works harder. The first cycle of 100,000 people
// takes 341 MiB in all with it and 443 without (lockstep bench cycle --people 100000).
const softLimit = 256 << 20

// bounded sets the soft limit of a server, unless the operator has set GOMEMLIMIT.
func bounded() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit)
	}
}

// profiled is the hidden flag of the processes that the benches measure.
type profiled struct {
	CPUProfile string `name:"cpuprofile" hidden:"" help:"Write a CPU profile to this file."`
}

// start begins the profile, if one is wanted; the function that it returns ends it.
func (p profiled) start() (stop func() error, err error) {
	if p.CPUProfile == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(p.CPUProfile)
	if err != nil {
		return nil, usage("The profile cannot be written: %v.", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
