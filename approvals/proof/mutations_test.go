package proof_test

import (
	"bytes"
	"strings"

	"parapheur/approvals/proof"
)

// mutation breaks one rule. Its name begins with the reason that must be found.
type mutation struct {
	name, why string
	change    func(*maker)
	bytes     func([]byte) []byte // of the canonical evidence
}

func replace(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

func replaceText(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

func mutations() []mutation {
	var all []mutation
	for _, part := range [][]mutation{
		valid(), absent(), ofStatement(), ofSet(), ofClientData(), ofAuthenticator(), ofRegistration(), ofEnrolment(),
	} {
		all = append(all, part...)
	}
	return all
}

func valid() []mutation {
	return []mutation{
		{name: "valid.es256-batch", why: "third of five signatures", change: func(*maker) {}},
		{name: "valid.es256-alone", why: "one visa", change: func(m *maker) { m.n, m.index, m.decision = 1, 0, proof.Visa }},
		{name: "valid.es256-fifty", why: "last of fifty visas", change: func(m *maker) { m.n, m.index, m.decision = 50, 49, proof.Visa }},
		{name: "valid.rs256-batch", why: "an RSA passkey", change: func(m *maker) { m.n, m.index = 20, 0 }},
		{name: "valid.refusal", why: "a refusal with its reason", change: func(m *maker) {
			m.n, m.index, m.decision = 1, 0, proof.Refusal
			m.statement = func(s *proof.Statement) { s.ReasonSHA256 = proof.SHA256([]byte("motif")) }
		}},
		{name: "valid.optional-fields", why: "annexes, remark and delegation", change: func(m *maker) {
			m.statement = func(s *proof.Statement) {
				s.AnnexRoot, s.ReasonSHA256 = proof.SHA256([]byte("annexes")), proof.SHA256([]byte("remarque"))
				s.Delegation = proof.ByArrete("n° 2026-41 <a&b>", proof.SHA256([]byte("arrêté")))
			}
		}},
		{name: "valid.attestation-none", why: "a registration without attestation", change: func(m *maker) { m.attestation = "none" }},
		{name: "valid.attestation-certified", why: "an attestation signed by a maker", change: func(m *maker) { m.attestation = "certified" }},
		{name: "valid.attestation-unread", why: "an attestation of a format that is not checked", change: func(m *maker) { m.attestation = "tpm" }},
		{name: "valid.attestation-algorithm", why: "a maker's signature of an algorithm that is not checked", change: func(m *maker) {
			m.attestation = "certified"
			m.attObject = func(o map[string]any) { o["attStmt"].(map[string]any)["alg"] = -8 }
		}},
		{name: "valid.extensions", why: "extension data in the assertion", change: func(m *maker) {
			m.flags |= 0x80
			m.extensions = []byte{0xa1, 0x61, 'x', 0xf5}
		}},
		{name: "valid.client-data-grows", why: "a member added by a browser to come", change: func(m *maker) {
			m.client = replaceText(`"crossOrigin":false`, `"crossOrigin":false,"other_keys_can_be_added_here":"x"`)
		}},
		{name: "valid.device-key", why: "a key that does not leave its device", change: func(m *maker) {
			m.flags, m.regFlags = 0x05, 0x45
			m.enrolment = func(e *proof.Enrolment) { e.BackupEligible = false }
		}},
	}
}

func absent() []mutation {
	return []mutation{
		{name: "missing_document", why: "no document", change: func(m *maker) { m.expect = func(x *proof.Expect) { x.Document = nil } }},
		{name: "specimen.town", why: "a decision of a sandbox", change: func(m *maker) {
			m.statement = func(s *proof.Statement) { s.Tenant = "00000000000018" }
			m.enrolment = func(e *proof.Enrolment) { e.Tenant = "00000000000018" }
		}},
		{name: "specimen.authenticator", why: "a passkey in software, of a sandbox, in another town", change: func(m *maker) {
			m.attestation, m.aaguid = "none", proof.SoftwareAAGUID()
			m.enrolment = func(e *proof.Enrolment) { e.AAGUID = proof.SoftwareAAGUID() }
		}},
		{name: "specimen.without-document", why: "a decision of a sandbox, without its document: what it is matters more", change: func(m *maker) {
			m.statement = func(s *proof.Statement) { s.Tenant = "00000000000018" }
			m.enrolment = func(e *proof.Enrolment) { e.Tenant = "00000000000018" }
			m.expect = func(x *proof.Expect) { x.Document = nil }
		}},
		{name: "missing_enrolment", why: "no enrolment", change: func(m *maker) { m.expect = func(x *proof.Expect) { x.Enrolment = nil } }},
		{name: "missing_enrolment.not-named", why: "the evidence names no enrolment", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.EnrolmentSHA256 = proof.Digest{} }
		}},
		{name: "missing_attestation", why: "no attestation object", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.AttestationObject = nil }
		}},
		{name: "missing_registration_client_data", why: "no client data of the registration", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.RegistrationClientDataJSON = nil }
		}},
		{name: "missing_evidence.signature", why: "no signature", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.Signature = nil }
		}},
		{name: "missing_evidence.set", why: "no set", change: func(m *maker) { m.evidence = func(e *proof.Evidence) { e.Set = nil } }},
		{name: "evidence_malformed.white-space", why: "a space that the canonical form has not", change: func(*maker) {}, bytes: replace(`"leaf_index":`, `"leaf_index": `)},
		{name: "evidence_malformed.unknown-field", why: "a field that nobody knows", change: func(*maker) {}, bytes: replace(`"leaf_index":`, `"x":1,"leaf_index":`)},
		{name: "evidence_malformed.duplicate", why: "a field given twice", change: func(*maker) {}, bytes: replace(`"leaf_index":`, `"leaf_index":0,"leaf_index":`)},
	}
}

