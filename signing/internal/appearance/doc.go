// Package appearance draws the visible block of an electronic signature: who
// signed, in what capacity, where and when, as a PDF form XObject whose text
// keeps every accent, stays searchable and embeds its own font subset.
//
// The life of a block: [Layout] turns the words and the pictures into lines
// (wrapping and shrinking long names), [Surface] finds where it goes on a page
// without covering anything, and [Block.Build] turns it into PDF objects. The
// caller numbers the objects and writes them in its incremental update.
//
// The package must not read the clock, a locale or a file: the fonts are in the
// binary and the same block always gives the same bytes. It never calls an image
// of a handwritten signature a signature, nor an organisation's seal « signé » :
// the picture is a courtesy to the reader, the proof is the CMS next to it.
//
// How it fails: a character that the font lacks is drawn as an empty box, while
// the extracted text keeps it (ask [Block.Missing] before signing to refuse it
// instead); words longer than [MaxField] characters are cut with an ellipsis;
// [Block.Build] returns an error only when the embedded font is damaged;
// [NewPicture] refuses what is no PNG or JPEG within its limits ([ErrPicture]);
// a page without room gives [ErrNoRoom].
//
// The faces are Public Sans Regular and Bold, SIL Open Font License 1.1, whose
// text is beside them in font/.
package appearance
