// Package content reads what a page shows: where text, images and drawings are, and which characters.
//
// [Reader.Page] interprets the content stream of a page, its forms included (ISO 32000-2, 7.8), and
// returns rectangles in default user space; [Reader.Find] looks for a phrase in a document, such as
// the tag that a drafter types where a signature goes, however the producer cut it into strings,
// fonts and forms.
//
// It errs on the side of what is there: clipping, colour and visibility are ignored, so hidden and
// white text counts as text. What it could not read (an unknown filter, a limit reached) makes
// [Page].Complete false, and the caller must then take nothing for free.
//
// The package must not render, nor decide where anything goes. It fails only with the limits and the
// errors of the reader below it; work and memory are bounded by the constants of this file, for all
// the pages of one [Reader] together.
package content

// Limits of one Reader. Honest documents stay far below; a hostile one costs a few hundred
// milliseconds.
const (
	maxContent   = 64 << 20  // decoded bytes of content, forms included
	maxPage      = 16 << 20  // of them for one page
	maxOperators = 4_000_000 // operators and characters
	maxPageOps   = 1_000_000 // of them for one page
	maxForms     = 8         // forms nested in forms
	maxStates    = 256       // q without Q
	maxDrawn     = 60_000    // rectangles kept of one page
	maxGlyphs    = 400_000
	maxOperands  = 64
	maxFonts     = 512
	maxFontFile  = 1 << 20 // decoded bytes of one CMap
	maxMappings  = 1 << 17 // entries of one CMap or width array
)
