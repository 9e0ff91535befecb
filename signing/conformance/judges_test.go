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

	"parapheur/internal/tooltest"
)

// The versions of pyHanko; DSS and veraPDF have theirs in judge/pom.xml and judge/verapdf.xml.
const (
	pyhankoVersion       = "0.38.0"
	certvalidatorVersion = "0.33.0"
)

// judges are the validators that had to be installed.
type judges struct {
	classpath, pdfa       string // of EU DSS with our program, and of veraPDF
	python                string
	dssVersion, pdfaMaker string
}

// installed puts the judges in the user's cache folder, once for each version.
func installed(t *testing.T) *judges {
	t.Helper()
	for _, tool := range []string{"java", "mvn", "javac", "python3", "pdfsig", "qpdf", "mutool", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: scripts/setup.sh conformance installs what this suite needs: Java 17, Maven, Python 3 with venv, poppler-utils, qpdf, mupdf-tools, OpenSSL", err)
		}
	}
	j := &judges{}
	var lib, pdfa string
	j.dssVersion, lib = tooltest.Maven(t, "dss", "judge/pom.xml")
	j.pdfaMaker, pdfa = tooltest.Maven(t, "verapdf", "judge/verapdf.xml")
	classes := t.TempDir()
	j.classpath = filepath.Join(lib, "*") + string(os.PathListSeparator) + classes
	j.pdfa = filepath.Join(pdfa, "*")
	must(t, "javac", "-cp", j.classpath, "-d", classes, "judge/src/main/java/Judge.java")
	venv := filepath.Join(tooltest.Cache(t), "pyhanko-"+pyhankoVersion)
	tooltest.Once(t, venv, func(dir string) {
		must(t, "python3", "-m", "venv", dir)
		must(t, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "pyHanko=="+pyhankoVersion, "pyhanko-certvalidator=="+certvalidatorVersion)
	})
	j.python = filepath.Join(venv, "bin", "python")
	return j
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

func paths(list []*cell) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.path
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

func (j *judges) askDSS(t *testing.T, w *world, list []*cell) map[string][][]string {
	t.Helper()
	return rows(must(t, "java", append([]string{"-cp", j.classpath, "Judge", w.rootPEM}, paths(list)...)...))
}

// dss expects the level and, where the file has the evidence, TOTAL_PASSED without a warning. Without
// evidence DSS cannot conclude offline (INDETERMINATE, no revocation data), which is what B and T are.
func (j *judges) dss(t *testing.T, w *world, list []*cell) {
	t.Helper()
	answers := j.askDSS(t, w, list)
	for _, c := range list {
		said, v := map[string]int{}, verdict{state: accepted}
		if !c.archival() {
			v.state = foreseen
		}
		for _, f := range answers[c.file] {
			format, indication, sub, failures, warnings, modified := f[0], f[1], f[2], f[3], f[4], f[5]
			text := strings.TrimPrefix(format, "PAdES-BASELINE-") + " " + indication
			if sub != "" && sub != "CERTIFICATE_CHAIN_GENERAL_FAILURE" {
				text += "/" + sub
			}
			if warnings != "" && c.archival() {
				text += " (" + warnings + ")"
			}
			if modified != "" {
				text += " (modified)"
			}
			said[text]++
			good := indication == "TOTAL_PASSED" && warnings == ""
			if !c.archival() {
				good = indication == "INDETERMINATE" && strings.Contains(failures, "No revocation data found")
			}
			if format != "PAdES-BASELINE-"+c.level || !good || modified != "" {
				v.state = refused
			}
		}
		if len(answers[c.file]) != c.total() {
			v.state = refused
		}
		v.text = summary(said)
		c.say(t, "EU DSS", v, fmt.Sprint(answers[c.file]))
	}
}

// limit is a refusal that comes from the judge or from the document, whatever signs it.
type limit struct {
	says string // the beginning of its answer about the file
	why  string
}

