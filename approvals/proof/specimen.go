package proof

import "strings"

// sandboxSIREN begins the SIRET of every sandbox: INSEE gives that number to nobody. Statements, enrolments and journals
// hold the SIRET of their town, so nothing that a sandbox signs or hashes can be told without it.
const sandboxSIREN = "000000000"

// OfSandbox reports whether a SIRET is that of a sandbox.
func OfSandbox(siret string) bool { return strings.HasPrefix(siret, sandboxSIREN) }

// SoftwareAAGUID is the model that the software authenticators of test persons claim in their attestations.
func SoftwareAAGUID() AAGUID { return AAGUID([]byte("SPECIMEN-SANDBOX")) }
