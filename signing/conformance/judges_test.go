//go:build slow

package conformance_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The versions of the judges; DSS has its own in judge/pom.xml.
const (
	pyhankoVersion       = "0.38.0"
	certvalidatorVersion = "0.33.0"
)

// judges are the validators that had to be installed.
type judges struct {
	classpath  string
	python     string
	dssVersion string
}

// installed puts the judges in the user's cache folder, once for each version.
func installed(t *testing.T) *judges {
	t.Helper()
	for _, tool := range []string{"java", "mvn", "javac", "python3", "pdfsig", "qpdf"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: this suite needs Java 17, Maven, Python 3, poppler-utils and qpdf", err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	pom, err := os.ReadFile("judge/pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(pom), "<dss.version>")
	version, _, ok := strings.Cut(rest, "<")
	if !ok {
		t.Fatal("no version of DSS in judge/pom.xml")
	}
	cache = filepath.Join(cache, "parapheur-conformance")
	j := &judges{dssVersion: version}
	lib := filepath.Join(cache, "dss-"+version)
	once(t, lib, func(dir string) {
		must(t, "mvn", "-q", "-B", "-f", "judge/pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	classes := t.TempDir()
	j.classpath = filepath.Join(lib, "*") + string(os.PathListSeparator) + classes
	must(t, "javac", "-cp", j.classpath, "-d", classes, "judge/src/main/java/Judge.java")
	venv := filepath.Join(cache, "pyhanko-"+pyhankoVersion)
	once(t, venv, func(dir string) {
		must(t, "python3", "-m", "venv", dir)
		must(t, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "pyHanko=="+pyhankoVersion, "pyhanko-certvalidator=="+certvalidatorVersion)
	})
	j.python = filepath.Join(venv, "bin", "python")
	return j
}

// once fills a folder that does not exist yet; one that was begun and not finished is begun again.
func once(t *testing.T, dir string, fill func(dir string)) {
	t.Helper()
	done := filepath.Join(dir, ".complete")
	if _, err := os.Stat(done); err == nil {
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fill(dir)
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// must runs a program and returns what it wrote to its standard output.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out, failure bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &failure
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out.String(), failure.String())
	}
	return out.String()
}

func paths(list []*sample) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.path
	}
	return out
}

// rows gives the tab-separated answers of a judge, by file.
func rows(out string) map[string][][]string {
	by := map[string][][]string{}
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(f) > 3 {
			by[f[0]] = append(by[f[0]], f[1:])
		}
	}
	return by
}

// dss expects the level and, where the file has the evidence, TOTAL_PASSED. Without evidence DSS
// cannot conclude offline (INDETERMINATE, no revocation data), which is what B and T are.
func (j *judges) dss(t *testing.T, root string, list []*sample) {
	t.Helper()
	answers := rows(must(t, "java", append([]string{"-cp", j.classpath, "Judge", root}, paths(list)...)...))
	for _, s := range list {
		said := map[string]int{}
		want := "PAdES-BASELINE-" + s.level
		for _, f := range answers[s.file] {
			format, indication, sub, failures, warnings, modified := f[0], f[1], f[2], f[3], f[4], f[5]
			text := strings.TrimPrefix(format, "PAdES-") + " " + indication
			if sub != "" {
				text += "/" + sub
			}
			if warnings != "" && len(s.level) > 1 {
				text += " (" + warnings + ")"
			}
			said[text+modified]++
			good := indication == "TOTAL_PASSED" && warnings == ""
			if len(s.level) == 1 {
				good = indication == "INDETERMINATE" && strings.Contains(failures, "No revocation data found")
			}
			if format != want || !good || modified != "" {
				t.Errorf("%s: DSS says %s %s %s: %s %s %s", s.file, format, indication, sub, failures, warnings, modified)
			}
		}
		if n := len(answers[s.file]); n != s.signers {
			t.Errorf("%s: DSS finds %d signatures", s.file, n)
		}
		s.verdict["DSS"] = summary(said)
	}
}

