package compat

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Errors of what a client sent.
var (
	ErrTooLarge = errors.New("request too large")
	ErrBase64   = errors.New("invalid base64")
	ErrZip      = errors.New("not a zip of one document")
)

const (
	longRun = 4096    // characters of base64 that begin a file
	maxText = 1 << 20 // of what is around them
	maxRuns = 64      // files of one request
)

// A Sifted is the text of a request whose long runs of base64 are in files.
// Close it.
type Sifted struct {
	Text  []byte // with a mark in the place of each run
	mark  string // drawn anew for each request: nobody can write one
	files []*os.File
}

// Close removes the files.
func (s *Sifted) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close(), os.Remove(f.Name()))
	}
	s.files = nil
	return errors.Join(errs...)
}

// A Part is a run of bytes that a client sent.
type Part struct {
	io.ReaderAt
	Size int64
}

// Reader reads the part from its beginning.
func (p Part) Reader() io.Reader { return io.NewSectionReader(p, 0, p.Size) }

// Open returns what a value of the text stands for: a file, or the few bytes
// of a short run.
func (s *Sifted) Open(value string) (Part, error) {
	value = strings.TrimSpace(value)
	if number, ok := strings.CutPrefix(value, s.mark); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(s.files) {
			return Part{}, ErrBase64
		}
		return part(s.files[n])
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
	if err != nil {
		return Part{}, ErrBase64
	}
	return Part{bytes.NewReader(raw), int64(len(raw))}, nil
}

func part(f *os.File) (Part, error) {
	info, err := f.Stat()
	if err != nil {
		return Part{}, fmt.Errorf("measure a part: %w", err)
	}
	return Part{f, info.Size()}, nil
}

// spool makes one more file.
func (s *Sifted) spool(dir string) (*os.File, error) {
	if len(s.files) >= maxRuns {
		return nil, fmt.Errorf("%d documents: %w", maxRuns, ErrTooLarge)
	}
	f, err := os.CreateTemp(dir, "connecteur-*")
	if err != nil {
		return nil, fmt.Errorf("spool a request: %w", err)
	}
	s.files = append(s.files, f)
	return f, nil
}

// Sift reads JSON or XML. Runs of base64 longer than a page of text are
// decoded into files in dir while they arrive. Blanks in them, and the
// escapes of JSON ("\/", "\n"), do not end them.
func Sift(r io.Reader, dir string) (*Sifted, error) {
	s := &sifter{out: &Sifted{mark: "base64 " + rand.Text() + " "}, dir: dir}
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		for _, c := range buf[:n] {
			if e := s.next(c); e != nil {
				return nil, errors.Join(e, s.out.Close())
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(err, s.out.Close())
		}
	}
	if err := s.endRun(); err != nil {
		return nil, errors.Join(err, s.out.Close())
	}
	return s.out, nil
}

// A sifter is at work on one request.
type sifter struct {
	out    *Sifted
	dir    string
	run    []byte   // of base64, as it came, while it is short
	clean  []byte   // the same without escapes
	file   *os.File // once it is long
	quads  []byte   // of file, not decoded yet
	ended  bool     // padding was seen: nothing follows
	escape bool     // the last character was a backslash in a run
}

// alphabet reports whether c may be in a run.
func alphabet(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (s *sifter) next(c byte) error {
	if s.escape {
		s.escape = false
		switch c {
		case '/':
			return s.take(c, `\/`)
		case 'n', 'r':
			return s.take(' ', `\`+string(rune(c)))
		}
		if err := s.endRun(); err != nil {
			return err
		}
		return s.text('\\', c)
	}
	switch {
	case alphabet(c) || blank(c):
		return s.take(c, "")
	case c == '\\':
		s.escape = true
		return nil
	}
	if err := s.endRun(); err != nil {
		return err
	}
	return s.text(c)
}

// take adds a character to the run; raw is how it was written, if otherwise.
func (s *sifter) take(c byte, raw string) error {
	if s.file != nil {
		return s.decode(c)
	}
	if raw == "" {
		s.run = append(s.run, c)
	} else {
		s.run = append(s.run, raw...)
	}
	s.clean = append(s.clean, c)
	if len(s.clean) < longRun {
		return nil
	}
	var err error
	if s.file, err = s.out.spool(s.dir); err != nil {
		return err
	}
	for _, x := range s.clean {
		if err := s.decode(x); err != nil {
			return err
		}
	}
	s.run, s.clean = s.run[:0], s.clean[:0]
	return nil
}

// decode adds a character to the file.
func (s *sifter) decode(c byte) error {
	if blank(c) {
		return nil
	}
	if s.ended {
		return ErrBase64
	}
	if s.quads = append(s.quads, c); len(s.quads) < longRun && (c != '=' || len(s.quads)%4 != 0) {
		return nil
	}
	s.ended = c == '='
	return s.flush()
}

func (s *sifter) flush() error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(s.quads)))
	n, err := base64.StdEncoding.Decode(raw, s.quads)
	if err != nil {
		return ErrBase64
	}
	s.quads = s.quads[:0]
	if _, err := s.file.Write(raw[:n]); err != nil {
		return fmt.Errorf("spool a request: %w", err)
	}
	return nil
}

// endRun puts the run into the text: as it came, or the mark of its file.
func (s *sifter) endRun() error {
	if s.escape { // the text ends on a backslash
		s.escape = false
		s.run = append(s.run, '\\')
	}
	if s.file == nil {
		run := s.run
		s.run, s.clean = s.run[:0], s.clean[:0]
		return s.text(run...)
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.file, s.ended = nil, false
	return s.text(fmt.Appendf(nil, "%s%d", s.out.mark, len(s.out.files)-1)...)
}

func (s *sifter) text(c ...byte) error {
	if len(s.out.Text)+len(c) > maxText {
		return fmt.Errorf("text of a request: %w", ErrTooLarge)
	}
	s.out.Text = append(s.out.Text, c...)
	return nil
}
