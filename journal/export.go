package journal

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"
)

// Format names the export form: JSON lines in UTF-8, each ended by one line feed. The first line is the header, the last
// one the footer, one entry on each line between; bodies are in standard base64, hashes in lower-case hexadecimal, the
// instant in RFC 3339 with six decimals and Z. Keys come in the order below and nothing is optional:
//
//	{"format":"parapheur.journal.v1","tenant":"21690123100011","after_seq":0,"after_hash":"…"}
//	{"seq":1,"at":"2026-03-02T08:00:00.000000Z","subject":"…","kind":"…","body":"…","prev":"…","hash":"…"}
//	{"entries":1,"head_seq":1,"head_hash":"…"}
//
// A line is accepted only if writing it again gives the same bytes, so a journal has one export and no other.
const Format = "parapheur.journal.v1"

// maxLine bounds what one line of an export may hold in memory.
const maxLine = 32 << 20

// instant is the layout of "at": fixed width, so that the text sorts as the time does.
const instant = "2006-01-02T15:04:05.000000Z"

// ErrFormat reports an export which is not in the form described at [Format], or is cut short.
var ErrFormat = errors.New("not a journal export")

type header struct {
	Format    string `json:"format"`
	Tenant    string `json:"tenant"`
	AfterSeq  int64  `json:"after_seq"`
	AfterHash string `json:"after_hash"`
}

type line struct {
	Seq     int64  `json:"seq"`
	At      string `json:"at"`
	Subject string `json:"subject"`
	Kind    string `json:"kind"`
	Body    string `json:"body"`
	Prev    string `json:"prev"`
	Hash    string `json:"hash"`
}

type footer struct {
	Entries  int64  `json:"entries"`
	HeadSeq  int64  `json:"head_seq"`
	HeadHash string `json:"head_hash"`
}

// Write exports the entries which follow head, verifying the chain as it goes, and returns the last entry written. Head
// is [Genesis] for a whole chain, or an entry already exported to continue from. When an error is returned the footer has
// not been written, and the export will not read back.
func Write(w io.Writer, tenant string, head Entry, entries iter.Seq2[Entry, error]) (Entry, error) {
	if head.Seq == 0 && head.Hash != Genesis(tenant).Hash {
		return head, fmt.Errorf("export of %q: %w", tenant, &BrokenError{Seq: 0, Why: "hash"})
	}
	out := bufio.NewWriter(w)
	h := header{Format: Format, Tenant: tenant, AfterSeq: head.Seq, AfterHash: hex.EncodeToString(head.Hash[:])}
	if err := writeLine(out, h); err != nil {
		return head, err
	}
	var n int64
	for e, err := range entries {
		if err != nil {
			return head, fmt.Errorf("reading the entry after %d: %w", head.Seq, err)
		}
		if err := Check(head, e); err != nil {
			return head, err
		}
		l, err := e.line()
		if err != nil {
			return head, err
		}
		if err := writeLine(out, l); err != nil {
			return head, err
		}
		head, n = e, n+1
	}
	if err := writeLine(out, footer{Entries: n, HeadSeq: head.Seq, HeadHash: hex.EncodeToString(head.Hash[:])}); err != nil {
		return head, err
	}
	return head, out.Flush()
}

// line is the form of an entry in an export. JSON would replace invalid UTF-8 in silence, and the hash would no longer be
// that of the text: refuse.
func (e Entry) line() (line, error) {
	if !utf8.ValidString(e.Subject) || !utf8.ValidString(e.Kind) {
		return line{}, fmt.Errorf("entry %d: subject or kind is not UTF-8: %w", e.Seq, ErrFormat)
	}
	if y := e.At.UTC().Year(); y < 0 || y > 9999 {
		return line{}, fmt.Errorf("entry %d: the year %d has not four digits: %w", e.Seq, y, ErrFormat)
	}
	return line{
		Seq: e.Seq, At: e.At.UTC().Format(instant), Subject: e.Subject, Kind: e.Kind,
		Body: base64.StdEncoding.EncodeToString(e.Body),
		Prev: hex.EncodeToString(e.Prev[:]), Hash: hex.EncodeToString(e.Hash[:]),
	}, nil
}

// entry is the inverse of Entry.line.
func (l line) entry() (Entry, error) {
	at, err := time.Parse(instant, l.At)
	if err != nil {
		return Entry{}, fmt.Errorf("at %q: %w", l.At, ErrFormat)
	}
	body, err := base64.StdEncoding.DecodeString(l.Body)
	if err != nil {
		return Entry{}, fmt.Errorf("body: %w", ErrFormat)
	}
	prev, err := digest(l.Prev)
	if err != nil {
		return Entry{}, fmt.Errorf("prev: %w", err)
	}
	hash, err := digest(l.Hash)
	if err != nil {
		return Entry{}, fmt.Errorf("hash: %w", err)
	}
	return Entry{Seq: l.Seq, At: at, Subject: l.Subject, Kind: l.Kind, Body: body, Prev: prev, Hash: hash}, nil
}

