package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"time"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"parapheur/internal/child"
)

const (
	jobName = "render"

	codePage    = "page"
	codeRefused = "refused"

	kindDescription = 'd' // JSON of describes
	kindImage       = 'i' // PNG
	kindText        = 't' // UTF-8, one frame a page

	maxTextPages  = 200
	maxTextBytes  = 1 << 20
	maxSizedPages = 5000
)

// request is what the parent asks; the answer holds a description, then the image, then the texts, as far as asked.
type request struct {
	CacheDir  string
	MemoryMiB int
	Page      int // from 1
	Width     int // pixels
	Image     bool
	Text      int // how many pages of text, from Page on
	Sizes     bool
}

type describes struct {
	Pages int    `json:"pages"`
	Sizes []Size `json:"sizes,omitempty"`
}

// Job is the child's side: give it to child.Main.
func Job() child.Job { return child.Job{Name: jobName, Run: answer} }

func answer(input *os.File, argument []byte, out *child.Writer) error {
	var q request
	if err := json.Unmarshal(argument, &q); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	engine, err := startEngine(q)
	if err != nil {
		return err
	}
	info, err := input.Stat()
	if err != nil {
		return fmt.Errorf("measure the input: %w", err)
	}
	// PDFium asks for the parts it needs: a file of 100 MB is never loaded whole.
	opened, err := engine.OpenDocument(&requests.OpenDocument{
		FileReader: io.NewSectionReader(input, 0, info.Size()), FileReaderSize: info.Size(),
	})
	if err != nil {
		return &child.Failure{Code: codeRefused, Detail: err.Error()}
	}
	d := document{engine, opened.Document}
	count, err := d.describe(q, out)
	if err != nil {
		return err
	}
	if q.Page > count {
		return &child.Failure{Code: codePage, Detail: fmt.Sprintf("page %d of %d", q.Page, count)}
	}
	if q.Image {
		if err := d.image(q, out); err != nil {
			return err
		}
	}
	return d.texts(q, count, out)
}

// startEngine instantiates PDFium with no file system and bounded memory; the compiled code comes from the cache.
func startEngine(q request) (pdfium.Pdfium, error) {
	cache, err := wazero.NewCompilationCacheWithDir(q.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("open the cache of the engine: %w", err)
	}
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithCompilationCache(cache)
	// The engine declares a memory of 2 GiB, so wazero's own limit would refuse to compile it: the allocator limits.
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return &memory{make([]byte, q.MemoryMiB<<20)} }))
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MaxIdle: 1, MaxTotal: 1, RuntimeConfig: config,
		FSConfig: wazero.NewFSConfig(), // the default gives the guest the host's whole disk
		Stdout:   io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	engine, err := pool.GetInstance(time.Minute)
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	return engine, nil
}

// memory is what the engine may use: reserved once, since growing would copy it, and taken from the system only as far
// as it is touched.
type memory struct{ all []byte }

// Reallocate implements experimental.LinearMemory; nil is "no more".
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size:size]
}

// Free implements experimental.LinearMemory; the process ends right after.
func (m *memory) Free() {}

// document is an open file. Nothing is closed: the process ends after one answer.
type document struct {
	engine pdfium.Pdfium
	ref    references.FPDF_DOCUMENT
}

func (d document) page(index int) requests.Page {
	return requests.Page{ByIndex: &requests.PageByIndex{Document: d.ref, Index: index}}
}

func (d document) describe(q request, out *child.Writer) (pages int, err error) {
	count, err := d.engine.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: d.ref})
	if err != nil {
		return 0, &child.Failure{Code: codeRefused, Detail: err.Error()}
	}
	described := describes{Pages: count.PageCount}
	for i := 0; q.Sizes && i < min(count.PageCount, maxSizedPages); i++ {
		size, err := d.engine.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: d.ref, Index: i})
		if err != nil {
			return 0, pageFailure(fmt.Sprintf("size of page %d", i+1), err)
		}
		described.Sizes = append(described.Sizes, Size{size.Width, size.Height})
	}
	body, err := json.Marshal(described)
	if err != nil {
		return 0, fmt.Errorf("write the description: %w", err)
	}
	return count.PageCount, out.Frame(kindDescription, body)
}

func (d document) image(q request, out *child.Writer) error {
	drawn, err := d.engine.RenderPageInPixels(&requests.RenderPageInPixels{
		Page:        d.page(q.Page - 1),
		Width:       q.Width,
		Height:      q.Width * 3, // a page of one point by a kilometre stays small
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT,
		RenderForm:  true, // signature blocks are form fields
		Document:    &d.ref,
	})
	if err != nil {
		return pageFailure(fmt.Sprintf("draw page %d", q.Page), err)
	}
	colours, ok := drawn.Result.RenderedImage.(*image.RGBA)
	if !ok {
		return errors.New("the engine drew nothing")
	}
	body, err := encode(colours)
	if err != nil {
		return err
	}
	return out.Frame(kindImage, body)
}

func (d document) texts(q request, count int, out *child.Writer) error {
	total := 0
	for i := q.Page - 1; i < min(count, q.Page-1+q.Text) && total < maxTextBytes; i++ {
		text, err := d.engine.GetPageText(&requests.GetPageText{Page: d.page(i)})
		if err != nil {
			return pageFailure(fmt.Sprintf("text of page %d", i+1), err)
		}
		body := text.Text[:min(len(text.Text), maxTextBytes-total)]
		total += len(body)
		if err := out.Frame(kindText, []byte(body)); err != nil {
			return err
		}
	}
	return nil
}

// pageFailure tells a page that is not there from an engine that gave up: WebAssembly traps when its memory is used up.
func pageFailure(what string, err error) *child.Failure {
	reason, _, trapped := strings.Cut(err.Error(), "\nwasm stack trace")
	if trapped {
		return &child.Failure{Code: codeRefused, Detail: what + ": the engine gave up: " + reason}
	}
	return &child.Failure{Code: codePage, Detail: what + ": " + reason}
}
