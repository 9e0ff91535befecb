package api

import (
	"bytes"
	"crypto/sha256"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"testing"

	"parapheur/circuits"
	"parapheur/internal/towntest"
)

// TestParts asks for parts of a document in every form, the norm's and not.
func TestParts(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	pdf := towntest.Sample(t, sample)
	size := strconv.Itoa(len(pdf))
	path := d.Documents[0].Content
	get := func(asked string, more ...string) answer {
		return h.ask(t, http.MethodGet, path, nil, append([]string{"Range", asked}, more...)...)
	}
	for asked, want := range map[string][]byte{"bytes=0-9": pdf[:10], "bytes=-10": pdf[len(pdf)-10:], "bytes=100-": pdf[100:], "bytes=5-99999999": pdf[5:]} {
		a := get(asked).is(206)
		if !bytes.Equal(a.body, want) || a.header.Get("Content-Range") == "" || a.header.Get("Repr-Digest") != digestOf(circuits.Digest(sha256.Sum256(pdf))) {
			t.Errorf("%s: %d bytes, %v", asked, len(a.body), a.header)
		}
	}
	for _, asked := range []string{"items=0-3", "bytes", "bytes=", "bytes=abc", "bytes=9-3", "bytes=-0", "bytes=-", "bytes=0-1,x", "octets=0-9, bytes=0-9"} {
		if a := get(asked).is(200); !bytes.Equal(a.body, pdf) {
			t.Errorf("%s: %d bytes", asked, len(a.body))
		}
	}
	for _, asked := range []string{"bytes=" + size + "-", "bytes=" + size + "-" + size} {
		a := get(asked).is(416, "range-not-satisfiable")
		if a.header.Get("Content-Range") != "bytes */"+size || a.header.Get("Repr-Digest")+a.header.Get("Content-Disposition")+a.header.Get("ETag") != "" {
			t.Errorf("%s: %v", asked, a.header)
		}
	}
	a := get("bytes=0-0,5-6,-3").is(206)
	_, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	all := multipart.NewReader(bytes.NewReader(a.body), params["boundary"])
	for _, want := range [][]byte{pdf[:1], pdf[5:7], pdf[len(pdf)-3:]} {
		p, err := all.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a part of several is %q, %v", got, err)
		}
	}
	tag := `"` + d.Documents[0].SHA256 + `"`
	get("bytes=0-9", "If-Range", tag).is(206)
	get("bytes=0-9", "If-Range", `"autre"`).is(200)
	get("bytes=0-9", "If-None-Match", tag).is(304)
	h.ask(t, http.MethodHead, path, nil, "Range", "bytes="+size+"-").is(416)
	head := h.ask(t, http.MethodHead, path, nil).is(200)
	if head.header.Get("Content-Length") != size || head.header.Get("Repr-Digest") == "" || len(head.body) != 0 {
		t.Errorf("HEAD: %v", head.header)
	}
}
