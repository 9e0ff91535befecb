// Package compat is what the facades that speak another product's protocol
// share: letting a client in, and reading what it sends in bounded memory.
// The facades, in the packages below it, are stateless translators: each call
// becomes one or two use cases of the office, under the client's own account.
//
// It must hold no rule of the domain, and no protocol. A kind that a town did
// not turn on does not exist there: every address of it answers 404.
//
// # Failure handling
//
// What a client sends is hostile until proven otherwise. Long runs of base64
// go to files as they arrive, so that memory holds the text around them and
// nothing more, whatever is sent; files are removed when the request ends. A
// limit that is passed is ErrTooLarge. What is ours is logged once, here, and
// told to nobody; calls are kept in the journal of access of the application.
package compat
