package evidence

import (
	"bytes"
	"testing"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/journal"
)

// FuzzVerify gives any bytes as a package: the answer is a report, and never "valid" for other contents.
func FuzzVerify(f *testing.F) {
	s := theSample(f)
	f.Add(s.zip)
	f.Add(s.zip[:len(s.zip)-100])
	f.Add(deflated(f, s.zip))
	f.Add([]byte("PK\x05\x06" + string(make([]byte, 18))))
	sound, bad := openArchive(bytes.NewReader(s.zip), int64(len(s.zip)))
	if bad != nil {
		f.Fatal(bad)
	}
	f.Fuzz(func(t *testing.T, pkg []byte) {
		rep := verify(t, pkg, s.letter, s.options())
		if rep.Outcome != proof.Valid {
			return
		}
		a, bad := openArchive(bytes.NewReader(pkg), int64(len(pkg)))
		if bad != nil {
			t.Fatal(bad)
		}
		for name, b := range a.files {
			if !bytes.Equal(b, sound.files[name]) && name != fileSeal { // the CMS has unsigned parts
				t.Errorf("valid with another %s", name)
			}
		}
	})
}

// flip changes one byte of one file of an unsealed package, makes the manifest again, and says whether that went unseen.
func flip(t testing.TB, f *forgery, name string, at int, by byte) (unseen bool) {
	t.Helper()
	f.files[name][at] ^= by
	f.seal = nil
	rep := verify(t, f.pack(), f.letter, f.opt)
	return rep.Outcome != proof.Invalid
}

// declared are the files that hold what only the seal vouches for: names, titles, the text of the guide.
func declared(name string) bool {
	return name == fileGuide || name == fileDossier || name == fileAnnexes || name == fileManifest || name == fileSeal
}

// TestEveryByteCounts changes bytes of every file that is not a mere declaration, in packages without seal: the links between
// the files must show each change by themselves.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	s := theSample(t)
	for _, name := range forge(t, s).order {
		if declared(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			size := len(forge(t, s).files[name])
			for i := range 4 {
				if at := i * (size - 1) / 3; flip(t, forge(t, s), name, at, 1) {
					t.Errorf("byte %d changed, unseen", at)
				}
			}
		})
	}
}

// FuzzFlip is TestEveryByteCounts for any byte.
func FuzzFlip(f *testing.F) {
	s := theSample(f)
	order := forge(f, s).order
	f.Add(uint16(7), uint32(12), byte(1))
	f.Fuzz(func(t *testing.T, file uint16, at uint32, by byte) {
		name := order[int(file)%len(order)]
		x := forge(t, s)
		if by == 0 || declared(name) {
			return
		}
		if k := int(at) % len(x.files[name]); flip(t, x, name, k, by) {
			t.Errorf("%s: byte %d changed by %d, unseen", name, k, by)
		}
	})
}

// FuzzReplay gives any bodies as events, chained by the forger, to the state machine: what it refuses is reported, and
// what it accepts can be summarised.
func FuzzReplay(f *testing.F) {
	for _, e := range theSample(f).world.pkg().Journal {
		f.Add(e.Kind, e.Body, true)
		f.Add(e.Kind, e.Body, false)
	}
	f.Add(circuits.KindTimestampAwaited, []byte(`{"step":-1,"at":"2026-03-02T08:00:00Z"}`), true)
	f.Add(circuits.KindUndone, []byte(`{"step":7,"by":{"name":""},"evidence":"`+circuits.Digest{1}.String()+`","at":"2026-03-02T08:00:00Z"}`), true)
	whole := theSample(f).world.pkg().Journal
	f.Fuzz(func(t *testing.T, kind string, body []byte, after bool) {
		for cut := range whole {
			entries := append([]journal.Entry(nil), whole[:cut]...)
			at := time.UnixMicro(0)
			if ev, err := circuits.Decode(kind, body); err == nil {
				at = ev.When()
			}
			last := journal.Genesis(siret)
			if cut > 0 {
				last = entries[cut-1]
			}
			entries = append(entries, journal.Next(last, at, dossierID, kind, body))
			if after {
				entries = append(entries, whole[cut:]...)
			}
			if r, bad := replayJournal(siret, dossierID, entries); bad == nil {
				r.decisions()
			}
		}
	})
}

// FuzzExtract reads any journal.jsonl: what is read writes back to the same bytes.
func FuzzExtract(f *testing.F) {
	p := theSample(f).world.pkg()
	raw, err := writeExtract(&p, formatExtract, p.Journal)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, entries, err := readExtract(raw, formatExtract)
		if err != nil {
			return
		}
		q := Package{Tenant: Tenant{SIRET: h.Tenant}, Dossier: Dossier{ID: h.Dossier}, Journal: entries, Head: journal.Entry{Seq: h.HeadSeq, Hash: h.HeadHash}}
		again, err := writeExtract(&q, formatExtract, q.Journal)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%v: %q became %q", err, raw, again)
		}
	})
}
