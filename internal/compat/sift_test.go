package compat

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func read(t *testing.T, s *Sifted, value string) []byte {
	t.Helper()
	p, err := s.Open(value)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(p.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSift(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte{0xff, 0xfe, 0xfb, 1, 2}, 5000) // slashes and pluses in base64
	encoded := base64.StdEncoding.EncodeToString(long)
	folded := strings.Join(strings.SplitAfter(encoded, "////"), "\r\n\t ")
	for name, one := range map[string]struct {
		in    string
		files int
	}{
		"JSON":                   {`{"a":"x\"y\\z/","v":"` + encoded + `","b":1}`, 1},
		"JSON of PHP":            {`{"v":"` + strings.ReplaceAll(encoded, "/", `\/`) + `"}`, 1},
		"JSON, folded":           {`{"v":"` + strings.ReplaceAll(encoded[:76]+"\n"+encoded[76:], "\n", `\r\n`) + `"}`, 1},
		"JSON, indented by hand": {`{   "v"  :  "` + encoded + `"   }`, 1},
	} {
		s, err := Sift(strings.NewReader(one.in), t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var v struct{ V string }
		if err := json.Unmarshal(s.Text, &v); err != nil || len(s.Text) > 200 || len(s.files) != one.files {
			t.Errorf("%s: %v, text %d, files %d", name, err, len(s.Text), len(s.files))
		}
		if got := read(t, s, v.V); !bytes.Equal(got, long) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(long))
		}
		path := s.files[0].Name()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: the file is still there", name)
		}
	}
	s, err := Sift(strings.NewReader("<a>"+folded+"</a><b>aGVs\nbG8=</b>"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	a := string(s.Text[3:bytes.Index(s.Text, []byte("</a>"))])
	if got := read(t, s, a); !bytes.Equal(got, long) || string(read(t, s, "aGVs\nbG8=")) != "hello" {
		t.Errorf("XML: %d bytes", len(got))
	}
}

// What is no base64, or points nowhere, is refused; so is too much text.
func TestSiftRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("A", 2*longRun)
	for name, one := range map[string]struct {
		in   string
		want error
	}{
		"padding inside":   {long + "=" + long, ErrBase64},
		"more after it":    {long + "AA==" + long, ErrBase64},
		"a cut quad":       {long + "A", ErrBase64},
		"too much text":    {strings.Repeat("!", maxText+1), ErrTooLarge},
		"too many of them": {strings.Repeat("!"+long, maxRuns+1), ErrTooLarge},
	} {
		dir := t.TempDir()
		if _, err := Sift(strings.NewReader(one.in), dir); !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", name, err, one.want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: %d files left, %v", name, len(left), err)
		}
	}
	s, err := Sift(strings.NewReader(long), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	for _, v := range []string{"base64 X 01", s.mark + "1", s.mark + "-1", "é", "AAA"} {
		if _, err := s.Open(v); !errors.Is(err, ErrBase64) {
			t.Errorf("%q: %v", v, err)
		}
	}
}

// FuzzSift: short texts come out as they went in, whatever they are.
func FuzzSift(f *testing.F) {
	f.Add(`{"a":"b\/c\n"}`, 3)
	f.Add(`\`, 0)
	f.Add("a\\\\/b\\", 1)
	f.Fuzz(func(t *testing.T, in string, cut int) {
		s, err := Sift(io.MultiReader(strings.NewReader(in[:max(0, min(cut, len(in)))]), strings.NewReader(in[max(0, min(cut, len(in))):])), t.TempDir())
		if err != nil {
			return
		}
		defer s.Close() //nolint:errcheck // a test
		if len(s.files) == 0 && string(s.Text) != in {
			t.Errorf("%q became %q", in, s.Text)
		}
	})
}

func zipOf(t *testing.T, comment string, contents ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, c := range contents {
		f, err := z.Create("lettre.pdf")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write(c)
	}
	_ = z.SetComment(comment)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnzip(t *testing.T) {
	t.Parallel()
	part := func(b []byte) Part { return Part{bytes.NewReader(b), int64(len(b))} }
	good := zipOf(t, "", []byte("%PDF-1.7"))
	name, doc, err := Unzip(part(good), 100)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(doc); name != "lettre.pdf" || string(b) != "%PDF-1.7" || err != nil {
		t.Errorf("%s %q %v", name, b, err)
	}
	bomb := zipOf(t, "", make([]byte, 64<<20))
	for what, one := range map[string]struct {
		in   []byte
		most int64
		want error
	}{
		"nothing":           {nil, 1 << 30, ErrZip},
		"two entries":       {zipOf(t, "", []byte("a"), []byte("b")), 1 << 30, ErrZip},
		"no entry":          {zipOf(t, ""), 1 << 30, ErrZip},
		"a comment":         {zipOf(t, "x", []byte("a")), 1 << 30, ErrZip},
		"no zip":            {bytes.Repeat([]byte("%PDF"), 20), 1 << 30, ErrZip},
		"cut":               {good[:len(good)-1], 1 << 30, ErrZip},
		"shifted":           {append([]byte("x"), good...), 1 << 30, ErrZip},
		"a bomb":            {bomb, 1 << 30, ErrZip},
		"larger than max":   {bomb, 1 << 20, ErrTooLarge},
		"broken compressed": {broken(zipOf(t, "", bytes.Repeat([]byte("abcdefgh"), 5000))), 1 << 30, ErrZip},
	} {
		_, doc, err := Unzip(part(one.in), one.most)
		if err == nil {
			_, err = io.Copy(io.Discard, doc)
		}
		if !errors.Is(err, one.want) {
			t.Errorf("%s: %v, want %v", what, err, one.want)
		}
	}
}

// broken changes a byte of what is compressed.
func broken(z []byte) []byte {
	z[60] ^= 0xff
	return z
}
