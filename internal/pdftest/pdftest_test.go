package pdftest

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"
)

func TestRepeatedIsWhatItSays(t *testing.T) {
	t.Parallel()
	chunk := bytes.Repeat([]byte("0 0 m 595 842 l S\n"), 3000)
	stream := []byte(Repeated(chunk, 5))
	body := stream[bytes.Index(stream, []byte("stream\n"))+len("stream\n"):]
	r, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, bytes.Repeat(chunk, 5)) {
		t.Fatalf("%d bytes, %v, want %d", len(got), err, 5*len(chunk))
	}
}