func ofStatement() []mutation {
	js := func(f func([]byte) []byte) func(*maker) { return func(m *maker) { m.statementJS = f } }
	return []mutation{
		{name: "statement_malformed.white-space", why: "signed, but not canonical", change: js(replace(`","step"`, `", "step"`))},
		{name: "statement_malformed.duplicate", why: "the decision given twice, signed", change: js(replace(`"decision":"signature"`, `"decision":"refus","decision":"signature"`))},
		{name: "statement_malformed.unknown-field", why: "a field that nobody knows, signed", change: js(replace(`"actor":`, `"amount":1,"actor":`))},
		{name: "statement_malformed.case", why: "a field in capitals, signed", change: js(replace(`"actor":`, `"Actor":`))},
		{name: "statement_malformed.html-escaping", why: "another spelling of the same text", change: js(replace("L’Ha", `L\u2019Ha`))},
		{name: "statement_malformed.upper-case-digest", why: "a digest in capitals", change: js(func(b []byte) []byte {
			i := bytes.Index(b, []byte(`"doc_sha256":"`)) + 14
			return append(append(bytes.Clone(b[:i]), bytes.ToUpper(b[i:i+64])...), b[i+64:]...)
		})},
		{name: "statement_malformed.fraction", why: "an instant with a fraction of a second", change: js(replace(`08:30:00Z"`, `08:30:00.0Z"`))},
		{name: "statement_malformed.offset", why: "an instant in another time zone", change: js(replace(`08:30:00Z"`, `09:30:00+01:00"`))},
		{name: "statement_malformed.decision", why: "a word that is no decision", change: js(replace(`"decision":"signature"`, `"decision":"oui"`))},
		{name: "statement_malformed.schema", why: "another schema", change: js(replace("decision.v1", "decision.v2"))},
		{name: "statement_malformed.tail", why: "something after the object", change: js(func(b []byte) []byte { return append(b, '{', '}') })},
		{name: "statement_malformed.silent-refusal", why: "a refusal without reason", change: func(m *maker) {
			m.n, m.index, m.statementJS = 1, 0, replace(`"decision":"signature"`, `"decision":"refus"`)
		}},
		{name: "document_differs", why: "another document", change: func(m *maker) {
			m.expect = func(x *proof.Expect) { x.Document = proof.DocumentOf([]byte("autre lettre")) }
		}},
		{name: "document_differs.length", why: "the digest of the document with another length", change: func(m *maker) {
			m.statement = func(s *proof.Statement) { s.DocBytes++ }
		}},
		{name: "previous_evidence_differs", why: "an evidence before was taken away", change: func(m *maker) {
			m.statement = func(s *proof.Statement) { s.PrevSHA256 = proof.Digest{2} }
		}},
		{name: "actor_differs", why: "the statement of another in my set", change: func(m *maker) {
			m.statement = func(s *proof.Statement) { s.Actor = "p-43" }
		}},
		{name: "statement_not_in_set", why: "another statement than those of the set", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.Statement = replace(`"version":2`, `"version":3`)(e.Statement) }
		}},
		{name: "statement_not_in_set.index", why: "the place of a neighbour", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.LeafIndex = 1 }
		}},
		{name: "statement_not_in_set.beyond", why: "a place beyond the set", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.LeafIndex = 5 }
		}},
		{name: "statement_not_in_set.path", why: "a path cut short", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.Path = e.Path[:len(e.Path)-1] }
		}},
	}
}

