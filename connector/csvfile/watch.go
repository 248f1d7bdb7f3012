package csvfile

import (
	"context"
	"slices"
	"time"
)

// Watch looks at the files' sizes and times. What looked the same twice is told, once: a file comes into being empty and is filled a
// moment later, and whoever looks in between would tell it twice.
func (f *Reader) Watch(ctx context.Context, changed func()) error {
	return watch(ctx, f.config.Poll, changed, func() ([]look, error) {
		var all []look
		for _, name := range []string{f.config.People, f.config.Groups, f.config.Memberships} {
			s, err := f.sight(name)
			if err != nil {
				return nil, err
			}
			all = append(all, s.look)
		}
		return all, nil
	})
}

// watch calls changed at once, and whenever two looks one after the other are the same and differ from what was told last.
func watch[T comparable](ctx context.Context, every time.Duration, changed func(), looks func() ([]T, error)) error {
	told, err := looks()
	if err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	changed()
	for before := told; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		now, err := looks()
		if err != nil {
			return err
		}
		if slices.Equal(now, before) && !slices.Equal(now, told) {
			told = now
			changed()
		}
		before = now
	}
}
