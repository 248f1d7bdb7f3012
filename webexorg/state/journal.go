package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"sync"
)

// A journal is a file to which every write of a universe is appended before it is acknowledged. Each entry is a line: eight
// hexadecimal digits of a CRC-32C, a space, the entry. The order of entries is the order in which they took effect, because
// append is called while the lock of the state is held; flush is called after it was released, so that concurrent writers
// share one write and one fsync.
//
// A nil journal keeps nothing; its methods do nothing.
type journal struct {
	file *os.File
	sync bool // fsync before a write is acknowledged

	mu      sync.Mutex
	cond    sync.Cond
	pending []byte // appended, not yet written
	spare   []byte // the buffer that pending takes turns with
	seq     uint64 // entries appended so far
	written uint64 // entries that are in the file
	leading bool   // somebody is writing
	err     error  // the first failure to write; every later flush reports it
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openJournal opens or creates the file, hands every entry in it to replay, cuts off what a crash left half-written at its end,
// and is then ready to append. A damaged entry that has whole ones behind it is not the work of a crash: it is an error.
func openJournal(path string, fsync bool, replay func(entry []byte) error) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	end, err := readJournal(file, replay)
	if err == nil {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read journal %s: %w", path, err), file.Close())
	}
	j := &journal{file: file, sync: fsync}
	j.cond.L = &j.mu
	return j, nil
}

// readJournal returns the offset behind the last whole entry.
func readJournal(r io.Reader, replay func([]byte) error) (end int64, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	damaged := int64(-1)
	for offset := int64(0); ; {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		entry, ok := openEntry(line)
		switch {
		case ok && damaged >= 0:
			return 0, fmt.Errorf("entry at offset %d is damaged and is not the last", damaged)
		case ok:
			if err := replay(entry); err != nil {
				return 0, fmt.Errorf("entry at offset %d: %w", offset, err)
			}
			end = offset + int64(len(line))
		case damaged < 0:
			damaged = offset
		}
		offset += int64(len(line))
		if err != nil {
			return end, nil //nolint:nilerr // the end of the file, which is no error
		}
	}
}

// readLine returns a line of any length with its end; at the end of the file it returns what is left and io.EOF.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = in.ReadSlice('\n')
		long = append(long, line...)
	}
	return long, err
}

func openEntry(line []byte) (entry []byte, ok bool) {
	const head = 9
	if len(line) <= head || line[len(line)-1] != '\n' || line[head-1] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(line[:head-1]), 16, 32)
	entry = line[head : len(line)-1]
	return entry, err == nil && crc32.Checksum(entry, castagnoli) == uint32(sum)
}

// append queues one entry and returns its number, to be handed to flush. The entry must not hold a line end.
func (j *journal) append(entry []byte) uint64 {
	if j == nil {
		return 0
	}
	const digits = "0123456789abcdef"
	sum := crc32.Checksum(entry, castagnoli)
	j.mu.Lock()
	defer j.mu.Unlock()
	for shift := 28; shift >= 0; shift -= 4 {
		j.pending = append(j.pending, digits[sum>>shift&15])
	}
	j.pending = append(j.pending, ' ')
	j.pending = append(j.pending, entry...)
	j.pending = append(j.pending, '\n')
	j.seq++
	return j.seq
}

// flush returns when the entry with the given number, and all before it, are in the file (and on the disk, with fsync). One of
// the callers writes for all that wait.
func (j *journal) flush(seq uint64) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.written < seq && j.err == nil {
		if j.leading {
			j.cond.Wait()
			continue
		}
		j.lead()
	}
	return j.err
}

// lead writes what is pending. It is called with the lock held and gives it up while it writes.
func (j *journal) lead() {
	batch, upTo := j.pending, j.seq
	j.pending, j.spare = j.spare[:0], nil
	j.leading = true
	j.mu.Unlock()
	_, err := j.file.Write(batch)
	if err == nil && j.sync {
		err = j.file.Sync()
	}
	j.mu.Lock()
	j.leading = false
	j.spare = batch
	if err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	} else {
		j.written = upTo
	}
	j.cond.Broadcast()
}

// close writes what is pending and closes the file.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	seq := j.seq
	j.mu.Unlock()
	return errors.Join(j.flush(seq), j.file.Close())
}
