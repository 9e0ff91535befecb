//go:build slow

// Package conformance_test has outside validators judge files of every level: EU DSS, the reference
// engine of the European Commission, pyHanko in strict mode, poppler, OpenSSL, qpdf, MuPDF and, for
// PDF/A, veraPDF. docs/conformance.md is what they answered; run with -update to write it.
//
// scripts/setup.sh conformance installs what it needs; without it, the suite says what is missing.
package conformance_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/signing"
)

// cell is one file to judge. The name of its file begins with the level: judge.py reads it there.
type cell struct {
	input
	file, path, level, key string // file is the base name of path
	signers                int
	renewed                bool
	verdict                map[string]verdict // by judge
}

// state is what a verdict means for us.
type state int

const (
	refused  state = iota // and nobody knows why: the suite fails
	accepted              // the best that this judge can say
	foreseen              // at B-B and B-T DSS lacks revocation data, which these levels do not carry
	known                 // a limit of the judge, which the page explains
)

// verdict is the answer of a judge about a file.
type verdict struct {
	text string
	state
}

// say records the verdict of a judge, and fails the test when nothing explains it.
func (c *cell) say(t *testing.T, judge string, v verdict, detail string) {
	t.Helper()
	c.verdict[judge] = v
	if v.state == refused {
		t.Errorf("%s: %s says %s\n%s", c.file, judge, v.text, detail)
	}
}

// total is how many signatures the file has, with those that it had before.
func (c *cell) total() int { return c.signers + c.foreign }

// archival reports whether the file must pass with nothing from outside.
func (c *cell) archival() bool { return len(c.level) > 1 }

func levels() map[string]signing.Level {
	return map[string]signing.Level{"B": signing.BB, "T": signing.BT, "LT": signing.BLT, "LTA": signing.BLTA}
}