func ofSet() []mutation {
	set := func(f func(*proof.Set)) func(*maker) { return func(m *maker) { m.set = f } }
	return []mutation{
		{name: "set_malformed.white-space", why: "signed, but not canonical", change: func(m *maker) { m.setJS = replace(`"count":5`, `"count": 5`) }},
		{name: "set_malformed.count", why: "more statements than any batch holds", change: func(m *maker) { m.setJS = replace(`"count":5`, `"count":51`) }},
		{name: "set_malformed.expired-before-issued", why: "ends before it begins", change: func(m *maker) {
			m.setJS = replace(`"expires_at":"2026-03-02T08:35:00Z"`, `"expires_at":"2026-03-02T08:30:00Z"`)
		}},
		{name: "statement_not_in_set.count", why: "a count that is not that of the tree", change: set(func(s *proof.Set) { s.Count = 3 })},
		{name: "actor_differs.set", why: "a set by another", change: set(func(s *proof.Set) { s.Actor = "p-43" })},
		{name: "batch_too_large", why: "21 signatures in one gesture", change: func(m *maker) { m.n = 21 }},
		{name: "batch_too_large.refusals", why: "two refusals in one gesture", change: func(m *maker) {
			m.n, m.index, m.decision = 2, 0, proof.Visa
			m.statement = func(s *proof.Statement) { s.Decision, s.ReasonSHA256 = proof.Refusal, proof.Digest{1} }
		}},
		{name: "validity_period", why: "a set that lives for an hour", change: set(func(s *proof.Set) { s.ExpiresAt = s.IssuedAt + 3600 })},
		{name: "validity_period.statement", why: "an old statement in a new set", change: func(m *maker) {
			m.statement = func(s *proof.Statement) { s.IssuedAt -= 60 }
		}},
		{name: "received_outside_validity.late", why: "received after the end", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.ReceivedAt = issued + 301 }
		}},
		{name: "received_outside_validity.early", why: "received before it was shown", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.ReceivedAt = issued - 1 }
		}},
	}
}

func ofClientData() []mutation {
	client := func(old, new string) func(*maker) { return func(m *maker) { m.client = replaceText(old, new) } }
	return []mutation{
		{name: "client_data_malformed", why: "not JSON", change: client("{", "[")},
		{name: "client_data_malformed.utf-8", why: "not UTF-8", change: client("false}", "false,\"x\":\"\xff\"}")},
		{name: "client_data_malformed.duplicate", why: "two challenges", change: client(`"challenge"`, `"challenge":"AAAA","challenge"`)},
		{name: "client_data_malformed.case", why: "the challenge under another name", change: client(`"challenge"`, `"Challenge"`)},
		{name: "client_data_malformed.tail", why: "something after the object", change: client("false}", "false}{}")},
		{name: "client_data_type", why: "a registration shown as a decision", change: client("webauthn.get", "webauthn.create")},
		{name: "challenge_differs", why: "the gesture was for something else", change: func(m *maker) {
			m.client = func(s string) string { i := strings.Index(s, `"challenge":"`) + 13; return s[:i] + "AAAAAA" + s[i+6:] }
		}},
		{name: "challenge_differs.padding", why: "the same challenge in another spelling", change: client(`","origin"`, `=","origin"`)},
		{name: "challenge_differs.set", why: "another set with the same statements", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) {
				e.Set = replace(`"expires_at":"2026-03-02T08:35:00Z"`, `"expires_at":"2026-03-02T08:34:00Z"`)(e.Set)
			}
		}},
		{name: "origin_differs", why: "a gesture made on a site that imitates ours", change: func(m *maker) { m.origin = "https://parapheur.vi11e.fr" }},
		{name: "origin_differs.evidence-agrees", why: "the same, with an evidence that names that site", change: func(m *maker) {
			m.origin = "https://parapheur.vi11e.fr"
			m.evidence = func(e *proof.Evidence) { e.Origin = m.origin }
		}},
		{name: "origin_differs.not-https", why: "a page that anybody could alter", change: func(m *maker) {
			m.origin = "http://parapheur.ville.fr"
			m.evidence = func(e *proof.Evidence) { e.Origin = m.origin }
			m.expect = func(x *proof.Expect) { x.Origin = "" }
		}},
		{name: "cross_origin", why: "in a frame", change: client(`"crossOrigin":false`, `"crossOrigin":true`)},
		{name: "cross_origin.top", why: "in a frame, without saying so", change: client(`"crossOrigin":false`, `"topOrigin":"https://evil.fr"`)},
	}
}

