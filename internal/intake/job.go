package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"parapheur/internal/child"
)

const (
	jobName = "intake"

	kindInfo = 'i' // JSON of Info
	kindFile = 'f' // the rewritten PDF

	maxTitle = 200
)

type request struct {
	MaxPages int
	Repair   bool
}

// Job is the child's side: give it to child.Main.
func Job() child.Job { return child.Job{Name: jobName, Run: answer} }

func answer(input *os.File, argument []byte, out *child.Writer) error {
	var q request
	if err := json.Unmarshal(argument, &q); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	stat, err := input.Stat()
	if err != nil {
		return fmt.Errorf("measure the input: %w", err)
	}
	outer, err := readOuter(input, stat.Size())
	if err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	if !outer.ended {
		return refuse("truncated", "the last bytes are not %%EOF")
	}
	doc, err := parse(io.NewSectionReader(input, 0, stat.Size()))
	if err != nil {
		return err
	}
	info, err := judge(doc, outer, q.MaxPages)
	if err != nil {
		return err
	}
	if q.Repair {
		return rewrite(doc, info, out)
	}
	body, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return out.Frame(kindInfo, body)
}

func refuse(code, detail string) *child.Failure { return &child.Failure{Code: code, Detail: detail} }

// parse reads and validates with pdfcpu, relaxed: strict mode refuses the dates LibreOffice writes.
func parse(r io.ReadSeeker) (*model.Context, error) {
	api.DisableConfigDir()
	conf := model.NewDefaultConfiguration()
	conf.Offline = true
	conf.ValidationMode = model.ValidationRelaxed
	conf.ValidateLinks = false
	conf.Cmd = model.VALIDATE
	conf.Limits.MaxDecodeBytes, conf.Limits.MaxStreamBytes = 128<<20, 128<<20
	conf.Limits.MaxObjectCount, conf.Limits.MaxXRefEntries = 2_000_000, 2_000_000
	doc, err := api.ReadContext(r, conf)
	switch {
	case errors.Is(err, pdfcpu.ErrWrongPassword), errors.Is(err, pdfcpu.ErrEncrypted),
		errors.Is(err, pdfcpu.ErrUnsupportedEncryptionFeature), errors.Is(err, pdfcpu.ErrMalformedEncryption):
		return nil, refuse("encrypted", err.Error())
	case err != nil:
		return nil, refuse("damaged", err.Error())
	case doc.E != nil || doc.Encrypt != nil:
		return nil, refuse("encrypted", "the empty password opens it, but it has an encryption dictionary")
	}
	if err := dynamicForm(doc); err != nil { // before validation, which knows no XFA
		return nil, err
	}
	if err := api.ValidateContext(doc); err != nil {
		return nil, refuse("damaged", err.Error())
	}
	return doc, nil
}

// dynamicForm refuses a file whose pages are made by an XFA engine (ISO 32000-1, 7.7.2: NeedsRendering). A static XFA
// form has real pages and is accepted.
func dynamicForm(doc *model.Context) error {
	catalog, err := doc.Catalog()
	if err != nil {
		return refuse("damaged", err.Error())
	}
	if needs := catalog.BooleanEntry("NeedsRendering"); needs != nil && *needs {
		return refuse("xfa", "NeedsRendering is true")
	}
	return nil
}

func judge(doc *model.Context, o outer, maxPages int) (Info, error) {
	if err := doc.EnsurePageCount(); err != nil {
		return Info{}, refuse("damaged", err.Error())
	}
	info := Info{
		Pages: doc.PageCount, Version: doc.VersionString(), Title: oneLine(doc.Title),
		Signed: isSigned(doc), NeedsRepair: !o.tidy,
	}
	switch {
	case info.Pages < 1:
		return info, refuse("damaged", "no page")
	case info.Pages > maxPages:
		return info, refuse("pages", fmt.Sprintf("%d pages, at most %d", info.Pages, maxPages))
	case info.Signed && info.NeedsRepair:
		return info, refuse("damaged", "it needs a repair, which would break its signature")
	}
	return info, nil
}

// isSigned does not rely on flags, which files get wrong: any dictionary with the two entries of a signature counts.
func isSigned(doc *model.Context) bool {
	if doc.SignatureExist || len(doc.Signatures) > 0 || doc.URSignature != nil {
		return true
	}
	for _, entry := range doc.Table {
		if entry == nil || entry.Free {
			continue
		}
		if d, ok := entry.Object.(types.Dict); ok {
			_, covers := d.Find("ByteRange")
			_, holds := d.Find("Contents")
			if covers && holds {
				return true
			}
		}
	}
	return false
}

func rewrite(doc *model.Context, info Info, out *child.Writer) error {
	if info.Signed {
		return refuse("damaged", "a signed file is not rewritten")
	}
	var b bytes.Buffer
	if err := api.WriteContext(doc, &b); err != nil {
		return refuse("damaged", "rewrite: "+err.Error())
	}
	return out.Frame(kindFile, b.Bytes())
}

// oneLine makes a title that can be shown: no control characters, no line breaks, not endless.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) { // Cf holds what turns the direction of text
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	runes := []rune(strings.Join(strings.Fields(s), " "))
	return string(runes[:min(len(runes), maxTitle)])
}
