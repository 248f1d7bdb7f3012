package main

import (
	"os"
	"runtime/pprof"
)

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
