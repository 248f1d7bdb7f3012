//go:build unix

package server

import "syscall"

// FreeBytes is how much of the disk of a folder is free for who asks. ok is false where that cannot be known.
func FreeBytes(folder string) (n int64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:gosec,unconvert // no disk is that large; the types differ between systems
}
