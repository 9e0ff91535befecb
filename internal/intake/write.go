package intake

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// errTooLarge ends a writing that outgrows its limit.
var errTooLarge = errors.New("the rewritten file is too large")

// writeFile writes a document anew: what the trailer leads to and nothing else, each object once, under its number and
// as it was read, behind a cross-reference table. pdfcpu's own writer is not used because it puts its name, the time and
// the version 1.7 into every file, which costs a PDF/A-1 its conformance (ISO 19005-1, 6.1.2 and 6.7.3), and because the
// same file must always give the same bytes.
func writeFile(doc *model.Context, to io.Writer, most int64) error {
	objects, err := reachable(doc)
	if err != nil {
		return err
	}
	w := &fileWriter{left: most, sum: sha256.New(), offsets: map[int]int64{}}
	w.out = bufio.NewWriterSize(to, 1<<16)
	w.printf("%%PDF-%s\n%%\xe2\xe3\xcf\xd3\n", *doc.HeaderVersion)
	numbers := make([]int, 0, len(objects))
	for n := range objects {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		w.offsets[n] = w.at
		w.printf("%d 0 obj\n", n)
		w.object(objects[n])
		w.printf("\nendobj\n")
	}
	w.trailer(doc, numbers)
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// reachable collects the objects that the catalog and the information dictionary lead to. What no longer is at
// generation 0 is written there, references included: generations only serve updates.
func reachable(doc *model.Context) (map[int]types.Object, error) {
	out := map[int]types.Object{}
	var todo []types.Object
	if doc.Root == nil {
		return nil, refuse("damaged", "no catalog")
	}
	todo = append(todo, *doc.Root)
	if doc.Info != nil {
		todo = append(todo, *doc.Info)
	}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch o := o.(type) {
		case types.IndirectRef:
			number := o.ObjectNumber.Value()
			if _, done := out[number]; done {
				continue
			}
			held, err := doc.Dereference(o)
			if err != nil {
				return nil, refuse("damaged", err.Error())
			}
			if held, err = writable(held); err != nil {
				return nil, err
			}
			out[number] = held
			todo = append(todo, held)
		case types.Array:
			todo = append(todo, o...)
		case types.Dict:
			for _, v := range o {
				todo = append(todo, v)
			}
		case types.StreamDict:
			for key, v := range o.Dict {
				if key != "Length" {
					todo = append(todo, v)
				}
			}
		}
	}
	return out, nil
}

// writable gives streams as values, whole and with the length they have.
func writable(o types.Object) (types.Object, error) {
	if p, ok := o.(*types.StreamDict); ok {
		o = *p
	}
	s, ok := o.(types.StreamDict)
	if !ok {
		return o, nil
	}
	if s.Raw == nil && s.Content != nil {
		if err := s.Encode(); err != nil {
			return nil, refuse("damaged", err.Error())
		}
	}
	d := types.Dict{}
	for k, v := range s.Dict {
		d[k] = v
	}
	d["Length"] = types.Integer(len(s.Raw))
	s.Dict = d
	return s, nil
}

// fileWriter counts and digests what it writes, and stops at its limit.
type fileWriter struct {
	out     *bufio.Writer
	sum     hash.Hash
	at      int64
	left    int64
	offsets map[int]int64
	err     error
}

func (w *fileWriter) bytes(b []byte) {
	if w.left -= int64(len(b)); w.left < 0 && w.err == nil {
		w.err = errTooLarge
	}
	if w.err != nil {
		return
	}
	w.sum.Write(b)
	w.at += int64(len(b))
	_, w.err = w.out.Write(b)
}

func (w *fileWriter) printf(format string, args ...any) { w.bytes(fmt.Appendf(nil, format, args...)) }

func (w *fileWriter) object(o types.Object) {
	s, stream := o.(types.StreamDict)
	switch {
	case stream:
		w.printf("%s\nstream\n", zeroGenerations(s.Dict).PDFString())
		w.bytes(s.Raw)
		w.printf("\nendstream")
	case o == nil:
		w.printf("null")
	default:
		w.printf("%s", zeroGenerations(o).PDFString())
	}
}

// zeroGenerations gives the object with every reference at generation 0.
func zeroGenerations(o types.Object) types.Object {
	switch o := o.(type) {
	case types.IndirectRef:
		o.GenerationNumber = 0
		return o
	case types.Array:
		out := make(types.Array, len(o))
		for i, x := range o {
			out[i] = zeroGenerations(x)
		}
		return out
	case types.Dict:
		out := types.Dict{}
		for k, v := range o {
			out[k] = zeroGenerations(v)
		}
		return out
	}
	return o
}

// trailer writes the cross-reference table, in one section when the numbers are not too scattered, and the trailer.
func (w *fileWriter) trailer(doc *model.Context, numbers []int) {
	start, last := w.at, numbers[len(numbers)-1]
	w.printf("xref\n")
	if last < 4*len(numbers)+1000 {
		w.printf("0 %d\n0000000000 65535 f \n", last+1)
		for n := 1; n <= last; n++ {
			if at, ok := w.offsets[n]; ok {
				w.printf("%010d 00000 n \n", at)
			} else {
				w.printf("0000000000 65535 f \n")
			}
		}
	} else {
		w.printf("0 1\n0000000000 65535 f \n")
		for _, n := range numbers {
			w.printf("%d 1\n%010d 00000 n \n", n, w.offsets[n])
		}
	}
	w.printf("trailer\n<</Size %d/Root %d 0 R", last+1, doc.Root.ObjectNumber.Value())
	if doc.Info != nil {
		w.printf("/Info %d 0 R", doc.Info.ObjectNumber.Value())
	}
	now := fmt.Sprintf("<%X>", w.sum.Sum(nil)[:16])
	first := now
	if len(doc.ID) == 2 && doc.ID[0] != nil {
		first = doc.ID[0].PDFString()
	}
	w.printf("/ID[%s %s]>>\nstartxref\n%s\n%%%%EOF\n", first, now, strconv.FormatInt(start, 10))
}
