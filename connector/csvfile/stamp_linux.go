package csvfile

import (
	"errors"
	"syscall"
)

// beingWritten reports whether somebody has the file open for writing, where the system can tell: it gives out a lease for reading
// only while nobody has (fcntl(2), F_SETLEASE). The lease is given back at once.
func (f *Reader) beingWritten(name string) bool {
	file, _, err := f.openFile(name)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // which ends the lease, too
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), syscall.F_SETLEASE, syscall.F_RDLCK)
	if errno == 0 {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), syscall.F_SETLEASE, syscall.F_UNLCK)
	}
	return errors.Is(errno, syscall.EAGAIN)
}
