//go:build unix

package csvfile

import (
	"io/fs"
	"syscall"
)

// openFlags keep the opening of a pipe from waiting for somebody who writes into it.
const openFlags = syscall.O_NONBLOCK

// inode returns the number of the file in its file system, 0 when it has none.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino) //nolint:unconvert // not everywhere the same type
	}
	return 0
}
