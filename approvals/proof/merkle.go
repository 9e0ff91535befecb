package proof

import "crypto/sha256"

// Leaf is the leaf hash of a statement (RFC 9162, 2.1.1): SHA-256(0x00 ‖ statement).
func Leaf(statement []byte) Digest {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(statement)
	return Digest(h.Sum(nil))
}

// node is the hash of an inner node (RFC 9162, 2.1.1).
func node(left, right Digest) Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

func leaves(statements [][]byte) []Digest {
	out := make([]Digest, len(statements))
	for i, s := range statements {
		out[i] = Leaf(s)
	}
	return out
}

// split is the largest power of two below n, for n > 1.
func split(n int) int {
	k := 1
	for k<<1 < n {
		k <<= 1
	}
	return k
}

// Root is the Merkle tree hash of the leaves, in order (RFC 9162, 2.1.1).
func Root(leaves []Digest) Digest {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return node(Root(leaves[:k]), Root(leaves[k:]))
}

// Path is the inclusion proof of leaf i (RFC 9162, 2.1.3.1), from the bottom up. The index must be that of a leaf.
func Path(leaves []Digest, i int) []Digest {
	if len(leaves) <= 1 {
		return nil
	}
	k := split(len(leaves))
	if i < k {
		return append(Path(leaves[:k], i), Root(leaves[k:]))
	}
	return append(Path(leaves[k:], i-k), Root(leaves[:k]))
}

// Includes says whether path proves that leaf is at index among count leaves under root (RFC 9162, 2.1.3.2).
func Includes(leaf Digest, index, count int, path []Digest, root Digest) bool {
	if index < 0 || index >= count {
		return false
	}
	fn, sn, r := index, count-1, leaf
	for _, p := range path {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = node(p, r)
			for fn&1 == 0 && fn != 0 {
				fn >>= 1
				sn >>= 1
			}
		} else {
			r = node(r, p)
		}
		fn >>= 1
		sn >>= 1
	}
	return sn == 0 && r == root
}
