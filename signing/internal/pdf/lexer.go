package pdf

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// lexer reads tokens from a window of a file that grows as needed. located says whether offsets
// are positions in the file, to be recorded in dictionary entries, or positions in decoded data.
type lexer struct {
	r       io.ReaderAt
	size    int64 // of what r may give
	base    int64 // offset of buf[0]
	buf     []byte
	p       int
	eof     bool
	located bool
	values  int
	work    *int64 // bytes read on behalf of the Doc
}

func (l *lexer) offset() int64 { return l.base + int64(l.p) }

// fill reads more bytes; it reports false at the end of the file or of the allowed window.
func (l *lexer) fill() bool {
	if l.eof || len(l.buf) >= maxToken || *l.work > maxWork {
		return false
	}
	old := len(l.buf)
	n := int(min(int64(max(256, min(old, 1<<20))), l.size-l.base-int64(old)))
	if n <= 0 {
		l.eof = true
		return false
	}
	if cap(l.buf)-old < n {
		grown := make([]byte, old, 2*old+n)
		copy(grown, l.buf)
		l.buf = grown
	}
	m, err := l.r.ReadAt(l.buf[old:old+n], l.base+int64(old))
	l.buf = l.buf[:old+m]
	*l.work += int64(m)
	if err != nil || m == 0 {
		l.eof = true
	}
	return m > 0
}

// compact forgets the bytes already consumed, so that a long table needs a short window.
func (l *lexer) compact() {
	if l.p < 64<<10 {
		return
	}
	n := copy(l.buf, l.buf[l.p:])
	l.base += int64(l.p)
	l.buf, l.p = l.buf[:n], 0
}

// peek returns the byte i places ahead, or -1 at the end.
func (l *lexer) peek(i int) int {
	for l.p+i >= len(l.buf) {
		if !l.fill() {
			return -1
		}
	}
	return int(l.buf[l.p+i])
}

func isSpace(c int) bool {
	return c == 0 || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' '
}

func isDelimiter(c int) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

// space skips white space and comments.
func (l *lexer) space() {
	for {
		c := l.peek(0)
		if c == '%' {
			for c != '\n' && c != '\r' && c != -1 {
				l.p++
				c = l.peek(0)
			}
			continue
		}
		if !isSpace(c) {
			return
		}
		l.p++
	}
}

// word reads regular characters; it may be empty.
func (l *lexer) word() string {
	start := l.p
	for {
		c := l.peek(0)
		if c == -1 || isSpace(c) || isDelimiter(c) {
			return string(l.buf[start:l.p])
		}
		l.p++
	}
}

// keyword skips white space and reads a word.
func (l *lexer) keyword() string {
	l.space()
	return l.word()
}

// integer skips white space and reads a decimal integer.
func (l *lexer) integer() (int64, error) {
	w := l.keyword()
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil {
		return 0, l.fail("number expected")
	}
	return n, nil
}

// fail describes a syntax error, or the exhaustion of a limit when that is what stopped the lexer.
func (l *lexer) fail(what string) error {
	if *l.work > maxWork || len(l.buf) >= maxToken {
		return fmt.Errorf("%w: %s near offset %d", ErrLimit, what, l.offset())
	}
	return fmt.Errorf("%w: %s near offset %d", ErrSyntax, what, l.offset())
}

// object reads one value.
func (l *lexer) object(depth int) (Object, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nesting", ErrLimit)
	}
	if l.values++; l.values > maxValues {
		return nil, fmt.Errorf("%w: values in one object", ErrLimit)
	}
	l.space()
	switch c := l.peek(0); {
	case c == '/':
		l.p++
		return Name(l.word()), nil
	case c == '(':
		return l.literal()
	case c == '<' && l.peek(1) == '<':
		return l.dict(depth)
	case c == '<':
		return l.hexadecimal()
	case c == '[':
		return l.array(depth)
	}
	return l.scalar()
}

func (l *lexer) literal() (Object, error) {
	start, level := l.p, 0
	for {
		c := l.peek(0)
		if c == -1 {
			return nil, l.fail("unterminated string")
		}
		l.p++
		switch c {
		case '\\':
			if l.peek(0) == -1 {
				return nil, l.fail("unterminated string")
			}
			l.p++
		case '(':
			level++
		case ')':
			if level--; level == 0 {
				return Raw(l.buf[start:l.p]), nil
			}
		}
	}
}

func (l *lexer) hexadecimal() (Object, error) {
	start := l.p
	for {
		// The value of a signature is long, and read again for each revision: not byte by byte.
		if i := bytes.IndexByte(l.buf[l.p:], '>'); i >= 0 {
			l.p += i + 1
			return Raw(l.buf[start:l.p]), nil
		}
		if l.p = len(l.buf); !l.fill() {
			return nil, l.fail("unterminated hexadecimal string")
		}
	}
}

func (l *lexer) array(depth int) (Object, error) {
	l.p++
	a := Array{}
	for {
		l.space()
		if l.peek(0) == ']' {
			l.p++
			return a, nil
		}
		v, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
}

func (l *lexer) dict(depth int) (Object, error) {
	l.p += 2
	d := &Dict{}
	for {
		l.space()
		if l.peek(0) == '>' && l.peek(1) == '>' {
			l.p += 2
			return d, nil
		}
		if l.peek(0) != '/' {
			return nil, l.fail("dictionary key expected")
		}
		l.p++
		e := Entry{Key: Name(l.word())}
		l.space()
		start := l.offset()
		v, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if e.Value = v; l.located {
			e.Start, e.End = start, l.offset()
		}
		d.Entries = append(d.Entries, e)
	}
}

// scalar reads a number, a keyword or a reference.
func (l *lexer) scalar() (Object, error) {
	w := l.word()
	if w == "" || w == "endobj" || w == "R" {
		return nil, l.fail("value expected")
	}
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 || w[0] == '+' {
		return Raw(w), nil
	}
	save := l.p
	if g, err := strconv.Atoi(l.keyword()); err == nil && g >= 0 {
		l.space()
		if c := l.peek(1); l.peek(0) == 'R' && (c == -1 || isSpace(c) || isDelimiter(c)) {
			l.p++
			return Ref{Number: n, Generation: g}, nil
		}
	}
	l.p = save
	return Raw(w), nil
}
