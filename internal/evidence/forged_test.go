package evidence

import (
	"archive/zip"
	"bytes"
	"slices"
	"testing"

	"parapheur/journal"
)

// TestForgeries changes one thing in a sound package, or in its letter, as somebody who holds the seal of the town would,
// and wants the report to name it.
func TestForgeries(t *testing.T) {
	t.Parallel()
	for _, test := range forgeries() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := forge(t, theSample(t))
			test.change(f)
			rep := verify(t, f.pack(), f.letter, f.opt)
			if rep.Outcome != test.outcome {
				t.Errorf("%s, want %s: %s", rep.Outcome, test.outcome, show(t, rep))
			}
			found := slices.ContainsFunc(rep.Findings, func(x Finding) bool { return x.Code == test.want })
			if test.want != "" && !found {
				t.Errorf("no %s: %s", test.want, show(t, rep))
			}
		})
	}
}

// townJournal exports the journal of the town, changed and chained again.
func townJournal(f *forgery, change func([]journal.Entry) []journal.Entry) *bytes.Reader {
	f.t.Helper()
	all := slices.Clone(f.of.world.all)
	if change != nil {
		all = change(all)
		last := journal.Genesis(siret)
		for i := range all {
			all[i].Prev = last.Hash
			all[i].Hash = all[i].Sum()
			last = all[i]
		}
	}
	var out bytes.Buffer
	_, err := journal.Write(&out, siret, journal.Genesis(siret), func(yield func(journal.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return bytes.NewReader(out.Bytes())
}

// zipped is a zip of one file.
func zipped(t testing.TB, method uint16, name string, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func manyFiles(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := range maxFiles + 1 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: enrolmentName(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// deflated is what unpacking and zipping again makes, folders included.
func deflated(t testing.TB, b []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if _, err := z.Create("decisions/"); err != nil {
		t.Fatal(err)
	}
	for _, e := range in.File {
		content, bad := readEntry(e, maxPackage)
		if bad != nil {
			t.Fatal(bad)
		}
		w, err := z.Create(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
