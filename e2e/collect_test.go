package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// collect downloads the signed letter and its evidence, as the drafter and as
// the GEC, and has them judged by other programs than ours.
func (j *journey) collect(t *testing.T, drafter *somebody, letter string) {
	t.Helper()
	id := letter[strings.LastIndex(letter, "/")+1:]
	folder := j.out
	if folder == "" {
		folder = t.TempDir()
	}
	pdf, zip := filepath.Join(folder, "signed.pdf"), filepath.Join(folder, "evidence.zip")
	keep(t, pdf, fetched(t, drafter, letter+"/documents/1/contenu"))
	keep(t, zip, fetched(t, drafter, letter+"/preuve"))

	if got := j.api(t, "/dossiers/"+id+"/documents/1/content"); !bytes.Equal(got, fetched(t, drafter, letter+"/documents/1/contenu")) {
		// The letter was deposited on a page: the GEC does not see it.
		t.Log("the GEC gets other bytes")
	}
	j.outsideJudges(t, pdf)
	said := j.run(t, j.binary, "verify", pdf, "--evidence", zip, "--root", j.root)
	t.Logf("parapheur verify:\n%s", said)
	for _, want := range []string{"Hélène Garnier", "Philippe Rousseau", "PAdES-BASELINE-LTA"} {
		if !strings.Contains(said, want) {
			t.Errorf("parapheur verify does not name %s", want)
		}
	}
	j.tampered(t, pdf, zip)
}

// fetched downloads with the session of the page.
func fetched(t *testing.T, p *somebody, url string) []byte {
	t.Helper()
	b := evaluate[string](p, `fetch(`+"`"+url+"`"+`).then(async (r) => { if (!r.ok) throw new Error(r.status); const b = new Uint8Array(await r.arrayBuffer()); let s = ""; for (let i = 0; i < b.length; i += 8192) s += String.fromCharCode(...b.subarray(i, i + 8192)); return btoa(s); })`)
	raw, err := base64.StdEncoding.DecodeString(b)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func keep(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// api calls the REST API as the GEC.
func (j *journey) api(t *testing.T, path string) []byte {
	t.Helper()
	status, body := j.call(t, http.MethodGet, path)
	if status != http.StatusOK {
		t.Fatalf("GET %s answers %d: %s", path, status, body)
	}
	return body
}

func (j *journey) call(t *testing.T, method, path string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, j.origin+"/api/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+j.apiKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func (j *journey) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// outsideJudges are pdfsig, qpdf and openssl.
func (j *journey) outsideJudges(t *testing.T, pdf string) {
	t.Helper()
	said := j.run(t, "pdfsig", "-nocert", pdf)
	for _, want := range []string{"Signature is Valid", "Total document signed", "ETSI.CAdES.detached"} {
		if !strings.Contains(said, want) {
			t.Errorf("pdfsig does not say %q:\n%s", want, said)
		}
	}
	j.run(t, "qpdf", "--check", pdf)
	raw, err := os.ReadFile(pdf)
	if err != nil {
		t.Fatal(err)
	}
	content, cms := signedParts(t, raw)
	dir := t.TempDir()
	keep(t, filepath.Join(dir, "content"), content)
	keep(t, filepath.Join(dir, "cms.der"), cms)
	j.run(t, "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(dir, "cms.der"),
		"-content", filepath.Join(dir, "content"), "-CAfile", j.root, "-purpose", "any", "-out", os.DevNull)
}

var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]`)

// signedParts cuts a file with one signature into what is signed and the CMS.
func signedParts(t *testing.T, raw []byte) (content, cms []byte) {
	t.Helper()
	m := byteRange.FindSubmatch(raw)
	if m == nil {
		t.Fatal("the letter has no signature")
	}
	var at [4]int
	for i := range at {
		if err := json.Unmarshal(m[i+1], &at[i]); err != nil {
			t.Fatal(err)
		}
	}
	hole := bytes.Trim(raw[at[0]+at[1]:at[2]], "<> \r\n")
	der := make([]byte, len(hole)/2)
	for i := range der {
		if _, err := decodeHex(hole[2*i:2*i+2], &der[i]); err != nil {
			t.Fatal(err)
		}
	}
	return append(append([]byte{}, raw[at[0]:at[0]+at[1]]...), raw[at[2]:at[2]+at[3]]...), trimDER(der)
}

func decodeHex(pair []byte, out *byte) (int, error) {
	const digits = "0123456789abcdef"
	pair = bytes.ToLower(pair)
	*out = byte(strings.IndexByte(digits, pair[0])<<4 | strings.IndexByte(digits, pair[1]))
	return 1, nil
}

// trimDER cuts the padding after the outer SEQUENCE.
func trimDER(der []byte) []byte {
	n := int(der[1])
	head := 2
	if n&0x80 != 0 {
		size := n & 0x7f
		n = 0
		for _, b := range der[2 : 2+size] {
			n = n<<8 | int(b)
		}
		head += size
	}
	return der[:head+n]
}

// tampered changes one byte of the letter: verify must say so.
func (j *journey) tampered(t *testing.T, pdf, zip string) {
	t.Helper()
	raw, err := os.ReadFile(pdf)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/3] ^= 1
	bad := filepath.Join(t.TempDir(), "alteree.pdf")
	keep(t, bad, raw)
	out, err := exec.CommandContext(t.Context(), j.binary, "verify", bad, "--evidence", zip, "--root", j.root).CombinedOutput()
	if err == nil {
		t.Errorf("parapheur verify accepts an altered letter:\n%s", out)
	}
}
