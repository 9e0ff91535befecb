package intake

import (
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

	maxTitle = 200
)

type request struct {
	MaxPages int
	MaxBytes int64
	// Rewrite says that the file is written anew, into the first of the further files; those after it are annexes whose
	// pages follow.
	Rewrite bool
	Annexes int
	Stamps  []Stamp
	// Specimen draws the word across every page.
	Specimen bool
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
	read, err := open(input, stat.Size(), q.MaxPages)
	if err != nil {
		return err
	}
	if q.Rewrite {
		return rewrite(read, q)
	}
	body, err := json.Marshal(read.info)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return out.Frame(kindInfo, body)
}

// opened is a file that passed the check.
type opened struct {
	doc   *model.Context
	pages []page
	info  Info
}

func open(input *os.File, size int64, maxPages int) (opened, error) {
	outer, err := readOuter(input, size)
	if err != nil {
		return opened{}, fmt.Errorf("read the input: %w", err)
	}
	if !outer.ended {
		return opened{}, refuse("truncated", "the last bytes are not %%EOF")
	}
	doc, err := parse(io.NewSectionReader(input, 0, size))
	if err != nil {
		return opened{}, err
	}
	return judge(doc, outer, maxPages)
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
	conf.CreateBookmarks = false // of what is joined: they would name it by a file name that is not its own
	conf.Limits.MaxDecodeBytes, conf.Limits.MaxStreamBytes = 128<<20, 128<<20
	conf.Limits.MaxObjectCount, conf.Limits.MaxXRefEntries = 2_000_000, 2_000_000
	doc, err := api.ReadContext(r, conf)
	switch {
	case errors.Is(err, pdfcpu.ErrWrongPassword), errors.Is(err, pdfcpu.ErrEncrypted),
		errors.Is(err, pdfcpu.ErrUnsupportedEncryptionFeature), errors.Is(err, pdfcpu.ErrMalformedEncryption):
		return nil, refuse("encrypted", err.Error())
	case err != nil:
		return nil, refuse("damaged", err.Error())
	}
	if err := dynamicForm(doc); err != nil { // before validation, which knows no XFA
		return nil, err
	}
	if kidsCycle(doc) {
		return nil, refuse("damaged", "a tree within itself") // in some trees validation would never end
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

func judge(doc *model.Context, o outer, maxPages int) (opened, error) {
	pages, err := pagesOf(doc, maxPages)
	if err != nil {
		return opened{}, err
	}
	doc.PageCount = len(pages)
	info := Info{
		Pages: len(pages), Version: doc.VersionString(), Title: oneLine(doc.Title), PDFA: archival(doc),
		Signed: isSigned(doc), NeedsRepair: !o.tidy, Protected: doc.E != nil || doc.Encrypt != nil,
	}
	switch {
	case info.Pages < 1:
		return opened{}, refuse("damaged", "no page")
	case info.Protected && info.Signed:
		return opened{}, refuse("protected-signed", "lifting the protection would break its signature")
	case info.Protected && info.NeedsRepair:
		// What is rebuilt under a cipher may be deciphered wrongly without anybody noticing.
		return opened{}, refuse("encrypted", "protected and untidy")
	case info.Signed && info.NeedsRepair:
		return opened{}, refuse("damaged", "it needs a repair, which would break its signature")
	}
	for _, p := range pages {
		width, height := p.size()
		info.Sizes = append(info.Sizes, [2]float64{width, height})
	}
	info.Findings = findings(doc, pages)
	return opened{doc, pages, info}, nil
}

// merge has pdfcpu append the pages. What it cannot do it may say by a panic: the letter is then no worse than before,
// since nothing is written.
func merge(letter, annex *model.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("merge: %v", r)
		}
	}()
	if err := pdfcpu.MergeXRefTables("", annex, letter, false, false); err != nil {
		return err
	}
	return letter.BindNameTrees()
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

// rewrite writes the file anew with the pages of the annexes and the stamps. Neither a signature nor a claim of PDF/A is
// lost on the way.
func rewrite(read opened, q request) error {
	if read.info.Signed {
		return refuse("signed", "a signed file is not rewritten")
	}
	for i := range q.Annexes {
		if err := join(&read, child.More(1+i), q); err != nil {
			return err
		}
	}
	if err := stampAll(read.doc, read.pages, q.Stamps, q.Specimen); err != nil {
		return err
	}
	if after := archival(read.doc); after != read.info.PDFA {
		return refuse("archival", "PDF/A-"+read.info.PDFA+" becomes "+after)
	}
	err := writeFile(read.doc, child.More(0), q.MaxBytes)
	if errors.Is(err, errTooLarge) {
		return refuse("too-large", err.Error())
	}
	return err
}

// join appends the pages of an annex.
func join(letter *opened, input *os.File, q request) error {
	stat, err := input.Stat()
	if err != nil {
		return fmt.Errorf("measure an annex: %w", err)
	}
	annex, err := open(input, stat.Size(), q.MaxPages)
	switch {
	case err != nil:
		return err
	case annex.info.Signed:
		return refuse("signed", "a signed annex keeps its signature only as it is")
	case hidesLayers(annex.doc):
		return refuse("join", "the annex hides layers, which would show")
	}
	if why := joinable(letter.doc, annex.doc); why != "" {
		return refuse("archival", why)
	}
	version := max(letter.doc.XRefTable.Version(), annex.doc.XRefTable.Version())
	if err := merge(letter.doc, annex.doc); err != nil {
		return refuse("join", err.Error())
	}
	letter.doc.HeaderVersion = &version
	if catalog, err := letter.doc.Catalog(); err == nil {
		catalog.Delete("Version")
	}
	letter.pages, err = pagesOf(letter.doc, q.MaxPages)
	letter.doc.PageCount = len(letter.pages)
	return err
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
