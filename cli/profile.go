package cli

import (
	"context"
	"errors"
	"os"
	"runtime/pprof"

	"lockstep/terminal"
)

// Profiled is the hidden flag of the processes that the benches measure.
type Profiled struct {
	CPUProfile string `name:"cpuprofile" hidden:"" help:"Write a CPU profile to this file, and a profile of what was allocated beside it, as FILE.mem."`
}

// During runs a function and profiles it meanwhile, if that is wanted.
func (p Profiled) During(ctx context.Context, run func(context.Context) error) error {
	if p.CPUProfile == "" {
		return run(ctx)
	}
	f, err := os.Create(p.CPUProfile)
	if err != nil {
		return terminal.Usage("The profile cannot be written: %v.", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = run(ctx)
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close(), writeAllocations(p.CPUProfile+".mem"))
}

// writeAllocations writes what has been allocated since the process began, and what of it is still in use.
func writeAllocations(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