// pyhankoRefuses are the documents that pyHanko refuses whatever signs them, with what it says.
func pyhankoRefuses() map[string]string {
	return map[string]string{
		// Its comparison of revisions knows no annotation written directly in /Annots.
		"direct annotations": "2 × INVALID (modification OTHER)",
		"form":               "2 × INVALID (modification OTHER)",
		// Its strict reader takes the update of an object marked free in the table and held by /XRefStm for
		// the return of a deleted one.
		"hybrid": "1 × INVALID (PdfStrictReadError)",
	}
}

// pyhanko expects validity at the level of each file, with nothing fetched, and nothing but signatures
// and evidence added after each signature.
func (j *judges) pyhanko(t *testing.T, root string, list []*sample) {
	t.Helper()
	answers := rows(must(t, j.python, append([]string{"judge/judge.py", root}, paths(list)...)...))
	for _, s := range list {
		said := map[string]int{}
		for _, f := range answers[s.file] {
			switch {
			case f[2] == "VALID":
				said["VALID"]++
			case f[4] == "OTHER":
				said["INVALID (modification OTHER)"]++
			default:
				said["INVALID ("+f[3]+")"]++
			}
		}
		want := fmt.Sprintf("%d × VALID", s.signers)
		if known, ok := pyhankoRefuses()[s.input]; ok {
			want = known
		}
		if s.verdict["pyHanko"] = summary(said); s.verdict["pyHanko"] != want {
			t.Errorf("%s: pyHanko says %v", s.file, answers[s.file])
		}
	}
}

// summary counts equal answers: "3 × VALID".
func summary(said map[string]int) string {
	parts := make([]string, 0, len(said))
	for _, k := range slices.Sorted(maps.Keys(said)) {
		parts = append(parts, fmt.Sprintf("%d × %s", said[k], k))
	}
	return strings.Join(parts, ", ")
}

// write makes docs/conformance.md out of the answers.
func write(t *testing.T, j *judges, all []*sample) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, conformanceHead, j.dssVersion, pyhankoVersion, firstLine(must(t, "qpdf", "--version")), popplerVersion(t))
	for _, s := range all {
		level := "B-" + s.level
		if s.renewed {
			level += ", renewed"
		}
		if s.level == "B" {
			level = "B-B"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %s | %s | %s |\n", s.input, level, s.key, s.signers,
			s.verdict["DSS"], s.verdict["pyHanko"], s.verdict["pdfsig"], s.verdict["qpdf"], s.verdict["Check"])
	}
	if err := os.WriteFile("../../docs/conformance.md", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// popplerVersion is what pdfsig -v writes, to its standard error.
func popplerVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pdfsig", "-v").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return firstLine(string(out))
}

const conformanceHead = `# Conformance: what outside validators answer

This page is written by the suite of signing/conformance, from what the validators answered:

    go test -tags slow ./signing/conformance -update

Each row is a document (a letter of two pages, then the kinds of files of signing/internal/pdftest), signed by one person
or by several in turn, each with a visible block, with the level and the kind of key of the row. At B-LT and B-LTA the
last signature brings the evidence of all of them. P-256 is the demonstration PKI over HTTP (OCSP and revocation lists);
the other keys belong to a test PKI with revocation lists. The suite also shows the judges an altered letter and one
without evidence, which they must refuse.

pyHanko refuses three documents, and their cells say so. Its comparison of revisions does not know annotations written
directly in /Annots (two files). Its strict reader refuses any update of an object that the table of a hybrid file marks
free and /XRefStm holds; in our hybrid file that object is the page. EU DSS accepts all three.

Judges, all offline and trusting the root of the PKI alone: EU DSS %s (default policy), pyHanko %s (strict; at B-LT and
B-LTA revocation data is required for every certificate and comes from the file alone; at B-LTA the algorithm of
EN 319 102-1, 5.6.3), %s, %s (which does not validate document time-stamps).
The last column is our own Check.

DSS cannot conclude about B-B and B-T without fetching revocation data: INDETERMINATE for want of revocation data is the
expected answer there, and the level it names is what counts. The suite fails when a judge answers anything else than
TOTAL_PASSED, without any warning, or VALID at B-LT and B-LTA.

| Document | Level | Key | Signatures | EU DSS | pyHanko | pdfsig | qpdf | Check |
|---|---|---|---|---|---|---|---|---|
`
