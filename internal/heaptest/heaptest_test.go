package heaptest

import (
	"io"
	"testing"
)

// What is held is seen, what passes through is not.
func TestGrown(t *testing.T) {
	const size = 64 << 20
	held := Grown(func() {
		if b, err := io.ReadAll(io.LimitReader(Endless('a'), size)); err != nil || len(b) != size || b[size-1] != 'a' {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
	passed := Grown(func() {
		if n, err := io.Copy(io.Discard, io.LimitReader(Endless('a'), size)); err != nil || n != size {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	if held < size || passed > 4<<20 {
		t.Errorf("held %d bytes, passed %d", held, passed)
	}
}
