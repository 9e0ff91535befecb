// Package journal is the append-only, hash-chained record of everything that happened in a town. It is pure: it computes
// and verifies entries, it stores none, and an entry carries opaque bytes that it never reads.
//
//	 genesis(tenant)       entry 1                entry 2
//	┌───────────────┐     ┌──────────────────┐   ┌──────────────────┐
//	│ Seq 0    Hash ├────▶│ Prev  Seq 1 Hash ├──▶│ Prev  Seq 2 Hash │──▶ head
//	└───────────────┘     └──────────────────┘   └──────────────────┘
//
// The genesis is derived from the tenant's SIRET, so the chain of one town cannot be shown as that of another. Each hash
// covers the previous hash, the sequence number, the instant (microseconds, what PostgreSQL keeps), the subject, the kind
// and the body, each length-prefixed, after a prefix reserved for this use: no two different entries have the same
// pre-image, and no pre-image of another part of the product is one of ours.
//
// # What a chain proves
//
// Any entry changed, inserted, removed or moved breaks the chain at that entry: [Verify] names it. Entries missing at the
// end cannot be seen from the chain alone; whoever verifies compares the last entry with a head published elsewhere
// (time-stamped, mailed, archived).
//
// # Failure handling
//
// A broken chain is a [*BrokenError], which is [ErrBroken]. An export that cannot be read is [ErrFormat]. Errors of the
// source of entries are returned as they come. The package must not import anything but the standard library, must not
// read a clock, and must not repair.
package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Prefixes of the pre-images: a hash of one kind is never a hash of the other.
const (
	prefixGenesis = "parapheur.journal.genesis.v1\n"
	prefixEntry   = "parapheur.journal.entry.v1\n"
)

// Entry is one line of the journal. Every field but Hash is covered by Hash.
type Entry struct {
	// Seq counts from 1, without gap. The genesis has 0.
	Seq int64
	// At is the instant of the fact in UTC, to the microsecond.
	At time.Time
	// Subject says what the entry is about, for instance an identifier of dossier.
	Subject string
	// Kind says what happened; the journal gives it no meaning.
	Kind string
	// Body is opaque; nil and empty are the same.
	Body []byte
	// Prev is the hash of the entry before, of the genesis for the first.
	Prev [32]byte
	// Hash is the hash of this entry.
	Hash [32]byte
}

// Genesis is the fixed point from which the chain of a tenant starts, an entry 0 which is never stored. The tenant is a
// SIRET (14 digits).
func Genesis(tenant string) Entry {
	h := sha256.New()
	h.Write([]byte(prefixGenesis))
	h.Write(field(nil, []byte(tenant)))
	return Entry{Hash: [32]byte(h.Sum(nil))}
}

// Next makes the entry which follows head. The instant is brought to UTC and cut to the microsecond, so that what comes
// back from a database hashes to the same value. The body is kept, not copied.
func Next(head Entry, at time.Time, subject, kind string, body []byte) Entry {
	e := Entry{
		Seq: head.Seq + 1, At: time.UnixMicro(at.UnixMicro()).UTC(),
		Subject: subject, Kind: kind, Body: body, Prev: head.Hash,
	}
	e.Hash = e.Sum()
	return e
}

// Sum computes what Hash must be, from the other fields.
func (e Entry) Sum() [32]byte {
	buf := make([]byte, 0, len(prefixEntry)+32+16+24+len(e.Subject)+len(e.Kind)+len(e.Body))
	buf = append(buf, prefixEntry...)
	buf = append(buf, e.Prev[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.Seq))
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.At.UnixMicro()))
	buf = field(buf, []byte(e.Subject))
	buf = field(buf, []byte(e.Kind))
	buf = field(buf, e.Body)
	return sha256.Sum256(buf)
}

// field appends the length of f, on eight bytes, then f: concatenation stays injective.
func field(buf, f []byte) []byte {
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(f)))
	return append(buf, f...)
}

// ErrBroken reports a chain which does not hold; the error is a *BrokenError which says where.
var ErrBroken = errors.New("broken chain")

// BrokenError says at which entry a chain breaks and how.
type BrokenError struct {
	// Seq is the sequence number at which an intact entry was expected.
	Seq int64
	// Why is one of "sequence", "previous hash", "hash".
	Why string
}

// Error names the entry and the broken link.
func (e *BrokenError) Error() string { return fmt.Sprintf("entry %d: %s: %v", e.Seq, e.Why, ErrBroken) }

// Unwrap makes the error an ErrBroken.
func (e *BrokenError) Unwrap() error { return ErrBroken }

// Check says whether e follows head: nil, or a *BrokenError.
func Check(head, e Entry) error {
	seq := head.Seq + 1
	switch {
	case e.Seq != seq:
		return &BrokenError{Seq: seq, Why: "sequence"}
	case e.Prev != head.Hash:
		return &BrokenError{Seq: seq, Why: "previous hash"}
	case e.Hash != e.Sum():
		return &BrokenError{Seq: seq, Why: "hash"}
	}
	return nil
}

// Verify checks that the entries follow one another, from head on ([Genesis] for a whole chain), and returns the last
// entry that holds. The error is a *BrokenError, or the one that the source yielded.
func Verify(head Entry, entries iter.Seq2[Entry, error]) (Entry, error) {
	for e, err := range entries {
		if err != nil {
			return head, fmt.Errorf("reading the entry after %d: %w", head.Seq, err)
		}
		if err := Check(head, e); err != nil {
			return head, err
		}
		head = e
	}
	return head, nil
}
