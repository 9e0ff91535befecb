package intake

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// errTooLarge ends a writing that outgrows its limit.
var errTooLarge = errors.New("the rewritten file is too large")

// writeFile writes a document anew: what the trailer leads to and nothing else, each object once, as it was read, behind
// a cross-reference table. pdfcpu's own writer is not used because it puts its name, the time and the version 1.7 into
// every file, which costs a PDF/A-1 its conformance (ISO 19005-1, 6.1.2 and 6.7.3), and because the same file must always
// give the same bytes: objects are numbered in the order in which they are met, keys in theirs.
func writeFile(doc *model.Context, to io.Writer, most int64) error {
	r := &reach{doc: doc, numbers: map[int]int{}}
	if err := r.everything(); err != nil {
		return err
	}
	w := &fileWriter{left: most, sum: sha256.New(), numbers: r.numbers}
	w.out = bufio.NewWriterSize(to, 1<<16)
	w.printf("%%PDF-%s\n%%\xe2\xe3\xcf\xd3\n", *doc.HeaderVersion)
	for i, o := range r.objects {
		w.offsets = append(w.offsets, w.at)
		w.printf("%d 0 obj\n", i+1)
		w.object(o)
		w.printf("\nendobj\n")
	}
	w.trailer(doc)
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// reach collects the objects that the catalog and the information dictionary lead to, and numbers them anew.
type reach struct {
	doc     *model.Context
	numbers map[int]int // from the number an object had to the one it gets, from 1
	objects []types.Object
}

func (r *reach) everything() error {
	if r.doc.Root == nil {
		return refuse("damaged", "no catalog")
	}
	if err := r.meet(*r.doc.Root); err != nil {
		return err
	}
	if r.doc.Info != nil {
		if err := r.meet(*r.doc.Info); err != nil {
			return err
		}
	}
	for i := 0; i < len(r.objects); i++ {
		if err := r.inside(r.objects[i], 0); err != nil {
			return err
		}
	}
	return nil
}

// meet numbers the object of a reference, if it is new.
func (r *reach) meet(ref types.IndirectRef) error {
	number := ref.ObjectNumber.Value()
	if _, done := r.numbers[number]; done {
		return nil
	}
	held, err := r.doc.Dereference(ref)
	if err != nil {
		return refuse("damaged", err.Error())
	}
	if held, err = writable(held); err != nil {
		return err
	}
	r.objects = append(r.objects, held)
	r.numbers[number] = len(r.objects)
	return nil
}

// inside meets the references of one object, in order.
func (r *reach) inside(o types.Object, depth int) error {
	if depth > maxDepth {
		return refuse("damaged", "nested too deeply")
	}
	switch o := o.(type) {
	case types.IndirectRef:
		return r.meet(o)
	case types.Array:
		for _, x := range o {
			if err := r.inside(x, depth+1); err != nil {
				return err
			}
		}
	case types.StreamDict:
		return r.inside(o.Dict, depth)
	case types.Dict:
		for _, key := range slices.Sorted(maps.Keys(o)) {
			if err := r.inside(o[key], depth+1); err != nil {
				return err
			}
		}
	}
	return nil
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
	offsets []int64     // of objects 1, 2...
	numbers map[int]int // see reach
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
		w.printf("%s\nstream\n", w.renumbered(s.Dict).PDFString())
		w.bytes(s.Raw)
		w.printf("\nendstream")
	case o == nil:
		w.printf("null")
	default:
		w.printf("%s", w.renumbered(o).PDFString())
	}
}

// renumbered gives the object with every reference to the new numbers, at generation 0.
func (w *fileWriter) renumbered(o types.Object) types.Object {
	switch o := o.(type) {
	case types.IndirectRef:
		return *types.NewIndirectRef(w.numbers[o.ObjectNumber.Value()], 0)
	case types.Array:
		out := make(types.Array, len(o))
		for i, x := range o {
			out[i] = w.renumbered(x)
		}
		return out
	case types.Dict:
		out := types.Dict{}
		for k, v := range o {
			out[k] = w.renumbered(v)
		}
		return out
	}
	return o
}

// trailer writes the cross-reference table and the trailer.
func (w *fileWriter) trailer(doc *model.Context) {
	start := w.at
	w.printf("xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, at := range w.offsets {
		w.printf("%010d 00000 n \n", at)
	}
	w.printf("trailer\n<</Size %d/Root %s", len(w.offsets)+1, w.renumbered(*doc.Root).PDFString())
	if doc.Info != nil {
		w.printf("/Info %s", w.renumbered(*doc.Info).PDFString())
	}
	now := fmt.Sprintf("<%X>", w.sum.Sum(nil)[:16])
	first := now
	if len(doc.ID) == 2 && doc.ID[0] != nil {
		first = doc.ID[0].PDFString()
	}
	w.printf("/ID[%s %s]>>\nstartxref\n%d\n%%%%EOF\n", first, now, start)
}
