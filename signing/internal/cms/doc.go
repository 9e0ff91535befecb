// Package cms builds and reads the CMS structures of CAdES baseline signatures (RFC 5652, RFC 5035,
// ETSI EN 319 122-1), in two phases: the signed attributes are made first and may travel to a remote
// key, the SignedData is assembled around the signature value later.
//
// It exists because every general CMS library adds the signing-time attribute, which PAdES
// baseline forbids (EN 319 142-1, 6.3). It accepts only SHA-256, SHA-384 and SHA-512 with RSA of at
// least 3072 bits or ECDSA on P-256 and P-384 (ETSI TS 119 312).
//
// The package must not reach the network, hold keys, or decide which authorities are trusted.
package cms
