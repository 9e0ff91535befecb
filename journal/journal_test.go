package journal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"go/build"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parapheur/journal"
)

const siret = "21690123100011"

var start = time.Date(2026, 3, 2, 8, 0, 0, 123456789, time.FixedZone("Paris", 3600))

// chain makes n entries.
func chain(n int) []journal.Entry {
	head := journal.Genesis(siret)
	var out []journal.Entry
	for i := range n {
		head = journal.Next(head, start.Add(time.Duration(i)*time.Second), "d-1", "étape-validée", []byte{byte(i), '<', 0xff})
		out = append(out, head)
	}
	return out
}

func all(entries []journal.Entry) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func export(t testing.TB, entries []journal.Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	if _, err := journal.Write(&buf, siret, journal.Genesis(siret), all(entries)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestDependencies keeps the package pure.
func TestDependencies(t *testing.T) {
	t.Parallel()
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if strings.ContainsAny(path, ".") || strings.HasPrefix(path, "parapheur") || path == "os" || strings.HasPrefix(path, "net") {
			t.Errorf("journal imports %s", path)
		}
	}
}

// TestHash fixes the hashes for ever: a journal of today must verify in twenty years.
func TestHash(t *testing.T) {
	t.Parallel()
	g := journal.Genesis(siret)
	e := journal.Next(g, start, "d-1", "étape-validée", []byte("{}"))
	for _, h := range []struct{ name, got, want string }{
		{"genesis", hex.EncodeToString(g.Hash[:]), "75a4e9781d2fb01cc549d0426a94e1de888e4ad7f031ba19fab7ca552cdc56a8"},
		{"entry", hex.EncodeToString(e.Hash[:]), "24f425673bbe68393d53e02a175c2a5c3e4ab162ce9740bab747baaa5dfd61e9"},
	} {
		if h.got != h.want {
			t.Errorf("%s: got %s, want %s", h.name, h.got, h.want)
		}
	}
	if !e.At.Equal(start.Truncate(time.Microsecond)) || e.At.Location() != time.UTC || e.Seq != 1 || e.Prev != g.Hash {
		t.Errorf("entry: %+v", e)
	}
}

// TestInjective wants that moving a byte from a field to its neighbour changes the hash.
func TestInjective(t *testing.T) {
	t.Parallel()
	g := journal.Genesis(siret)
	seen := map[[32]byte]string{g.Hash: "genesis"}
	for _, f := range [][3]string{{"ab", "c", "d"}, {"a", "bc", "d"}, {"abc", "", "d"}, {"abc", "d", ""}, {"", "abcd", ""}, {"", "", "abcd"}} {
		e := journal.Next(g, start, f[0], f[1], []byte(f[2]))
		if other, twice := seen[e.Hash]; twice {
			t.Errorf("%q and %s have the same hash", f, other)
		}
		seen[e.Hash] = strings.Join(f[:], "|")
	}
	if journal.Genesis("2169012310001").Hash == g.Hash {
		t.Error("two towns with the same genesis")
	}
}

// TestVerify finds each kind of break at the entry where it is.
func TestVerify(t *testing.T) {
	t.Parallel()
	rehash := func(e journal.Entry) journal.Entry { e.Hash = e.Sum(); return e }
	for _, test := range []struct {
		name  string
		alter func([]journal.Entry) []journal.Entry
		seq   int64
		why   string
	}{
		{"intact", func(c []journal.Entry) []journal.Entry { return c }, 0, ""},
		{"cut at the end", func(c []journal.Entry) []journal.Entry { return c[:3] }, 0, ""},
		{"body", func(c []journal.Entry) []journal.Entry { c[2].Body = []byte("x"); return c }, 3, "hash"},
		{"instant", func(c []journal.Entry) []journal.Entry { c[2].At = c[2].At.Add(time.Microsecond); return c }, 3, "hash"},
		{"subject", func(c []journal.Entry) []journal.Entry { c[0].Subject = "d-2"; return c }, 1, "hash"},
		{"kind", func(c []journal.Entry) []journal.Entry { c[4].Kind = "refus"; return c }, 5, "hash"},
		{"body, hashed again", func(c []journal.Entry) []journal.Entry { c[2].Body = nil; c[2] = rehash(c[2]); return c }, 4, "previous hash"},
		{"removed", func(c []journal.Entry) []journal.Entry { return slices.Delete(c, 1, 2) }, 2, "sequence"},
		{"removed, numbered again", func(c []journal.Entry) []journal.Entry {
			c[2].Seq = 2
			return append(c[:1], rehash(c[2]))
		}, 2, "previous hash"},
		{"first removed", func(c []journal.Entry) []journal.Entry { return c[1:] }, 1, "sequence"},
		{"swapped", func(c []journal.Entry) []journal.Entry { c[1], c[2] = c[2], c[1]; return c }, 2, "sequence"},
		{"twice", func(c []journal.Entry) []journal.Entry { return slices.Insert(c, 1, c[0]) }, 2, "sequence"},
		{"of another town", func([]journal.Entry) []journal.Entry {
			return []journal.Entry{journal.Next(journal.Genesis("21750001600019"), start, "", "", nil)}
		}, 1, "previous hash"},
	} {
		c := test.alter(chain(5))
		head, err := journal.Verify(journal.Genesis(siret), all(c))
		if test.seq == 0 {
			if err != nil || head.Hash != c[len(c)-1].Hash {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		var broken *journal.BrokenError
		if !errors.As(err, &broken) || !errors.Is(err, journal.ErrBroken) || broken.Seq != test.seq || broken.Why != test.why || head.Seq != test.seq-1 {
			t.Errorf("%s: got %v after %d, want a break of %s at %d", test.name, err, head.Seq, test.why, test.seq)
		}
	}
}

// TestSourceError returns the error of the source.
func TestSourceError(t *testing.T) {
	t.Parallel()
	down := errors.New("database down")
	source := func(yield func(journal.Entry, error) bool) {
		_ = yield(chain(1)[0], nil) && yield(journal.Entry{}, down)
	}
	if head, err := journal.Verify(journal.Genesis(siret), source); !errors.Is(err, down) || head.Seq != 1 {
		t.Errorf("verify: %v after %d", err, head.Seq)
	}
	var buf bytes.Buffer
	if _, err := journal.Write(&buf, siret, journal.Genesis(siret), source); !errors.Is(err, down) {
		t.Errorf("write: %v", err)
	}
	if _, _, err := journal.VerifyExport(&buf); !errors.Is(err, journal.ErrFormat) {
		t.Errorf("an interrupted export reads: %v", err)
	}
}

// TestExport writes, reads back, and continues.
func TestExport(t *testing.T) {
	t.Parallel()
	c := chain(5)
	raw := export(t, c)
	x, err := journal.Open(bytes.NewReader(raw))
	if err != nil || x.Tenant() != siret || x.After().Hash != journal.Genesis(siret).Hash {
		t.Fatalf("header: %v", err)
	}
	var back []journal.Entry
	for e, err := range x.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		back = append(back, e)
	}
	if diff := cmp.Diff(back, c); diff != "" {
		t.Error(diff)
	}
	var rest bytes.Buffer
	if head, err := journal.Write(&rest, siret, c[2], all(c[3:])); err != nil || head.Seq != 5 {
		t.Fatalf("continuing: %v", err)
	}
	tenant, head, err := journal.VerifyExport(&rest)
	if err != nil || tenant != siret || head.Hash != c[4].Hash {
		t.Errorf("continued: %v", err)
	}
	if empty := export(t, nil); bytes.Count(empty, []byte("\n")) != 2 {
		t.Errorf("empty journal: %s", empty)
	}
}

// TestExportRefused alters the text of an export.
func TestExportRefused(t *testing.T) {
	t.Parallel()
	raw := string(export(t, chain(3)))
	lines := strings.SplitAfter(raw, "\n")
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"intact", raw, nil},
		{"empty", "", journal.ErrFormat},
		{"no footer", strings.Join(lines[:4], ""), journal.ErrFormat},
		{"last line cut", strings.TrimSuffix(raw, "\n"), journal.ErrFormat},
		{"entry missing at the end", lines[0] + lines[1] + lines[2] + lines[4], journal.ErrFormat},
		{"entry missing in the middle", lines[0] + lines[1] + lines[3] + lines[4], journal.ErrBroken},
		{"lines swapped", lines[0] + lines[2] + lines[1] + lines[3] + lines[4], journal.ErrBroken},
		{"after the footer", raw + lines[1], journal.ErrFormat},
		{"blank line", lines[0] + "\n" + strings.Join(lines[1:], ""), journal.ErrFormat},
		{"carriage return", strings.ReplaceAll(raw, "\n", "\r\n"), journal.ErrFormat},
		{"white space", strings.Replace(raw, `"seq":2`, `"seq": 2`, 1), journal.ErrFormat},
		{"unknown key", strings.Replace(raw, `"seq":2`, `"x":1,"seq":2`, 1), journal.ErrFormat},
		{"duplicate key", strings.Replace(raw, `"seq":2`, `"seq":9,"seq":2`, 1), journal.ErrFormat},
		{"escaped", strings.Replace(raw, `étape`, `\u00e9tape`, 1), journal.ErrFormat},
		{"hash cut short", regexp.MustCompile(`"prev":"[0-9a-f]{64}"`).ReplaceAllString(raw, `"prev":"00"`), journal.ErrFormat},
		{"hash in capitals", strings.ToUpper(lines[0]), journal.ErrFormat},
		{"kind", strings.Replace(raw, `validée`, `refusée`, 1), journal.ErrBroken},
		{"body", strings.Replace(raw, `"body":"ADz/"`, `"body":"ADz+"`, 1), journal.ErrBroken},
		{"instant", strings.Replace(raw, `07:00:01.123456Z`, `07:00:02.123456Z`, 1), journal.ErrBroken},
		{"instant without fraction", strings.Replace(raw, `07:00:01.123456Z`, `07:00:01Z`, 1), journal.ErrFormat},
		{"another town", strings.Replace(raw, siret, "21750001600019", 1), journal.ErrBroken},
		{"another format", strings.Replace(raw, "journal.v1", "journal.v2", 1), journal.ErrFormat},
	} {
		if test.want != nil && test.text == raw {
			t.Errorf("%s: nothing is changed", test.name)
		}
		if _, _, err := journal.VerifyExport(strings.NewReader(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	var buf bytes.Buffer
	bad := []journal.Entry{journal.Next(journal.Genesis(siret), start, "\xff", "", nil)}
	if _, err := journal.Write(&buf, siret, journal.Genesis(siret), all(bad)); !errors.Is(err, journal.ErrFormat) {
		t.Errorf("subject that is not UTF-8: %v", err)
	}
	if _, err := journal.Write(&buf, "21750001600019", journal.Genesis(siret), all(nil)); !errors.Is(err, journal.ErrBroken) {
		t.Errorf("genesis of another town: %v", err)
	}
	if _, err := journal.Write(&buf, siret, journal.Genesis(siret), all(chain(3)[1:])); !errors.Is(err, journal.ErrBroken) {
		t.Errorf("a chain with a hole is exported: %v", err)
	}
}

// FuzzTamper changes one entry of a chain: Verify must stop at it, or at the next if the hash was made again.
func FuzzTamper(f *testing.F) {
	f.Add(uint8(0), "d-1", "refus", []byte("{}"), int64(0), false)
	f.Add(uint8(1), "d-2", "", []byte(nil), int64(1), true)
	f.Add(uint8(3), "", "", []byte("x"), int64(-1), true)
	f.Fuzz(func(t *testing.T, at uint8, subject, kind string, body []byte, shift int64, rehash bool) {
		c := chain(4)
		i := int(at) % len(c)
		before := c[i]
		c[i].Subject, c[i].Kind, c[i].Body = subject, kind, body
		c[i].At = time.UnixMicro(c[i].At.UnixMicro() + shift).UTC()
		if subject == before.Subject && kind == before.Kind && bytes.Equal(body, before.Body) && shift == 0 {
			return
		}
		want := int64(i + 1)
		if rehash {
			c[i].Hash = c[i].Sum()
			want++
		}
		head, err := journal.Verify(journal.Genesis(siret), all(c))
		if want > int64(len(c)) {
			// The last entry made again in full: only a head published elsewhere shows it.
			if err != nil || head.Hash == before.Hash {
				t.Errorf("entry %d replaced: %v", i+1, err)
			}
			return
		}
		var broken *journal.BrokenError
		if !errors.As(err, &broken) || broken.Seq != want {
			t.Errorf("entry %d changed (hashed again: %t): Verify says %v", i+1, rehash, err)
		}
	})
}

// FuzzExport reads anything; what verifies is written again to the same bytes.
func FuzzExport(f *testing.F) {
	f.Add(export(f, chain(2)))
	f.Add(export(f, nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tenant, _, err := journal.VerifyExport(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, journal.ErrFormat) && !errors.Is(err, journal.ErrBroken) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		x, err := journal.Open(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if _, err := journal.Write(&buf, tenant, x.After(), x.Entries()); err != nil || !bytes.Equal(buf.Bytes(), raw) {
			t.Errorf("%q came back as %q, %v", raw, buf.Bytes(), err)
		}
	})
}