// limits are those that we know of, by judge, then by document.
func limits() map[string]map[string]limit {
	hybrid := "its strict mode validates no signature of a file whose table is completed by /XRefStm (which Word and Acrobat write)"
	return map[string]map[string]limit{
		"pyHanko": {
			"word":                         {"1 × INVALID (SignatureValidationError)", hybrid},
			"hybrid":                       {"1 × INVALID (PdfStrictReadError)", hybrid},
			"acrobat":                      {"1 × INVALID (SignatureValidationError)", hybrid},
			"mupdf":                        {"1 × INVALID (PdfStrictReadError)", "its strict reader refuses the generation 65536 that MuPDF 1.21 gives to free objects"},
			"ghostscript-2.0":              {"INVALID (modification OTHER)", "it wants the XMP metadata to be well-formed XML, and that of Ghostscript 10.0 is not"},
			"form, its field filled":       {"INVALID (modification OTHER)", "its comparison knows no annotation written directly in /Annots; we detach them with the first new block, and here there is none"},
			"signed before by pyHanko B-B": {"1 × INVALID (AdESIndeterminate.SIG_CONSTRAINTS_FAILURE", "it wants a time-stamp on the signature of the other program, which at B-B has none; ours is valid"},
		},
	}
}

// excused reports whether a refusal of a judge is one that we know of.
func (c *cell) excused(judge, text string) bool {
	l, ok := limits()[judge][c.name]
	return ok && strings.Contains(text, l.says)
}

func (j *judges) askPyHanko(t *testing.T, w *world, list []*cell) map[string][][]string {
	t.Helper()
	return rows(must(t, j.python, append([]string{"judge/judge.py", w.rootPEM}, paths(list)...)...))
}

// pyhanko expects validity at the level of each file, with nothing fetched, and nothing but signatures
// and evidence added after each signature.
func (j *judges) pyhanko(t *testing.T, w *world, list []*cell) {
	t.Helper()
	answers := j.askPyHanko(t, w, list)
	for _, c := range list {
		said := map[string]int{}
		for _, f := range answers[c.file] {
			switch {
			case f[2] == "VALID":
				said["VALID"]++
			case f[4] == "OTHER":
				said["INVALID (modification OTHER)"]++
			default:
				cause, _, _ := strings.Cut(f[3], " ")
				said["INVALID ("+cause+")"]++
			}
		}
		v := verdict{text: summary(said)}
		switch {
		case v.text == fmt.Sprintf("%d × VALID", c.total()):
			v.state = accepted
		case c.excused("pyHanko", v.text):
			v.state = known
		}
		c.say(t, "pyHanko", v, fmt.Sprint(answers[c.file]))
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

// askVeraPDF gives PASS or FAIL, and the flavour, for each file that must be PDF/A.
func (j *judges) askVeraPDF(t *testing.T, list []*cell) map[string]string {
	t.Helper()
	args := []string{"-cp", j.pdfa, "org.verapdf.apps.GreenfieldCliWrapper", "--format", "text", "--flavour", "0", "--defaultflavour", "2b"}
	asked := false
	for _, c := range list {
		if c.pdfa {
			args, asked = append(args, c.path), true
		}
	}
	said := map[string]string{}
	if !asked {
		return said
	}
	out, err := exec.CommandContext(t.Context(), "java", args...).Output() // fails when a file does
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "PASS" {
			said[filepath.Base(f[1])] = f[2]
		} else if len(f) > 1 {
			said[filepath.Base(f[1])] = f[0]
		}
	}
	if len(said) == 0 {
		t.Fatalf("veraPDF: %v: %s", err, out)
	}
	return said
}

// verapdf judges the PDF/A inputs before their signatures and after.
func (j *judges) verapdf(t *testing.T, list []*cell) {
	t.Helper()
	after := j.askVeraPDF(t, list)
	dir := t.TempDir()
	var originals []*cell
	for _, c := range list {
		if c.pdfa {
			o := &cell{input: c.input, file: c.file, path: filepath.Join(dir, c.file)}
			if err := os.WriteFile(o.path, c.input.file, 0o600); err != nil {
				t.Fatal(err)
			}
			originals = append(originals, o)
		}
	}
	before := j.askVeraPDF(t, originals)
	for _, c := range list {
		if !c.pdfa {
			continue
		}
		was, is := before[c.file], after[c.file]
		v := verdict{text: fmt.Sprintf("%s → %s", was, is)}
		if was == is && was != "" && was != "FAIL" {
			v.state = accepted
		}
		c.say(t, "veraPDF", v, "")
	}
}
