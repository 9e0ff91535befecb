package certs

import (
	"encoding/asn1"
	"fmt"
)

const (
	// maxIterations bounds the key derivations that a file may ask for; common
	// programs write 2 048 to 1 000 000.
	maxIterations = 5_000_000
	// maxPKCS12Depth is well above the dozen levels of a real file.
	maxPKCS12Depth = 32
)

// checkWork refuses a PKCS#12 file that asks for so many iterations that
// opening it would hold a processor for minutes: the library obeys any count.
//
// The counts lie in the clear, as the INTEGER after the OCTET STRING of the
// salt (RFC 7292, 4: MacData; RFC 8018, A.2 and A.3). Octet strings are
// entered when they hold DER, as the safes of the format do.
func checkWork(der []byte, depth int) error {
	if depth > maxPKCS12Depth {
		return fmt.Errorf("%w: nested too deeply", ErrMalformed)
	}
	afterSalt := false
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return nil // not DER: encrypted content, or the library's to refuse
		}
		octets := v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString
		if afterSalt && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger {
			var n int64
			if _, err := asn1.Unmarshal(v.FullBytes, &n); err != nil || n > maxIterations {
				return fmt.Errorf("%w: more than %d iterations", ErrMalformed, maxIterations)
			}
		}
		if v.IsCompound || octets {
			if err := checkWork(v.Bytes, depth+1); err != nil {
				return err
			}
		}
		afterSalt, der = octets, rest
	}
	return nil
}
