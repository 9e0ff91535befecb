package content

import (
	"bytes"

	"parapheur/signing/internal/pdf"
)

// The tokens of a content stream (ISO 32000-2, 7.8.2): numbers, strings, names and
// operators are told apart, everything else only matters by its nesting.
type tokenKind int

const (
	endOfContent tokenKind = iota
	numberToken
	stringToken
	nameToken
	operatorToken
	openArray
	closeArray
	otherToken
)

type token struct {
	kind   tokenKind
	number float64
	text   string // operator or name
	data   []byte // decoded bytes of a string; valid until the content is
}

type scanner struct {
	b []byte
	p int
}

// next returns the next token; it always advances, so a scan ends.
func (s *scanner) next() token {
	s.space()
	if s.p >= len(s.b) {
		return token{}
	}
	c := s.b[s.p]
	s.p++
	switch c {
	case '(':
		return token{kind: stringToken, data: s.literal()}
	case '<':
		if s.p < len(s.b) && s.b[s.p] == '<' {
			s.p++
			return token{kind: otherToken}
		}
		return token{kind: stringToken, data: s.hexadecimal()}
	case '[':
		return token{kind: openArray}
	case ']':
		return token{kind: closeArray}
	case '>', '{', '}', ')':
		return token{kind: otherToken}
	case '/':
		return token{kind: nameToken, text: s.word()}
	}
	s.p--
	w := s.word()
	if n, ok := parseNumber(w); ok {
		return token{kind: numberToken, number: n}
	}
	return token{kind: operatorToken, text: w}
}

func (s *scanner) space() {
	for s.p < len(s.b) {
		c := s.b[s.p]
		if c == '%' {
			for s.p < len(s.b) && s.b[s.p] != '\n' && s.b[s.p] != '\r' {
				s.p++
			}
			continue
		}
		if !isBlank(c) {
			return
		}
		s.p++
	}
}

func isBlank(c byte) bool { return bytes.IndexByte([]byte("\x00\t\n\f\r "), c) >= 0 }

func isRegular(c byte) bool { return !isBlank(c) && bytes.IndexByte([]byte("()<>[]{}/%"), c) < 0 }

func (s *scanner) word() string {
	from := s.p
	for s.p < len(s.b) && isRegular(s.b[s.p]) {
		s.p++
	}
	return string(s.b[from:s.p])
}

// literal reads a literal string; an unterminated one goes to the end.
func (s *scanner) literal() []byte {
	from, level, plain := s.p, 1, true
	for ; s.p < len(s.b); s.p++ {
		switch s.b[s.p] {
		case '\\':
			plain = false
			s.p++
		case '\r':
			plain = false
		case '(':
			level++
		case ')':
			if level--; level == 0 {
				s.p++
				return unescaped(s.b[from:s.p-1], plain)
			}
		}
	}
	s.p = len(s.b) // an escape at the very end goes past it
	return unescaped(s.b[from:], plain)
}

func unescaped(b []byte, plain bool) []byte {
	if plain {
		return b
	}
	return pdf.Raw("(" + string(b) + ")").Bytes()
}

func (s *scanner) hexadecimal() []byte {
	from := s.p
	if i := bytes.IndexByte(s.b[s.p:], '>'); i >= 0 {
		s.p += i + 1
		return pdf.Raw("<" + string(s.b[from:s.p])).Bytes()
	}
	s.p = len(s.b)
	return pdf.Raw("<" + string(s.b[from:]) + ">").Bytes()
}

// skipInlineImage goes past the data of an inline image, to the EI that ends it.
func (s *scanner) skipInlineImage() {
	for {
		i := bytes.Index(s.b[min(s.p, len(s.b)):], []byte("EI"))
		if i < 0 {
			s.p = len(s.b)
			return
		}
		at := s.p + i
		s.p = at + 2
		if (at == 0 || isBlank(s.b[at-1])) && (s.p >= len(s.b) || !isRegular(s.b[s.p])) {
			return
		}
	}
}

// parseNumber reads a PDF number: no exponent, finite by construction.
func parseNumber(w string) (float64, bool) {
	if w == "" || len(w) > 32 {
		return 0, false
	}
	neg := w[0] == '-'
	if neg || w[0] == '+' {
		w = w[1:]
	}
	var v, scale float64
	digits := 0
	for i := range len(w) {
		switch c := w[i]; {
		case c == '.' && scale == 0:
			scale = 1
		case c >= '0' && c <= '9':
			v = v*10 + float64(c-'0')
			scale *= 10
			digits++
		default:
			return 0, false
		}
	}
	if digits == 0 {
		return 0, false
	}
	if scale > 0 {
		v /= scale
	}
	if neg {
		v = -v
	}
	return v, true
}
