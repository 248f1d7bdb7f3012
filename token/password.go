package token

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password hash: argon2id with 19 MiB and two passes, OWASP's first recommendation. It takes about 20 ms of one
// processor, so whoever hashes what strangers send sees to it that not many do so at a time.
const (
	passwordMemory  = 19 << 10 // KiB
	passwordPasses  = 2
	passwordThreads = 1
	passwordSalt    = 16 // bytes
	passwordKey     = 32 // bytes
)

var errNoHash = errors.New("the text is not the hash of a password")

// HashPassword returns what is kept of a password, in the PHC string format: $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>.
// Unlike a token, which has enough random bits, a password needs a slow hash.
func HashPassword(password string) (string, error) {
	salt := make([]byte, passwordSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key := hashed(password, salt, passwordPasses, passwordMemory, passwordThreads, passwordKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, passwordMemory, passwordPasses, passwordThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)), nil
}

// hashed hashes, and gives the memory back that it took. Left alone the collector sets its next goal by what is in use while a hash is made, which is 19 MiB that are garbage a
// moment later: a small heap grew by three times that. Beside a large one they are of no weight, and to collect that would take longer than the hash.
func hashed(password string, salt []byte, passes, memory uint32, threads uint8, length uint32) []byte {
	key := argon2.IDKey([]byte(password), salt, passes, memory, threads, length)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(live); live[0].Value.Kind() == metrics.KindUint64 && live[0].Value.Uint64() < smallHeap {
		runtime.GC()
	}
	return key
}

const smallHeap = 64 << 20

// LongestPassword is in bytes: a longer text is no password, and is not hashed.
const LongestPassword = 1000

// PasswordFault says in a sentence what is wrong with a password that somebody chooses: it has 12 characters or more, and 1,000 bytes or less. ""
// is nothing.
func PasswordFault(password string) string {
	switch {
	case utf8.RuneCountInString(password) < 12:
		return "The password has at least 12 characters."
	case len(password) > LongestPassword || !utf8.ValidString(password):
		return "The password is too long, or no text."
	}
	return ""
}

// CheckPassword reports whether the hash, which HashPassword made, perhaps at another cost, is that of the password.
func CheckPassword(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, errNoHash
	}
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || memory > 1<<20 || passes == 0 || passes > 64 || threads == 0 {
		return false, errNoHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errNoHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false, errNoHash
	}
	got := hashed(password, salt, passes, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
