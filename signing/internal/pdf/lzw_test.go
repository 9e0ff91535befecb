package pdf

import (
	"bufio"
	"bytes"
	"compress/lzw"
	"io"
	"math/rand/v2"
	"testing"

	tiff "golang.org/x/image/tiff/lzw"
)

// The example of the standard (ISO 32000-2, 7.4.4.2).
func TestLZWExampleOfTheStandard(t *testing.T) {
	t.Parallel()
	got, err := io.ReadAll(&lzwReader{src: bufio.NewReader(bytes.NewReader([]byte{0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01})), early: true})
	if want := []byte{45, 45, 45, 45, 45, 65, 45, 45, 45, 66}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// What compress/lzw writes is read back; of any other bytes, the reader of TIFF, which counts codes the
// same way, says the same.
func TestLZWAgreesWithOtherReaders(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		data := make([]byte, random.IntN(20000))
		for i := range data {
			data[i] = byte(random.IntN(1 + n%256))
		}
		var coded bytes.Buffer
		w := lzw.NewWriter(&coded, lzw.MSB, 8)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(&lzwReader{src: bufio.NewReader(bytes.NewReader(coded.Bytes()))})
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d: %d bytes of %d, %v", n, len(got), len(data), err)
		}
		mine, _ := io.ReadAll(&lzwReader{src: bufio.NewReader(bytes.NewReader(coded.Bytes())), early: true}) //nolint:errcheck // broken on purpose
		other, _ := io.ReadAll(tiff.NewReader(bytes.NewReader(coded.Bytes()), tiff.MSB, 8))                  //nolint:errcheck // broken on purpose
		if k := min(len(mine), len(other)); !bytes.Equal(mine[:k], other[:k]) {
			t.Fatalf("%d: another reading of the same bytes", n)
		}
	}
}

func TestRunLength(t *testing.T) {
	t.Parallel()
	for coded, want := range map[string]string{"\x02abc\xfez\x80rest": "abczzz", "\x80": "", "\x00a\xffb\x80": "abb"} {
		got, err := io.ReadAll(&runReader{src: bufio.NewReader(bytes.NewReader([]byte(coded)))})
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", coded, got, err)
		}
	}
}

func FuzzLZW(f *testing.F) {
	f.Add([]byte{0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01}, true)
	f.Fuzz(func(_ *testing.T, b []byte, early bool) {
		_, _ = io.Copy(io.Discard, io.LimitReader(&lzwReader{src: bufio.NewReader(bytes.NewReader(b)), early: early}, 1<<20))
	})
}
