package pdf

import "errors"

// Errors of the reader and of the writer. They are wrapped with what was being read.
var (
	// ErrSyntax says that the file is not a PDF that can be read without repair.
	ErrSyntax = errors.New("pdf: malformed file")
	// ErrLimit says that the file asks for more depth, memory or work than any honest document.
	ErrLimit = errors.New("pdf: limit exceeded")
	// ErrEncrypted refuses to update an encrypted document: new strings would be in clear.
	ErrEncrypted = errors.New("pdf: encrypted document")
	// ErrNotFound says that a page, a field or an object does not exist.
	ErrNotFound = errors.New("pdf: not found")
	// ErrFilter says that a stream uses a filter that this package does not decode.
	ErrFilter = errors.New("pdf: unsupported filter")
)

// Each limit answers a hostile file of the tests; honest documents stay far below them.
const (
	maxDepth     = 64        // nested arrays and dictionaries
	maxToken     = 8 << 20   // bytes of one object without its stream data
	maxValues    = 1 << 18   // values inside one object
	maxChain     = 32        // references followed to reach a value
	maxSections  = 1024      // cross-reference sections followed through /Prev
	maxEntries   = 2 << 20   // cross-reference entries of the whole file
	maxObject    = 8_388_607 // highest object number (ISO 32000-2, Annex C)
	maxStructure = 16 << 20  // decoded bytes of one cross-reference or object stream
	maxCached    = 32 << 20  // decoded object streams kept in memory
	maxColumns   = 1 << 16   // bytes of a predictor row
	maxTreeDepth = 64        // levels of the page tree and of the field tree
	maxTreeNodes = 1 << 17   // nodes visited in one walk of a tree
	maxWork      = 256 << 20 // bytes lexed and decoded during the life of a Doc
	tailWindow   = 2048      // bytes before the end where startxref must be
)
