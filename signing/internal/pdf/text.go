package pdf

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// EncodeText returns s as a text string: a literal when it is printable ASCII, otherwise UTF-16BE
// in hexadecimal, which needs no escape and therefore survives every reader.
func EncodeText(s string) Raw {
	for _, r := range s {
		if r < ' ' || r > '~' {
			b := []byte{0xFE, 0xFF}
			for _, u := range utf16.Encode([]rune(s)) {
				b = append(b, byte(u>>8), byte(u))
			}
			return Raw("<" + strings.ToUpper(hex.EncodeToString(b)) + ">")
		}
	}
	return Raw("(" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(s) + ")")
}

// EncodeDate returns t as a date string with its offset from UTC (ISO 32000-2, 7.9.4).
func EncodeDate(t time.Time) Raw {
	_, offset := t.Zone()
	if offset == 0 {
		return Raw("(D:" + t.Format("20060102150405") + "Z)")
	}
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return Raw(fmt.Sprintf("(D:%s%c%02d'%02d')", t.Format("20060102150405"), sign, offset/3600, offset/60%60))
}

// Bytes returns the bytes of a string token, its escapes decoded; nil for another token.
func (r Raw) Bytes() []byte {
	switch {
	case !r.IsString():
		return nil
	case r[0] == '<':
		return decodeHex([]byte(r[1:]))
	}
	return unescape([]byte(r[1 : len(r)-1]))
}

// unescape decodes the inside of a literal string (ISO 32000-2, 7.3.4.2).
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\r' { // an end-of-line reads as one line feed
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
			out = append(out, '\n')
			continue
		}
		if c != '\\' || i+1 == len(s) {
			out = append(out, c)
			continue
		}
		i++
		switch c = s[i]; {
		case c >= '0' && c <= '7':
			v := 0
			n := 0
			for ; n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7'; n++ {
				v = 8*v + int(s[i+n]-'0')
			}
			i += n - 1
			out = append(out, byte(v))
		case c == '\r':
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
		case c == '\n':
		default:
			if k := strings.IndexByte("nrtbf", c); k >= 0 {
				c = "\n\r\t\b\f"[k]
			}
			out = append(out, c)
		}
	}
	return out
}

// Text decodes a text string: UTF-16BE, UTF-8 with its mark, or PDFDocEncoding (7.9.2.2).
func (r Raw) Text() string {
	b := r.Bytes()
	switch {
	case len(b) >= 2 && b[0] == 0xFE && b[1] == 0xFF:
		u := make([]uint16, 0, len(b)/2)
		for k := 2; k+1 < len(b); k += 2 {
			u = append(u, uint16(b[k])<<8|uint16(b[k+1]))
		}
		return string(utf16.Decode(u))
	case len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF && utf8.Valid(b):
		return string(b[3:])
	}
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = docEncoding(c)
	}
	return string(out)
}

// docEncoding maps a byte of PDFDocEncoding to its character (ISO 32000-2, annex D.3).
func docEncoding(c byte) rune {
	const low = "\u02d8\u02c7\u02c6\u02d9\u02dd\u02db\u02da\u02dc" // 0x18 to 0x1f
	const high = "\u2022\u2020\u2021\u2026\u2014\u2013\u0192\u2044\u2039\u203a\u2212\u2030\u201e\u201c\u201d\u2018" +
		"\u2019\u201a\u2122\ufb01\ufb02\u0141\u0152\u0160\u0178\u017d\u0131\u0142\u0153\u0161\u017e\ufffd\u20ac" // 0x80 to 0xa0
	switch {
	case c >= 0x18 && c <= 0x1f:
		return []rune(low)[c-0x18]
	case c >= 0x80 && c <= 0xa0:
		return []rune(high)[c-0x80]
	}
	return rune(c)
}

// Time decodes a date string; ok is false when it is not one.
func (r Raw) Time() (t time.Time, ok bool) {
	s := strings.TrimPrefix(r.Text(), "D:")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "'", ""), "Z0000", "Z")
	for _, layout := range []string{"20060102150405Z0700", "20060102150405Z07", "20060102150405", "200601021504", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