func ofAuthenticator() []mutation {
	flags := func(f byte) func(*maker) { return func(m *maker) { m.flags = f } }
	return []mutation{
		{name: "rp_id_differs", why: "signed for another name", change: func(m *maker) {
			m.rpID = "ville.fr"
			m.set = func(s *proof.Set) { s.RPID = rpID }
		}},
		{name: "rp_id_differs.set", why: "a set for another name", change: func(m *maker) { m.set = func(s *proof.Set) { s.RPID = "ville.fr" } }},
		{name: "rp_id_differs.expected", why: "the evidence of another town", change: func(m *maker) {
			m.expect = func(x *proof.Expect) { x.RPID = "parapheur.autre.fr" }
		}},
		{name: "user_not_present", why: "nobody there", change: flags(flagsGet &^ 1)},
		{name: "user_not_verified", why: "somebody there, not recognised", change: flags(flagsGet &^ 4)},
		{name: "backup_flags", why: "copied, but not to be copied", change: flags(flagsGet &^ 8)},
		{name: "backup_flags.device-key", why: "copied, by a key that was enrolled as not to be copied", change: func(m *maker) {
			m.flags, m.regFlags = 0x15, 0x45
			m.enrolment = func(e *proof.Enrolment) { e.BackupEligible = false }
		}},
		{name: "backup_flags.changed", why: "eligibility is not that of the registration", change: flags(0x05)},
		{name: "authenticator_data_malformed.short", why: "too short", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.AuthenticatorData = e.AuthenticatorData[:36] }
		}},
		{name: "authenticator_data_malformed.tail", why: "bytes that no flag announces", change: func(m *maker) { m.extensions = []byte{0xa0} }},
		{name: "authenticator_data_malformed.credential", why: "a new credential in an assertion", change: func(m *maker) {
			m.flags |= 0x40
			m.attested = append(append(make([]byte, 16), 0, 1, 7), 0xa1, 1, 2)
		}},
		{name: "signature_does_not_match", why: "signed by another key", change: func(m *maker) { m.otherKey = otherES256() }},
		{name: "signature_does_not_match.no-document", why: "what fails counts more than what is missing", change: func(m *maker) {
			m.otherKey = otherES256()
			m.expect = func(x *proof.Expect) { x.Document = nil }
		}},
		{name: "authenticator_data_malformed.cut-credential", why: "a credential cut short", change: func(m *maker) {
			m.flags |= 0x40
			m.attested = make([]byte, 17)
		}},
		{name: "signature_does_not_match.count", why: "the counter changed afterwards", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.AuthenticatorData[36]++ }
		}},
		{name: "signature_does_not_match.rs256", why: "an RSA signature with one bit changed", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.Signature[9] ^= 1 }
		}},
		{name: "key_unsupported.eddsa", why: "an algorithm that is not accepted", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.COSEKey = bytes.Replace(e.COSEKey, []byte{3, 0x26}, []byte{3, 0x27}, 1) }
		}},
		{name: "key_unsupported.curve", why: "a curve that is not P-256", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.COSEKey = bytes.Replace(e.COSEKey, []byte{0x20, 1}, []byte{0x20, 2}, 1) }
		}},
		{name: "key_unsupported.off-curve", why: "a point that is not on the curve", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.COSEKey = bytes.Clone(e.COSEKey); e.COSEKey[20] ^= 1 }
		}},
	}
}

