package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"parapheur/approvals/proof"
	"parapheur/certs"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
)

// The chain of enrolments is read and followed once for a head, anew when it
// grew; what was followed lets nothing in that was not.
func TestChainIsFollowedOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var read atomic.Int32
	broken := false
	ring := h.ring(tampered{enrolments: func(all [][]byte) [][]byte {
		read.Add(1)
		if broken {
			all = slices.Clone(all)
			slices.Reverse(all)
		}
		return all
	}})
	use := func() error {
		_, err := h.use(t, ring, h.mayor, h.signs)
		return err
	}
	for range 3 {
		if err := use(); err != nil {
			t.Fatal(err)
		}
	}
	once := read.Load()
	if once != 1 {
		t.Errorf("the chain was read %d times for three uses", once)
	}
	unknown := h.signs
	unknown.EnrolmentSHA256 = [32]byte{1}
	if _, err := h.use(t, ring, h.mayor, unknown); !errors.Is(err, certs.ErrRefusedByGate) || read.Load() != once {
		t.Errorf("a passkey of no chain: %v, read %d times", err, read.Load())
	}
	broken = true
	if err := use(); err != nil || read.Load() != once {
		t.Errorf("the same head: %v, read %d times", err, read.Load())
	}
	h.Newcomer(t, "nouvelle@saint-aubin.example", "Maire")
	if err := use(); !errors.Is(err, certs.ErrRefusedByGate) || read.Load() != once+1 {
		t.Errorf("a chain that grew and is out of order: %v, read %d times", err, read.Load())
	}
	broken = false
	if err := use(); err != nil || read.Load() != once+2 {
		t.Errorf("a chain that grew: %v, read %d times", err, read.Load())
	}
}

// BenchmarkChain compares following the chain of a town of fifty people with
// knowing its head.
func BenchmarkChain(b *testing.B) {
	town := towntest.New(b, func(c *wiring.Config) { c.Workers = 0 })
	for i := range 50 {
		town.Newcomer(b, fmt.Sprintf("agent-%d@saint-aubin.example", i), "Maire")
	}
	ctx, s := context.Background(), town.Store
	b.Run("followed", func(b *testing.B) {
		for b.Loop() {
			chain, err := s.Enrolments(ctx, town.Tenant.ID)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := proof.VerifyEnrolments(town.Tenant.SIRET, chain); err != nil {
				b.Fatal(err)
			}
			if _, err := s.EnrolmentHead(ctx, town.Tenant.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.EnrolmentHead(ctx, town.Tenant.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
