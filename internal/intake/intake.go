// Package intake checks an uploaded PDF before it is frozen: is it a PDF, is it whole, can it be read and later signed,
// and if not, what does its author have to do about it, in French.
//
// The check runs pdfcpu in a child process with limits (package child), offline and without a configuration folder. It
// never changes the file; [Inspector.Repair] makes another one, and refuses a signed file.
//
// It says nothing about the contents: what a page shows is package render's, what a signature is worth is package
// signing's.
//
// # Failure handling
//
// Each refusal is one of the sentinels below, with an explanation in [French]; a child that crashes or exhausts its
// memory is [ErrDamaged], one that takes too long [ErrTimeout]. Any other error is ours, not the file's, and the upload
// may be tried again.
package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"parapheur/internal/child"
)

// Refusals.
var (
	// ErrNotPDF says that the file does not begin like a PDF.
	ErrNotPDF = errors.New("not a PDF")
	// ErrTruncated says that the end of the file is missing.
	ErrTruncated = errors.New("the PDF is truncated")
	// ErrDamaged says that the structure cannot be read.
	ErrDamaged = errors.New("the PDF is damaged")
	// ErrEncrypted says that a password protects the file, even if only against changes.
	ErrEncrypted = errors.New("the PDF is encrypted")
	// ErrTooManyPages says that the file has more pages than the limit.
	ErrTooManyPages = errors.New("the PDF has too many pages")
	// ErrTooLarge says that the file has more bytes than the limit.
	ErrTooLarge = errors.New("the PDF is too large")
	// ErrXFA says that the file is a dynamic XFA form: its pages exist only inside Adobe's own reader.
	ErrXFA = errors.New("the PDF is a dynamic XFA form")
	// ErrTimeout says that the check took too long.
	ErrTimeout = errors.New("checking the PDF took too long")
)

// Limits of what is accepted; the zero value of each field means its default.
type Limits struct {
	MaxBytes    int64         // default 100 MiB
	MaxPages    int           // default 2000
	Timeout     time.Duration // for one file; default 20 s
	MemoryMiB   int           // for one check, beside three times the size of the file; default 384
	MaxChildren int           // checks at the same time; default 2
}

// Info is what the check learnt about an accepted file.
type Info struct {
	Bytes   int64  `json:"bytes"`
	Pages   int    `json:"pages"`
	Version string `json:"version"` // "1.7", "2.0": the catalog's when it names one
	Title   string `json:"title"`   // as the producer wrote it, one line, at most 200 characters; often empty or useless
	// Signed says that the file carries a signature: it may only grow by appended revisions from now on.
	Signed bool `json:"signed"`
	// NeedsRepair says that the file is readable but untidy (bytes before the header or after the end, a wrong offset):
	// repair it before freezing. It is never set together with Signed: such a file is refused.
	NeedsRepair bool `json:"needsRepair"`
}

// Inspector checks files, a few at a time. It is safe for concurrent use.
type Inspector struct {
	limits Limits
	pool   *child.Pool
}

// New returns an Inspector.
func New(l Limits) *Inspector {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 100 << 20
	}
	if l.MaxPages <= 0 {
		l.MaxPages = 2000
	}
	if l.Timeout <= 0 {
		l.Timeout = 20 * time.Second
	}
	if l.MemoryMiB <= 0 {
		l.MemoryMiB = 384
	}
	if l.MaxChildren <= 0 {
		l.MaxChildren = 2
	}
	return &Inspector{limits: l, pool: child.NewPool(l.MaxChildren)}
}

// headerWithin is how far from the beginning readers look for the header (ISO 32000-1, annex H.3.4.1).
const headerWithin = 1024

// Sniff looks at the first bytes of an upload, 1024 or all there are: [ErrNotPDF] unless they hold a PDF header. It is
// cheap, and saves nobody from [Inspector.Inspect].
func Sniff(first []byte) error {
	if headerAt(first) < 0 {
		return ErrNotPDF
	}
	return nil
}

// headerAt finds "%PDF-d" in the first bytes; negative when there is none.
func headerAt(first []byte) int {
	first = first[:min(len(first), headerWithin)]
	at := bytes.Index(first, []byte("%PDF-"))
	if at < 0 || at+5 >= len(first) || first[at+5] < '1' || first[at+5] > '9' {
		return -1
	}
	return at
}

// Inspect checks the whole file. The offset of f does not matter and stays where it is.
func (i *Inspector) Inspect(ctx context.Context, f *os.File) (Info, error) {
	size, err := i.size(f)
	if err != nil {
		return Info{}, err
	}
	frames, err := i.run(ctx, f, size, request{MaxPages: i.limits.MaxPages}, 1<<20)
	if err != nil {
		return Info{}, err
	}
	info := Info{}
	if len(frames) != 1 || frames[0].Kind != kindInfo {
		return info, fmt.Errorf("check the PDF: %w", child.ErrOutput)
	}
	if err := json.Unmarshal(frames[0].Body, &info); err != nil {
		return info, fmt.Errorf("check the PDF: %w", err)
	}
	info.Bytes = size
	return info, nil
}

// Repair writes the file anew, with a fresh cross-reference table and without what surrounds it. The result has to be
// inspected like an upload. A signed file is refused with [ErrDamaged]: rewriting it would break its signature.
func (i *Inspector) Repair(ctx context.Context, f *os.File, w io.Writer) error {
	size, err := i.size(f)
	if err != nil {
		return err
	}
	frames, err := i.run(ctx, f, size, request{MaxPages: i.limits.MaxPages, Repair: true}, 2*i.limits.MaxBytes)
	if err != nil {
		return err
	}
	for _, frame := range frames {
		if frame.Kind == kindFile {
			if _, err := w.Write(frame.Body); err != nil {
				return fmt.Errorf("write the repaired PDF: %w", err)
			}
		}
	}
	return nil
}

// size applies the limits that need no parser.
func (i *Inspector) size(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("measure the PDF: %w", err)
	}
	if info.Size() > i.limits.MaxBytes {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size(), i.limits.MaxBytes)
	}
	first := make([]byte, headerWithin)
	n, err := f.ReadAt(first, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read the PDF: %w", err)
	}
	return info.Size(), Sniff(first[:n])
}

func (i *Inspector) run(ctx context.Context, f *os.File, size int64, q request, output int64) ([]child.Frame, error) {
	argument, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	frames, err := i.pool.Run(ctx, child.Task{Job: jobName, Argument: argument, Input: f, Limits: child.Limits{
		Wall: i.limits.Timeout, Memory: int64(i.limits.MemoryMiB)<<20 + 3*size, Output: output,
	}})
	if err != nil {
		return nil, translate(err)
	}
	return frames, nil
}

// codes are the words the child says for its refusals.
func codes() map[string]error {
	return map[string]error{
		"truncated": ErrTruncated, "damaged": ErrDamaged, "encrypted": ErrEncrypted, "pages": ErrTooManyPages, "xfa": ErrXFA,
	}
}

func translate(err error) error {
	var failure *child.Failure
	switch {
	case errors.As(err, &failure):
		if sentinel, ok := codes()[failure.Code]; ok {
			return fmt.Errorf("%w: %s", sentinel, failure.Detail)
		}
		return fmt.Errorf("check the PDF: %w", failure)
	case errors.Is(err, child.ErrTimeout):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case errors.Is(err, child.ErrCrashed), errors.Is(err, child.ErrOutput):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	default:
		return err
	}
}