func ofRegistration() []mutation {
	attObject := func(f func(map[string]any)) func(*maker) { return func(m *maker) { m.attObject = f } }
	return []mutation{
		{name: "attestation_malformed", why: "not CBOR", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.AttestationObject = []byte("x") }
		}},
		{name: "attestation_malformed.member", why: "a member that nobody knows", change: attObject(func(o map[string]any) { o["x"] = 1 })},
		{name: "attestation_malformed.no-credential", why: "no credential in it", change: attObject(func(o map[string]any) { o["authData"] = authData(rpID, flagsGet, 0) })},
		{name: "attested_key_differs", why: "the identifier of another key", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.CredentialID = []byte("another") }
		}},
		{name: "attested_key_differs.key", why: "my key, the registration of another", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) {
				e.AttestationObject = bytes.Replace(e.AttestationObject, e.COSEKey[12:28], bytes.Repeat([]byte{1}, 16), 1)
			}
		}},
		{name: "registration_rp_id_differs", why: "registered for another name", change: func(m *maker) { m.regRPID = "ville.fr" }},
		{name: "registration_user_not_verified", why: "registered without verification of the user", change: func(m *maker) { m.regFlags = flagsCreate &^ 4 }},
		{name: "registration_client_data.type", why: "an assertion shown as a registration", change: func(m *maker) { m.regClient = replaceText("webauthn.create", "webauthn.get") }},
		{name: "registration_client_data.frame", why: "registered in a frame", change: func(m *maker) { m.regClient = replaceText("false", "true") }},
		{name: "registration_origin", why: "registered on another site", change: func(m *maker) { m.regClient = replaceText("ville.fr", "vi11e.fr") }},
		{name: "registration_challenge_differs.nonce", why: "another registration of the same person", change: func(m *maker) {
			m.enrolment = func(e *proof.Enrolment) { e.Nonce = proof.Nonce{1} }
		}},
		{name: "registration_challenge_differs.person", why: "registered by another person", change: func(m *maker) { m.person = "p-43" }},
		{name: "attestation_signature", why: "an attestation that the key did not sign", change: attObject(func(o map[string]any) {
			o["attStmt"].(map[string]any)["sig"] = []byte{0x30, 0}
		})},
		{name: "attestation_signature.algorithm", why: "an attestation of another algorithm", change: attObject(func(o map[string]any) {
			o["attStmt"].(map[string]any)["alg"] = -257
		})},
		{name: "attestation_signature.client-data", why: "client data that the attestation did not sign", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) {
				e.RegistrationClientDataJSON = replace("false", "false ")(e.RegistrationClientDataJSON)
			}
		}},
		{name: "attestation_signature.certified", why: "a certificate that did not sign", change: func(m *maker) {
			m.attestation = "certified"
			m.evidence = func(e *proof.Evidence) {
				e.RegistrationClientDataJSON = replace("false", "false ")(e.RegistrationClientDataJSON)
			}
		}},
		{name: "attestation_signature.no-certificate", why: "a chain of no certificate", change: func(m *maker) {
			m.attestation = "certified"
			m.attObject = func(o map[string]any) { o["attStmt"].(map[string]any)["x5c"] = [][]byte{} }
		}},
		{name: "attestation_signature.none", why: "an attestation none with a statement", change: func(m *maker) {
			m.attestation = "none"
			m.attObject = func(o map[string]any) { o["attStmt"] = map[string]any{"alg": -7} }
		}},
	}
}

func ofEnrolment() []mutation {
	enrolment := func(f func(*proof.Enrolment)) func(*maker) { return func(m *maker) { m.enrolment = f } }
	return []mutation{
		{name: "enrolment_malformed", why: "not canonical", change: func(m *maker) {
			m.expect = func(x *proof.Expect) { x.Enrolment = append(x.Enrolment, '\n') }
		}},
		{name: "enrolment_differs", why: "another enrolment than the one named", change: func(m *maker) {
			m.evidence = func(e *proof.Evidence) { e.EnrolmentSHA256 = proof.Digest{3} }
		}},
		{name: "enrolment_of_another_person", why: "a key enrolled for somebody else", change: enrolment(func(e *proof.Enrolment) { e.Person = "p-43" })},
		{name: "enrolment_of_another_person.town", why: "a key enrolled in another town", change: enrolment(func(e *proof.Enrolment) { e.Tenant = "21750001600019" })},
		{name: "enrolment_of_another_key", why: "the enrolment of another key", change: enrolment(func(e *proof.Enrolment) { e.COSEKeySHA256 = proof.Digest{4} })},
		{name: "enrolment_of_another_key.identifier", why: "the enrolment of another identifier", change: enrolment(func(e *proof.Enrolment) { e.CredentialIDSHA256 = proof.Digest{4} })},
		{name: "enrolment_of_another_key.attestation", why: "the enrolment of another registration", change: enrolment(func(e *proof.Enrolment) { e.AttestationObjectSHA256 = proof.Digest{4} })},
		{name: "enrolment_of_another_key.model", why: "the enrolment of another model", change: enrolment(func(e *proof.Enrolment) { e.AAGUID = proof.AAGUID{} })},
		{name: "enrolment_of_another_key.backup", why: "enrolled as a key of one device", change: enrolment(func(e *proof.Enrolment) { e.BackupEligible = false })},
		{name: "enrolled_after_decision", why: "enrolled after it decided", change: enrolment(func(e *proof.Enrolment) { e.IssuedAt = issued + 1 })},
	}
}
