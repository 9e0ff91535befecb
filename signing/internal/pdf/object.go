package pdf

import (
	"bytes"
	"fmt"
	"strconv"
)

// Object is a PDF value: [Raw], [Name], [Ref], [Array], [*Dict], [*Stream] or nil for an absent
// one. When writing, int, int64 and float64 are accepted too.
type Object any

// Ref is an indirect reference; the zero Ref refers to nothing.
type Ref struct{ Number, Generation int }

// String returns the reference as a file spells it, "12 0 R".
func (r Ref) String() string { return fmt.Sprintf("%d %d R", r.Number, r.Generation) }

// Name is a name as spelled in the file, without its solidus and with its #xx escapes.
type Name string

// Decoded returns the name with its #xx escapes replaced (ISO 32000-2, 7.3.5).
func (n Name) Decoded() string {
	b := []byte(n)
	if bytes.IndexByte(b, '#') < 0 {
		return string(n)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '#' && i+2 < len(b) {
			if v, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

// Is reports whether two names are the same once their escapes are decoded.
func (n Name) Is(other Name) bool { return n == other || n.Decoded() == other.Decoded() }

// Raw is a number, string, boolean or null: the token exactly as in the file.
type Raw string

// Int returns the token as an integer.
func (r Raw) Int() (int64, bool) {
	n, err := strconv.ParseInt(string(r), 10, 64)
	return n, err == nil
}

// Float returns the token as a finite number.
func (r Raw) Float() (float64, bool) {
	f, err := strconv.ParseFloat(string(r), 64)
	return f, err == nil && f-f == 0
}

// IsNull reports whether the token is the keyword null.
func (r Raw) IsNull() bool { return r == "null" }

// IsString reports whether the token is a literal or hexadecimal string.
func (r Raw) IsString() bool { return len(r) > 1 && (r[0] == '(' || r[0] == '<') }

// Array is an array.
type Array []Object

// Entry is one entry of a dictionary. Start and End are the absolute byte offsets of the value in
// the file (End excluded); both are 0 for a value out of an object stream or made in memory.
type Entry struct {
	Key        Name
	Value      Object
	Start, End int64
}

// Dict is a dictionary with its entries in file order. Duplicate keys are kept, because a reader
// that silently picks one of them can be made to disagree with another reader.
type Dict struct{ Entries []Entry }

// NewDict makes a dictionary from its entries.
func NewDict(entries ...Entry) *Dict { return &Dict{Entries: entries} }

// Get returns the value of the first entry whose key is k, or nil. A nil Dict has no entries.
func (d *Dict) Get(k Name) Object {
	if e := d.find(k); e != nil {
		return e.Value
	}
	return nil
}

// All returns every entry whose key is k: more than one is a malformed dictionary.
func (d *Dict) All(k Name) []Entry {
	var out []Entry
	if d != nil {
		for _, e := range d.Entries {
			if e.Key.Is(k) {
				out = append(out, e)
			}
		}
	}
	return out
}

func (d *Dict) find(k Name) *Entry {
	if d == nil {
		return nil
	}
	for i := range d.Entries {
		if d.Entries[i].Key.Is(k) {
			return &d.Entries[i]
		}
	}
	return nil
}

// Set replaces the value of k, or adds it at the end; duplicates of k are removed.
func (d *Dict) Set(k Name, v Object) {
	e := d.find(k)
	if e == nil {
		d.Entries = append(d.Entries, Entry{Key: k, Value: v})
		return
	}
	e.Value, e.Start, e.End = v, 0, 0
	kept := d.Entries[:0]
	for i := range d.Entries {
		if x := &d.Entries[i]; x == e || !x.Key.Is(k) {
			kept = append(kept, *x)
		}
	}
	d.Entries = kept
}

// Delete removes k.
func (d *Dict) Delete(k Name) {
	kept := d.Entries[:0]
	for _, e := range d.Entries {
		if !e.Key.Is(k) {
			kept = append(kept, e)
		}
	}
	d.Entries = kept
}

// Clone returns a copy whose entries can be changed; the values are shared.
func (d *Dict) Clone() *Dict { return &Dict{Entries: append([]Entry(nil), d.Entries...)} }

// Int returns the direct integer value of k.
func (d *Dict) Int(k Name) (int64, bool) {
	r, ok := d.Get(k).(Raw)
	if !ok {
		return 0, false
	}
	return r.Int()
}

// Stream is a stream: its dictionary and the absolute offset of its data in the file.
type Stream struct {
	Dict   *Dict
	Offset int64
}

// Append serialises v at the end of dst. Raw tokens and names come out as they were read; the
// data of a [*Stream] is not written, only its dictionary.
func Append(dst []byte, v Object) []byte {
	switch x := v.(type) {
	case nil:
		return append(dst, "null"...)
	case Ref:
		dst = strconv.AppendInt(dst, int64(x.Number), 10)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, int64(x.Generation), 10)
		return append(dst, " R"...)
	case Name:
		return append(append(dst, '/'), x...)
	case Raw:
		return append(dst, x...)
	case int:
		return strconv.AppendInt(dst, int64(x), 10)
	case int64:
		return strconv.AppendInt(dst, x, 10)
	case float64:
		return appendFloat(dst, x)
	case Array:
		return appendArray(dst, x)
	case *Dict:
		return appendDict(dst, x)
	case *Stream:
		return appendDict(dst, x.Dict)
	}
	panic(fmt.Sprintf("pdf: cannot serialise a %T", v))
}

func appendArray(dst []byte, a Array) []byte {
	dst = append(dst, '[')
	for i, e := range a {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = Append(dst, e)
	}
	return append(dst, ']')
}

func appendDict(dst []byte, d *Dict) []byte {
	dst = append(dst, "<<"...)
	for _, e := range d.Entries {
		dst = append(append(dst, '/'), e.Key...)
		dst = Append(append(dst, ' '), e.Value)
		dst = append(dst, '\n')
	}
	return append(dst, ">>"...)
}

// appendFloat writes at most three decimals and never an exponent, which PDF does not know.
func appendFloat(dst []byte, f float64) []byte {
	dst = strconv.AppendFloat(dst, f, 'f', 3, 64)
	dst = bytes.TrimRight(dst, "0")
	return bytes.TrimSuffix(dst, []byte("."))
}
