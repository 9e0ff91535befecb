package revisions

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/signing/internal/pdf"
)

// parse reads one PDF value.
func parse(t testing.TB, value string) pdf.Object {
	t.Helper()
	doc := open(t, file("<</Type/Catalog/Pages 2 0 R>>", value))
	v, err := doc.Object(2)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t testing.TB, b []byte) *pdf.Doc {
	t.Helper()
	doc, err := pdf.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// file writes objects 1, 2, 3... as one revision.
func file(objects ...string) []byte { return revise(nil, 1, objects...) }

// revise appends a revision whose objects are numbered from first.
func revise(b []byte, first int, objects ...string) []byte {
	prev := ""
	if i := bytes.LastIndex(b, []byte("\nxref\n")); i >= 0 {
		prev = fmt.Sprintf("/Prev %d", i+1)
	}
	b = append(bytes.Clone(b), "%PDF-1.7\n"...)
	table := fmt.Sprintf("%d %d\n", first, len(objects))
	for i, o := range objects {
		table += fmt.Sprintf("%010d 00000 n \n", len(b))
		b = fmt.Appendf(b, "%d 0 obj\n%s\nendobj\n", first+i, o)
	}
	b = append(b, '\n')
	return fmt.Appendf(b, "xref\n%strailer\n<</Size 20/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", table, prev, len(b))
}

func TestDifferingNamesTheKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"<</A 1/B 2>>", "<</A 1/B 2>>", ""},
		{"<</A 1/B 2>>", "<</B 2/A 1>>", ""},
		{"<</A 1>>", "<</A null>>", "A"},
		{"<</A 1>>", "<<>>", "A"},
		{"<</A 1>>", "<</A 1/A 2>>", "A"},
		{"<</A 1/A 1>>", "<</A 1/A 1>>", ""},
		{"<</A#42 1>>", "<</AB 1>>", ""},
		{"<</A 1/C[1 2]>>", "<</A 2/C[1 3]/D 4>>", "A C D"},
	} {
		a, b := parse(t, c.a).(*pdf.Dict), parse(t, c.b).(*pdf.Dict)
		if got := strings.Join(differing(a, b), " "); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"<</Type/Page>>": "page", "<</Type/Pages>>": "page_tree", "<</FT/Tx>>": "field", "<</Rect[0 0 1 1]>>": "annotation",
		"<</Type/OCG>>": "layer", "[1]": "object", "<</Length 0>>\nstream\n\nendstream": "content",
		"<</Length 0/Subtype/Image>>\nstream\n\nendstream": "image",
		"<</Length 0/Length1 4>>\nstream\n\nendstream":     "font",
	} {
		if got := role(parse(t, value)); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func TestRewritingTheSameValueIsNoChange(t *testing.T) {
	t.Parallel()
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>",
		"<</Length 3>>\nstream\nq Q\nendstream",
	}
	b := revise(file(objects...), 1, objects...)
	diffs, err := Compare(open(t, b), 0)
	if err != nil || len(diffs) != 1 || len(diffs[0].Changes) != 0 {
		t.Fatalf("%+v, %v", diffs, err)
	}
	b = revise(b, 4, strings.Replace(objects[3], "q Q", "q q", 1))
	diffs, err = Compare(open(t, b), 0)
	want := Change{Kind: Modified, Object: 4, Role: "content"}
	if err != nil || len(diffs) != 2 || !slices.Equal(diffs[1].Changes, []Change{want}) {
		t.Fatalf("%+v, %v", diffs, err)
	}
}

// Hundreds of revisions and thousands of changed objects cost bounded time and give a bounded
// report; both together reach the limit of work.
func TestManyRevisions(t *testing.T) {
	t.Parallel()
	first := file("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>", "null", "null")
	long := first
	for i := range 900 {
		long = revise(long, 3, fmt.Sprintf("[%d]", i), "[3 0 R 4 0 R]")
	}
	var many []string
	for i := range 20_000 {
		many = append(many, fmt.Sprintf("[%d 0 R]", i))
	}
	change := func(b []byte) []byte {
		return revise(revise(b, 3, many...), 3, slices.Repeat([]string{"null"}, len(many))...)
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{"revisions": {long, nil}, "objects": {change(first), nil}, "both": {change(long), pdf.ErrLimit}} {
		start := time.Now()
		diffs, err := Compare(open(t, c.file), 0)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		for _, d := range diffs {
			if len(d.Changes) > maxChanges {
				t.Errorf("%s: %d changes", name, len(d.Changes))
			}
		}
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
}