// add produces a file of the world and writes it.
func (w *world) add(t *testing.T, in input, level string, signers int, renewed bool) *cell {
	t.Helper()
	c := &cell{input: in, level: level, key: w.name, signers: signers, renewed: renewed, verdict: map[string]verdict{}}
	name := fmt.Sprintf("%s.%s.%s.%d.%v.pdf", level, w.name, in.name, signers, renewed)
	c.file = strings.NewReplacer(" ", "-", "/", "-", ",", "", ":", "", "+", "").Replace(name)
	c.path = filepath.Join(w.dir, c.file)
	if err := os.WriteFile(c.path, w.produce(t, in, levels()[level], signers, renewed), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// matrix covers every key at every level on the letter, every document at B-LTA with the
// demonstration PKI by one and by three people, and one to five signers: each pair of what can vary
// without the product of all.
func matrix(t *testing.T, j *judges, w *world, first bool) []*cell {
	t.Helper()
	var out []*cell
	add := func(in input, level string, signers int, renewed bool) {
		if strings.Contains(in.name, *only) {
			out = append(out, w.add(t, in, level, signers, renewed))
		}
	}
	most := min(3, len(w.signers))
	for level := range levels() {
		for _, n := range slices.Compact([]int{1, most}) {
			add(letter(), level, n, false)
			if level == "LTA" {
				add(letter(), level, n, true)
			}
		}
	}
	if w.name == "P-384" {
		for _, theirs := range []string{"B-B", "B-T"} {
			in := w.presigned(t, j, theirs)
			add(in, "LTA", 1, false)
			add(in, "LTA", 3, false)
		}
	}
	if !first {
		return out
	}
	for _, n := range []int{2, 4, 5} {
		add(letter(), "LTA", n, false)
	}
	documents := inputs(t)
	for _, in := range append(documents, adorned(t, documents)...) {
		add(in, "LTA", 1, false)
		if !in.once {
			add(in, "LTA", 3, false)
		}
	}
	return out
}

// TestConformance has every file judged by everyone.
func TestConformance(t *testing.T) {
	start := time.Now()
	j := installed(t)
	var all []*cell
	for i, w := range worlds(t) {
		cells := matrix(t, j, w, i == 0)
		if len(cells) == 0 {
			continue
		}
		j.dss(t, w, cells)
		j.pyhanko(t, w, cells)
		j.verapdf(t, cells)
		for _, c := range cells {
			c.check(t, w)
			poppler(t, c)
			openssl(t, w, c)
			qpdf(t, c)
			mupdf(t, c)
		}
		all = append(all, cells...)
		if err := os.RemoveAll(w.dir); err != nil { // some are large
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b *cell) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	t.Logf("%d files judged in %v", len(all), time.Since(start).Round(time.Second))
	if *update && *only == "" {
		write(t, j, all)
	}
}

func (c *cell) sortKey() string {
	name := strings.ToLower(c.name)
	if c.name == "letter" {
		name = ""
	}
	return fmt.Sprint(name, "\x00", c.key != "P-256", c.key, len(c.level), c.level, c.renewed, c.signers)
}

// TestJudgesCanRefuse shows that the judges judge: a letter altered after its signatures, and one whose
// time-stamped signature claims a level that its evidence does not carry.
func TestJudgesCanRefuse(t *testing.T) {
	j := installed(t)
	w := demonstration(t)
	a, b := w.add(t, letter(), "LTA", 1, false), w.add(t, letter(), "LT", 1, false)
	sound, err := os.ReadFile(a.path)
	if err != nil {
		t.Fatal(err)
	}
	sound[bytes.Index(sound, []byte("MediaBox"))+len("MediaBox [0 0 5")]++
	if err := os.WriteFile(a.path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.path, w.produce(t, letter(), signing.BT, 1, false), 0o600); err != nil {
		t.Fatal(err)
	}
	cells := []*cell{a, b}
	dss, python := j.askDSS(t, w, cells), j.askPyHanko(t, w, cells)
	for _, c := range cells {
		if f := dss[c.file]; len(f) != 1 || f[0][1] == "TOTAL_PASSED" || f[0][0] == "PAdES-BASELINE-LT" {
			t.Errorf("%s: DSS says %v", c.file, f)
		}
		if f := python[c.file]; len(f) != 1 || f[0][2] != "INVALID" {
			t.Errorf("%s: pyHanko says %v", c.file, f)
		}
	}
	if n, _ := askPoppler(t, a); n != 0 {
		t.Errorf("pdfsig accepts the altered letter")
	}
	if n, _ := askMuPDF(t, a); n != 0 {
		t.Errorf("MuPDF accepts the altered letter")
	}
	if _, _, err := askOpenSSL(t, w, a); err == nil {
		t.Errorf("OpenSSL accepts the altered letter")
	}
	if err := os.WriteFile(a.path, letter().file, 0o600); err != nil {
		t.Fatal(err)
	}
	a.pdfa = true
	if said := j.askVeraPDF(t, cells[:1]); said[a.file] != "FAIL" {
		t.Errorf("veraPDF says %v of a letter that is no PDF/A", said)
	}
}

// check is our own verdict, so that the two agree.
func (c *cell) check(t *testing.T, w *world) {
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
	opt := w.augmenting(signing.BLT).Trust
	opt.At = time.Now()
	r, err := signing.Check(f, info.Size(), opt)
	if err != nil {
		t.Fatal(err)
	}
	want := levels()[c.level].String()
	n, v := 0, verdict{state: accepted}
	for _, sig := range r.Signatures {
		if sig.Kind != signing.KindSignature {
			continue
		}
		if n++; sig.Level != want || sig.Verdict != signing.Valid {
			v.state = refused
		}
	}
	if n != c.total() || r.Verdict != signing.Valid {
		v.state = refused
	}
	v.text = fmt.Sprintf("%d × %s %s", n, strings.TrimPrefix(want, "PAdES-BASELINE-"), r.Verdict)
	c.say(t, "Check", v, fmt.Sprintf("%+v", r))
}
