package dossiers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// Cost of a secret's hash (argon2id, RFC 9106): the secrets are 32 random
// bytes, so the least that is recommended anywhere is plenty.
const (
	hashTime    = 2
	hashMemory  = 19 << 10 // KiB
	hashThreads = 1
	hashBytes   = 32
	saltBytes   = 16

	maxProven = 512 // secrets that are known to be right, in memory
	maxSecret = 256 // bytes of one that is shown
)

const hashForm = "$argon2id$v=19$m=19456,t=2,p=1$"

// drawSecret draws the secret of an account and answers what is kept of it.
func (o *Office) drawSecret() (secret, kept string, err error) {
	if secret, err = o.token(32); err != nil {
		return "", "", err
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(o.Rand, salt); err != nil {
		return "", "", fmt.Errorf("draw a salt: %w", err)
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return secret, hashForm + b64(salt) + "$" + b64(hashSecret(secret, salt)), nil
}

func hashSecret(secret string, salt []byte) []byte {
	return argon2.IDKey([]byte(secret), salt, hashTime, hashMemory, hashThreads, hashBytes)
}

// secrets compares what is shown with what is kept. Clients that poll show the
// same secret again and again: one that was right is known by its digest, with
// that of what is kept, so that a change of secret forgets it. The zero value
// is ready.
type secrets struct {
	one sync.Mutex // held while hashing: 19 MiB at a time, whoever asks

	mu     sync.Mutex // guards proven
	proven map[[32]byte]bool
}

// check reports whether the secret is the one kept, in a time that does not
// depend on either. Nothing kept is compared with nothing's hash.
func (s *secrets) check(kept, shown string) bool {
	if len(shown) > maxSecret {
		return false
	}
	known := sha256.Sum256([]byte(kept + "\x00" + shown))
	s.mu.Lock()
	right := s.proven[known]
	s.mu.Unlock()
	if right {
		return true
	}
	salt, want := make([]byte, saltBytes), make([]byte, hashBytes)
	readable := false
	if rest, ok := strings.CutPrefix(kept, hashForm); ok {
		a, b, _ := strings.Cut(rest, "$")
		x, errSalt := base64.RawStdEncoding.DecodeString(a)
		y, errHash := base64.RawStdEncoding.DecodeString(b)
		if errSalt == nil && errHash == nil {
			salt, want, readable = x, y, true
		}
	}
	s.one.Lock()
	got := hashSecret(shown, salt)
	s.one.Unlock()
	if subtle.ConstantTimeCompare(got, want) != 1 || !readable {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proven == nil || len(s.proven) >= maxProven {
		s.proven = map[[32]byte]bool{}
	}
	s.proven[known] = true
	return true
}
