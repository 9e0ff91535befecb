// Package render makes page images and text from PDF files: PDFium compiled to WebAssembly, without a file system, in a
// child process with limits on time, memory and output (package child).
//
// What it returns is for reading on a screen. It is no proof: the proof is the file itself, and a page that cannot be
// shown can still be signed. It never writes to the file it reads.
//
// # Failure handling
//
// [ErrRefused]: PDFium cannot open the file, it is too large, or the child crashed on it. [ErrPage]: the file has no such
// page, or the page cannot be loaded. [ErrTimeout]: the child was killed. The error of the caller's context comes back
// as it is. A hostile file costs at most one child for the time of the limit; this process is never harmed.
package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"parapheur/internal/child"
)

var (
	// ErrRefused says that no preview can be made of this file; it may still be signed.
	ErrRefused = errors.New("no preview of this PDF can be made")
	// ErrTimeout says that the file took too long and the child was killed.
	ErrTimeout = errors.New("the preview took too long")
	// ErrPage says that the page does not exist or cannot be loaded.
	ErrPage = errors.New("no such page")
)

// Limits of a page image, in pixels.
const (
	// DefaultWidth shows A4 at about 100 dpi: sharp on a phone of 412 CSS pixels at double density.
	DefaultWidth = 824
	// MaxWidth is the widest image that is made.
	MaxWidth = 2480
	minWidth = 16
)

// Options of a [Renderer]; the zero value of each field means its default, except CacheDir.
type Options struct {
	// CacheDir keeps the compiled engine (21 MB), so that only the first run pays two to three seconds for it. Required.
	// It holds machine code that children execute: the folder must be writable by this user alone.
	CacheDir string
	// MaxChildren is how many files are rendered at the same time; the others wait. Default 2.
	MaxChildren int
	// Timeout is for one file. Default 10 s.
	Timeout time.Duration
	// MemoryMiB is what PDFium may use for one file. Default 256. The process around it takes up to as much again.
	MemoryMiB int
	// MaxBytes refuses larger files. Default 256 MiB; the file is read piecewise, never loaded whole.
	MaxBytes int64
}

// Size of a page in points (1/72 inch), rotation applied.
type Size struct {
	Width  float64 `json:"w"`
	Height float64 `json:"h"`
}

// Preview is what the reading page shows first.
type Preview struct {
	// Pages is the number of pages.
	Pages int
	// FirstPNG is the first page, [DefaultWidth] pixels wide.
	FirstPNG []byte
	// Text holds the text of each page in order, for search and for screen readers; of a very long file only the first
	// pages (200 pages, 1 MiB). A scanned page gives an empty string.
	Text []string
}

// Renderer renders files, a few at a time. It is safe for concurrent use.
type Renderer struct {
	options Options
	pool    *child.Pool

	// warm holds whether the engine is compiled in the cache; taking the value is taking the lock, so that a caller
	// whose context ends does not wait for the compiler.
	warm chan bool
}

