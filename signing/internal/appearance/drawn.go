package appearance

import "parapheur/signing/internal/pdf"

// drawnRects returns the rectangles of what the page content draws, in default
// user space: best effort, within the limits of the interpreter.
func drawnRects(doc *pdf.Doc, page pdf.Page) []pdf.Rect {
	return nil
}