func digest(s string) ([32]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return [32]byte{}, fmt.Errorf("%q is not a SHA-256: %w", s, ErrFormat)
	}
	return [32]byte(b), nil
}

// Export is an export being read.
type Export struct {
	tenant string
	after  Entry
	in     *bufio.Scanner
	n      int // number of the line last read, for messages
}

// Open reads the header of an export. The entries are read by [Export.Entries].
func Open(r io.Reader) (*Export, error) {
	x := &Export{in: bufio.NewScanner(r)}
	x.in.Buffer(make([]byte, 0, 64<<10), maxLine)
	x.in.Split(splitLines)
	raw, err := x.read()
	if err != nil {
		return nil, err
	}
	var h header
	if err := strict(raw, &h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if h.Format != Format || h.AfterSeq < 0 {
		return nil, fmt.Errorf("header: format %q after %d: %w", h.Format, h.AfterSeq, ErrFormat)
	}
	hash, err := digest(h.AfterHash)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if h.AfterSeq == 0 && hash != Genesis(h.Tenant).Hash {
		return nil, fmt.Errorf("header: the chain does not start from %q: %w", h.Tenant, &BrokenError{Seq: 0, Why: "hash"})
	}
	x.tenant, x.after = h.Tenant, Entry{Seq: h.AfterSeq, Hash: hash}
	return x, nil
}

// Tenant is the SIRET that the header names. For a whole chain, Open has checked that the chain starts from it.
func (x *Export) Tenant() string { return x.tenant }

// After is the entry from which the export continues: the genesis for a whole chain, otherwise an entry of which only Seq
// and Hash are known, to be compared with the end of the previous export.
func (x *Export) After() Entry { return x.after }

// Entries yields the entries, once. It does not check the chain ([Verify] does), but it yields an error if a line is not
// in the form or if the footer is missing, does not agree, or is followed by anything.
func (x *Export) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		last, n := x.after, int64(0)
		for {
			raw, err := x.read()
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if bytes.HasPrefix(raw, []byte(`{"entries":`)) {
				if err := x.finish(raw, last, n); err != nil {
					yield(Entry{}, err)
				}
				return
			}
			var l line
			err = strict(raw, &l)
			var e Entry
			if err == nil {
				e, err = l.entry()
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("line %d: %w", x.n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			last, n = e, n+1
		}
	}
}

// finish checks the footer, and that nothing follows it.
func (x *Export) finish(raw []byte, last Entry, n int64) error {
	var f footer
	if err := strict(raw, &f); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if f.Entries != n || f.HeadSeq != last.Seq || f.HeadHash != hex.EncodeToString(last.Hash[:]) {
		return fmt.Errorf("footer: announces %d entries up to %d, found %d up to %d: %w", f.Entries, f.HeadSeq, n, last.Seq, ErrFormat)
	}
	if x.in.Scan() {
		return fmt.Errorf("line %d: after the footer: %w", x.n+1, ErrFormat)
	}
	return x.in.Err()
}

// read returns the next line; the end of the input is an error, since a footer must come first.
func (x *Export) read() ([]byte, error) {
	if !x.in.Scan() {
		if err := x.in.Err(); err != nil {
			return nil, fmt.Errorf("line %d: %w", x.n+1, err)
		}
		return nil, fmt.Errorf("line %d: ends before the footer: %w", x.n+1, ErrFormat)
	}
	x.n++
	return x.in.Bytes(), nil
}

// VerifyExport reads a whole export and recomputes its chain, from the genesis of the tenant that it names (or from the
// entry that it continues, see [Export.After]). It returns the tenant and the last entry that holds.
func VerifyExport(r io.Reader) (tenant string, head Entry, err error) {
	x, err := Open(r)
	if err != nil {
		return "", Entry{}, err
	}
	head, err = Verify(x.After(), x.Entries())
	return x.Tenant(), head, err
}

// splitLines wants each line ended by exactly one line feed, unlike bufio.ScanLines which forgives.
func splitLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, fmt.Errorf("the last line is cut: %w", ErrFormat)
	}
	return 0, nil, nil
}

func writeLine(w io.Writer, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding a line: %w", err)
	}
	return buf.Bytes(), nil
}

// strict decodes one line and wants that encoding it again gives the same bytes: no duplicate key, no unknown key, no
// white space, no other spelling of the same value.
func strict(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrFormat, err)
	}
	again, err := encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), raw) {
		return fmt.Errorf("not canonical: %w", ErrFormat)
	}
	return nil
}