// New checks the options and makes the cache folder.
func New(o Options) (*Renderer, error) {
	if o.CacheDir == "" {
		return nil, errors.New("render: a cache folder is required")
	}
	if o.MaxChildren <= 0 {
		o.MaxChildren = 2
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MemoryMiB <= 0 {
		o.MemoryMiB = 256
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the cache of the PDF engine: %w", err)
	}
	info, err := os.Stat(o.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("check the cache of the PDF engine: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid != uint32(os.Geteuid()) || info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("the cache of the PDF engine, %s, can be written by others: it holds machine code", o.CacheDir)
	}
	r := &Renderer{options: o, pool: child.NewPool(o.MaxChildren), warm: make(chan bool, 1)}
	r.warm <- false
	return r, nil
}

// Page draws one page, counted from 1, as a PNG of at most the given width: 16 greys when the page has no colour, a
// palette when it has. Annotations and form fields, signature blocks included, are drawn.
func (r *Renderer) Page(ctx context.Context, pdf io.Reader, page, width int) (png []byte, err error) {
	frames, err := r.ask(ctx, pdf, request{Page: page, Width: width, Image: true})
	if err != nil {
		return nil, err
	}
	for _, f := range frames {
		if f.Kind == kindImage {
			return f.Body, nil
		}
	}
	return nil, fmt.Errorf("%w: no image in the answer", ErrRefused)
}

// Text is the text of one page, counted from 1, in reading order as the file gives it.
func (r *Renderer) Text(ctx context.Context, pdf io.Reader, page int) (string, error) {
	frames, err := r.ask(ctx, pdf, request{Page: page, Text: 1})
	if err != nil {
		return "", err
	}
	return strings.Join(texts(frames), "\n"), nil
}

// Info counts the pages and gives their sizes; of a very long file, only the first 5000.
func (r *Renderer) Info(ctx context.Context, pdf io.Reader) (pages int, sizes []Size, err error) {
	frames, err := r.ask(ctx, pdf, request{Page: 1, Sizes: true})
	if err != nil {
		return 0, nil, err
	}
	d, err := description(frames)
	return d.Pages, d.Sizes, err
}

// Preview gives in one run what would take three.
func (r *Renderer) Preview(ctx context.Context, pdf io.Reader) (Preview, error) {
	frames, err := r.ask(ctx, pdf, request{Page: 1, Width: DefaultWidth, Image: true, Text: maxTextPages})
	if err != nil {
		return Preview{}, err
	}
	d, err := description(frames)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Pages: d.Pages, Text: texts(frames)}
	for _, f := range frames {
		if f.Kind == kindImage {
			p.FirstPNG = f.Body
		}
	}
	return p, nil
}

// Warm compiles the engine into the cache unless that has been done: call it at start, in the background. Without it the
// first page of a new installation takes two to three seconds longer.
func (r *Renderer) Warm(ctx context.Context) error {
	select {
	case warm := <-r.warm:
		var err error
		if !warm {
			err = r.compile(ctx)
		}
		r.warm <- err == nil
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the PDF engine: %w", ctx.Err())
	}
}

func (r *Renderer) compile(ctx context.Context) error {
	const patience = 2 * time.Minute // compiling takes two processors two seconds, a busy small machine much longer
	f, remove, err := spool(strings.NewReader(smallestPDF), 1<<10)
	if err != nil {
		return err
	}
	defer remove()
	if _, err := r.run(ctx, f, request{Page: 1}, patience); err != nil {
		return fmt.Errorf("prepare the PDF engine: %w", err)
	}
	return nil
}

// smallestPDF has one empty page and no cross-reference table; PDFium rebuilds it.
const smallestPDF = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj 3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

// ask gives the file to a child; only a reader that is no file is copied first.
func (r *Renderer) ask(ctx context.Context, pdf io.Reader, q request) ([]child.Frame, error) {
	if q.Page < 1 {
		return nil, fmt.Errorf("%w: %d", ErrPage, q.Page)
	}
	q.Width = min(max(q.Width, minWidth), MaxWidth)
	if err := r.Warm(ctx); err != nil {
		return nil, err
	}
	f, isFile := pdf.(*os.File)
	if !isFile {
		spooled, remove, err := spool(pdf, r.options.MaxBytes)
		if err != nil {
			return nil, err
		}
		defer remove()
		f = spooled
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("measure the PDF: %w", err)
	}
	if info.Size() > r.options.MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrRefused, info.Size(), r.options.MaxBytes)
	}
	return r.run(ctx, f, q, r.options.Timeout)
}

func (r *Renderer) run(ctx context.Context, f *os.File, q request, timeout time.Duration) ([]child.Frame, error) {
	q.CacheDir, q.MemoryMiB = r.options.CacheDir, r.options.MemoryMiB
	argument, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	frames, err := r.pool.Run(ctx, child.Task{Job: jobName, Argument: argument, Input: f, Limits: child.Limits{
		Wall:   timeout,
		Memory: int64(r.options.MemoryMiB)<<20*2 + 512<<20, // the engine's own, Go's copies, and the compiler
		Output: 32 << 20,
	}})
	return frames, translate(err)
}

// translate turns what happened to the child into this package's sentinels.
func translate(err error) error {
	var failure *child.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failure) && failure.Code == codePage:
		return fmt.Errorf("%w: %s", ErrPage, failure.Detail)
	case errors.As(err, &failure):
		return fmt.Errorf("%w: %s", ErrRefused, failure.Detail)
	case errors.Is(err, child.ErrTimeout):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case errors.Is(err, child.ErrCrashed), errors.Is(err, child.ErrOutput):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	default:
		return err
	}
}

// spool copies a stream into a file without a name, which ends with its descriptor.
func spool(r io.Reader, limit int64) (f *os.File, remove func(), err error) {
	if f, err = os.CreateTemp("", "parapheur-render-"); err != nil {
		return nil, nil, fmt.Errorf("spool the PDF: %w", err)
	}
	_ = os.Remove(f.Name()) // where an open file cannot be removed, the system's cleaning will
	n, err := io.Copy(f, io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("%w: more than %d bytes", ErrRefused, limit)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("spool the PDF: %w", err), f.Close())
	}
	return f, func() { _ = f.Close() }, nil
}

func texts(frames []child.Frame) []string {
	var all []string
	for _, f := range frames {
		if f.Kind == kindText {
			all = append(all, strings.ToValidUTF8(string(f.Body), "\uFFFD"))
		}
	}
	return all
}

func description(frames []child.Frame) (describes, error) {
	var d describes
	for _, f := range frames {
		if f.Kind == kindDescription {
			if err := json.Unmarshal(f.Body, &d); err != nil {
				return d, fmt.Errorf("%w: unreadable answer: %w", ErrRefused, err)
			}
			return d, nil
		}
	}
	return d, fmt.Errorf("%w: incomplete answer", ErrRefused)
}
