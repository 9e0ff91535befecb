// Package revisions says what was changed in a PDF after it was signed, object by object.
//
// A signature covers the bytes of its revision; later revisions are appended and can replace any
// object. [Compare] reads each of them next to the one before and accepts only what adding a
// signature, a document time-stamp or validation data needs:
//
//   - a new signature field with its widget, its signature dictionary and its appearance, or an
//     empty signature field that is filled;
//   - the entries that hook it: /Fields and /SigFlags of the form, /Annots of a page, grown at
//     their end; /Perms when it names a new signature;
//   - the /DSS dictionary of the catalog and its arrays; /Extensions and /Version.
//
// A form field that was filled is told apart, since some documents permit it ([Filling]). Everything
// else is a [Change]. Three shadow attacks need more than a comparison of two objects
// (Mainka, Mladenov, Rohlmann, NDSS 2021), and are answered here: a reference that was dangling when the
// document was signed and is given an object afterwards; an object that the signed
// cross-reference announced beyond the signed bytes; an array or a dictionary that plays an
// allowed role and another one at the same time.
//
// The package must not judge signatures, nor repair or render anything. It fails when a revision
// cannot be read (an error of the pdf package, wrapped): a caller must then refuse the file.
package revisions
