//go:build slow

package conformance_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// askPoppler counts the valid signatures; it does not validate document time-stamps.
func askPoppler(t *testing.T, c *cell) (int, string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pdfsig", "-nocert", c.path).CombinedOutput()
	text := string(out)
	n := strings.Count(text, "Signature is Valid.")
	if err != nil || strings.Contains(text, "Syntax") {
		n = 0
	}
	return n, text
}

func poppler(t *testing.T, c *cell) {
	t.Helper()
	n, out := askPoppler(t, c)
	v := verdict{text: fmt.Sprintf("%d valid", n)}
	if n == c.total() {
		v.state = accepted
	}
	c.say(t, "pdfsig", v, out)
}

// qpdf checks the structure.
func qpdf(t *testing.T, c *cell) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "qpdf", "--check", c.path).CombinedOutput()
	v := verdict{text: "no error", state: accepted}
	if err != nil || bytes.Contains(out, []byte("WARNING")) {
		v = verdict{text: "complains"}
	}
	c.say(t, "qpdf", v, string(out))
}

// askMuPDF counts the signatures that verify over the bytes of their revision. It does not know our
// root, and time-stamps are foreign to it.
func askMuPDF(t *testing.T, c *cell) (int, string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "mutool", "sign", "-v", c.path).CombinedOutput()
	text := string(out)
	if err != nil {
		return 0, fmt.Sprint(err, text)
	}
	return strings.Count(text, "The signature is valid") + strings.Count(text, "The document is unchanged since signing"), text
}

func mupdf(t *testing.T, c *cell) {
	t.Helper()
	n, out := askMuPDF(t, c)
	info, err := exec.CommandContext(t.Context(), "mutool", "info", c.path).CombinedOutput()
	v := verdict{text: fmt.Sprintf("%d valid", n)}
	switch {
	case strings.HasSuffix(c.key, "PSS") && strings.Count(out, "Digest error: Unknown error") == c.total():
		v = verdict{text: "PSS unknown to it", state: known}
	case err != nil || bytes.Contains(info, []byte("error:")) || bytes.Contains(info, []byte("repair")):
		v.text = "complains"
	case n == c.total():
		v.state = accepted
	}
	c.say(t, "MuPDF", v, out)
}

func openssl(t *testing.T, w *world, c *cell) {
	t.Helper()
	values, tokens, err := askOpenSSL(t, w, c)
	v := verdict{text: fmt.Sprintf("%d CMS, %d tokens", values, tokens)}
	want := 0 // tokens: one for each of our signatures, and those of the document
	if c.level != "B" {
		want = c.signers
	}
	if err == nil && values == c.total() && tokens >= want {
		v.state = accepted
	}
	c.say(t, "OpenSSL", v, fmt.Sprint(err))
}

// askOpenSSL verifies the value of each signature over its bytes, and each time-stamp token over what
// it stamps, all up to the root.
func askOpenSSL(t *testing.T, w *world, c *cell) (values, tokens int, err error) {
	t.Helper()
	f, err := os.Open(c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := pdf.Open(f, info.Size())
	if err != nil {
		return 0, 0, err
	}
	list, err := doc.Signatures()
	if err != nil {
		return 0, 0, err
	}
	dir := t.TempDir()
	content, value, token := filepath.Join(dir, "content"), filepath.Join(dir, "value"), filepath.Join(dir, "token")
	for _, s := range list {
		if s.Dict == nil {
			continue
		}
		der, err := extract(f, s, content)
		if err != nil {
			return values, tokens, err
		}
		stamped := content
		if sub, _ := s.Dict.Get("SubFilter").(pdf.Name); !sub.Is("ETSI.RFC3161") {
			if err := verifyValue(w, der, content, value); err != nil {
				return values, tokens, err
			}
			values++
			stamped = value
		}
		stamps := [][]byte{der}
		if stamped == value {
			sd, err := cms.Parse(der)
			if err != nil {
				return values, tokens, err
			}
			write0(t, value, sd.Signature)
			stamps = sd.Tokens()
		}
		for _, tst := range stamps {
			write0(t, token, tst)
			if err := run("openssl", "ts", "-verify", "-in", token, "-token_in", "-data", stamped, "-CAfile", w.rootPEM); err != nil {
				return values, tokens, err
			}
			tokens++
		}
	}
	return values, tokens, nil
}

func verifyValue(w *world, der []byte, content, scratch string) error {
	if err := os.WriteFile(scratch, der, 0o600); err != nil {
		return err
	}
	return run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", scratch, "-content", content, "-CAfile", w.rootPEM, "-purpose", "any", "-out", os.DevNull)
}

// extract writes the signed bytes of a signature to a file and returns its DER without the zeros that
// fill the hole.
func extract(f *os.File, s pdf.Signature, content string) ([]byte, error) {
	hole := s.Contents[0]
	var n [4]int64
	for i, v := range s.ByteRange[0].Value.(pdf.Array) {
		n[i], _ = v.(pdf.Raw).Int()
	}
	out, err := os.Create(content)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(out, io.MultiReader(io.NewSectionReader(f, n[0], n[1]), io.NewSectionReader(f, n[2], n[3])))
	if closing := out.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	digits := make([]byte, hole.End-hole.Start-2)
	if _, err := f.ReadAt(digits, hole.Start+1); err != nil {
		return nil, err
	}
	der := make([]byte, len(digits)/2)
	if _, err := hex.Decode(der, digits); err != nil {
		return nil, err
	}
	if der[1] != 0x82 {
		return nil, fmt.Errorf("a CMS of unusual length: %x", der[:4])
	}
	return der[:4+int(der[2])<<8+int(der[3])], nil
}

func write0(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, args[0], err, out)
	}
	return nil
}
