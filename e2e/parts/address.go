package parts

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Servers that are told their port beforehand get one from here. A port that the system has given out for "any" and that was closed again is no such
// port: until the server takes it, it is anybody's who asks for any, be it a test beside this one or a connection that goes out.

// The ports that are given out lie below those that systems give to whoever asks for any (Linux: from 32768, others: from 49152).
const (
	firstPort = 20000
	lastPort  = 32000
)

var (
	givenMu sync.Mutex
	given   = map[int]bool{} // in this process; another one looks elsewhere, at random
)

// Address returns an address of loopback on which nobody listens, and which nobody is given by chance.
func Address(t testing.TB) string {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func freeAddress() (string, error) {
	givenMu.Lock()
	defer givenMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if given[port] {
			continue
		}
		given[port] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		return l.Addr().String(), l.Close()
	}
	return "", errors.New("no port is free")
}
