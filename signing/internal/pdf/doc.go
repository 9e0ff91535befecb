// Package pdf reads the structure of a PDF file lazily and writes incremental updates to it.
//
// It exists for one purpose: adding bytes at the end of a document that people have already
// approved, without changing, normalising or losing anything. Values therefore keep their tokens
// exactly as the file spells them, and an update rewrites only the objects it must.
//
// The reader follows startxref, reads the cross-reference sections (tables, streams, hybrid files)
// and then only the objects that are asked for; it never loads the file. Every quantity that a
// hostile file controls has a limit (see limits.go), so that opening or walking a file costs
// bounded time and memory.
//
// The package must not repair, render, decrypt or judge a document: a broken file is refused with
// [ErrSyntax], an outsized one with [ErrLimit], an encrypted one cannot be updated
// ([ErrEncrypted]). Whether a change made after a signature is legitimate is not decided here.
//
// A [Doc] is not safe for concurrent use; open one per goroutine over the same [io.ReaderAt].
package pdf
