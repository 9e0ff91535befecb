package keyring

import (
	"sync"

	"parapheur/approvals/proof"
)

// maxChains bounds the statements that are remembered, in bytes: those of some
// hundreds of towns. Beyond, all is forgotten and followed again.
const maxChains = 16 << 20

// A chainKey names a chain of enrolments that was followed: everything that
// [proof.VerifyEnrolments] is given, since the head commits to all of it.
type chainKey struct {
	siret string
	head  proof.Digest
}

// chains remembers the chains that were followed to their head, by digest of
// their statements. It is safe for concurrent use; its maps never change.
type chains struct {
	mu    sync.Mutex
	known map[chainKey]map[proof.Digest][]byte
	bytes int
}

func (c *chains) get(siret string, head proof.Digest) (map[proof.Digest][]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.known[chainKey{siret, head}]
	return found, ok
}

// keep remembers a chain that was followed, and returns it as get does.
func (c *chains) keep(siret string, head proof.Digest, chain [][]byte) map[proof.Digest][]byte {
	made, size := make(map[proof.Digest][]byte, len(chain)), 0
	for _, e := range chain {
		made[proof.EnrolmentDigest(e)] = e
		size += len(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if size > maxChains/4 {
		return made
	}
	if c.known == nil || c.bytes+size > maxChains {
		c.known, c.bytes = map[chainKey]map[proof.Digest][]byte{}, 0
	}
	if _, already := c.known[chainKey{siret, head}]; !already {
		c.known[chainKey{siret, head}] = made
		c.bytes += size
	}
	return made
}
