package signing

import (
	"fmt"
	"strings"

	"parapheur/internal/specimen"
)

// Code names a finding. Codes are stable: programs may compare them.
type Code string

// The findings. Those of the first group make a signature Invalid.
const (
	SignatureUnreadable   Code = "signature_unreadable"         // the value of the field is no dictionary
	SignatureRemoved      Code = "signature_removed"            // a later revision hides it
	SignatureShared       Code = "signature_shared"             // two fields have the same value
	ContentsMissing       Code = "contents_missing"             // no /Contents, null or empty
	ByteRangeMissing      Code = "byte_range_missing"           // no /ByteRange, null or empty
	ByteRangeMalformed    Code = "byte_range_malformed"         // not four growing numbers from 0
	ByteRangeGap          Code = "byte_range_gap"               // the gap is not exactly /Contents
	ByteRangeEnd          Code = "byte_range_end"               // it does not end with its revision
	DictionaryOutside     Code = "dictionary_outside"           // the dictionary is not inside the signed bytes
	InObjectStream        Code = "in_object_stream"             // the dictionary is compressed
	DuplicateEntry        Code = "duplicate_entry"              // a key of the dictionary is there twice
	RevisionOrder         Code = "revision_order"               // revisions do not follow each other in the file
	TimeEntryMissing      Code = "time_entry_missing"           // no /M
	CertEntryPresent      Code = "cert_entry_present"           // /Cert, which PAdES forbids
	CMSMalformed          Code = "cms_malformed"                // not the DER of one signature
	AlgorithmRefused      Code = "algorithm_refused"            // SHA-1, MD5, unknown or inconsistent
	ContentNotDetached    Code = "content_not_detached"         // the CMS carries its own content
	ContentTypeWrong      Code = "content_type_wrong"           // content-type is not id-data
	SignerMissing         Code = "signer_certificate_missing"   // the CMS does not hold the certificate
	DigestMismatch        Code = "digest_mismatch"              // made over other bytes
	SigningCertMissing    Code = "signing_certificate_missing"  // no signing-certificate-v2
	SigningCertMismatch   Code = "signing_certificate_mismatch" // it designates another certificate
	SigningTimePresent    Code = "signing_time_present"         // which PAdES forbids
	SignatureValueWrong   Code = "signature_value_wrong"        // the value does not verify
	WeakKey               Code = "weak_key"                     // RSA under 2048 bits, unknown curve
	KeyUsageWrong         Code = "key_usage_wrong"              // certificate not meant for signatures
	SignedOutsideValidity Code = "signed_outside_validity"      // a time-stamp proves it
	SignerRevoked         Code = "signer_revoked"               // before the time that a time-stamp proves
	TimestampMalformed    Code = "timestamp_malformed"
	TimestampImprint      Code = "timestamp_imprint" // the token covers something else
	TimestampValue        Code = "timestamp_value"   // its own signature is wrong
	TimestampUsage        Code = "timestamp_usage"   // its certificate is not for time-stamping only, critical
	ObjectModified        Code = "object_modified"
	ObjectDeleted         Code = "object_deleted"
	ObjectAdded           Code = "object_added"      // annotation or field that is not a signature
	ReferenceFilled       Code = "reference_filled"  // a dangling reference was given an object
	ForwardReference      Code = "forward_reference" // a signed entry points after the signed bytes
	TrailerModified       Code = "trailer_modified"
	WidgetCovering        Code = "widget_covering" // a new signature drawn over an annotation
	RevisionUnreadable    Code = "revision_unreadable"
	CertifiedAgainst      Code = "certified_against_change" // DocMDP
	TrailingBytes         Code = "trailing_bytes"           // bytes after the last revision

	// These leave a signature Unknown.

	NoSignature        Code = "no_signature"
	Encrypted          Code = "encrypted"
	SubFilterUnknown   Code = "sub_filter_unknown"
	NotPAdES           Code = "not_pades" // a PKCS #7 signature of before PAdES
	NoTrustAnchors     Code = "no_trust_anchors"
	SignerUntrusted    Code = "signer_untrusted"
	SignerExpired      Code = "signer_expired" // and no time-stamp says it signed before
	TimestampUntrusted Code = "timestamp_untrusted"
	RevokedSince       Code = "revoked_since" // and no time-stamp says it signed before
	Specimen           Code = "specimen"      // of a sandbox: worth nothing, whatever is trusted

	// Remarks: the verdict does not change.

	KeyNearEnd         Code = "key_near_end"         // RSA under 3072 bits
	EvidenceMissing    Code = "evidence_missing"     // the level stays T: nothing proves this certificate unrevoked
	NotBaseline        Code = "not_baseline"         // sound, but it departs from the baseline profile: no level
	FormFilled         Code = "form_filled"          // a field was filled, as the certified document permits
	EvidenceNotCovered Code = "evidence_not_covered" // the level stays LT: no document time-stamp covers the evidence
)

// finding is what a code means.
type finding struct {
	verdict Verdict
	french  string
}

// findings is the table of the codes. The text follows the rules of French typography and ends
// without a period: French adds the object, the detail and the period.
func findings() map[Code]finding {
	bad := func(s string) finding { return finding{Invalid, s} }
	unknown := func(s string) finding { return finding{Unknown, s} }
	return map[Code]finding{
		SignatureUnreadable:   bad("La signature du champ est illisible"),
		SignatureRemoved:      bad("La signature a été retirée ou masquée par une modification postérieure"),
		SignatureShared:       bad("Deux champs présentent la même signature"),
		ContentsMissing:       bad("La valeur de la signature (/Contents) est absente ou vide"),
		ByteRangeMissing:      bad("L’étendue signée (/ByteRange) est absente ou vide"),
		ByteRangeMalformed:    bad("L’étendue signée (/ByteRange) est mal formée"),
		ByteRangeGap:          bad("L’étendue signée laisse hors signature autre chose que la valeur de la signature"),
		ByteRangeEnd:          bad("L’étendue signée ne s’arrête pas à la fin de sa révision"),
		DictionaryOutside:     bad("Le dictionnaire de signature n’est pas dans l’étendue qu’il prétend signer"),
		InObjectStream:        bad("Le dictionnaire de signature est compressé, ce qui interdit d’en vérifier l’étendue"),
		DuplicateEntry:        bad("Une entrée du dictionnaire de signature est présente deux fois"),
		RevisionOrder:         bad("Les révisions du fichier ne se suivent pas"),
		TimeEntryMissing:      bad("La date déclarée (/M) est absente de la signature"),
		CertEntryPresent:      bad("La signature contient une entrée /Cert, interdite par PAdES"),
		CMSMalformed:          bad("La valeur de la signature n’est pas une signature CMS bien formée"),
		AlgorithmRefused:      bad("Un algorithme de la signature est trop faible ou inconnu"),
		ContentNotDetached:    bad("La signature porte sur un contenu qu’elle embarque, pas sur le document"),
		ContentTypeWrong:      bad("Le type de contenu signé n’est pas celui attendu"),
		SignerMissing:         bad("Le certificat du signataire est absent de la signature"),
		DigestMismatch:        bad("La signature a été faite sur un autre contenu : le document a été modifié"),
		SigningCertMissing:    bad("La signature ne désigne pas son certificat (signing-certificate-v2)"),
		SigningCertMismatch:   bad("La signature désigne un autre certificat que celui qu’elle contient"),
		SigningTimePresent:    bad("La signature contient une date (signing-time), interdite par PAdES"),
		SignatureValueWrong:   bad("La valeur de la signature ne correspond pas au certificat"),
		WeakKey:               bad("La clé du signataire est trop faible"),
		KeyUsageWrong:         bad("Le certificat du signataire n’est pas destiné à la signature"),
		SignedOutsideValidity: bad("La signature a été faite en dehors de la période de validité du certificat"),
		SignerRevoked:         bad("Le certificat du signataire était révoqué au moment de la signature"),
		TimestampMalformed:    bad("L’horodatage est mal formé"),
		TimestampImprint:      bad("L’horodatage porte sur autre chose que cette signature"),
		TimestampValue:        bad("La signature de l’horodatage est fausse"),
		TimestampUsage:        bad("Le certificat de l’horodatage n’est pas réservé à l’horodatage"),
		ObjectModified:        bad("Le document a été modifié après la signature"),
		ObjectDeleted:         bad("Un élément du document a été supprimé après la signature"),
		ObjectAdded:           bad("Un élément a été ajouté au document après la signature"),
		ReferenceFilled:       bad("Un élément annoncé mais absent à la signature a été fourni après elle"),
		ForwardReference:      bad("Un élément signé renvoie à des octets ajoutés après la signature"),
		TrailerModified:       bad("La structure générale du fichier a été modifiée après la signature"),
		WidgetCovering:        bad("Une signature a été posée par-dessus un élément existant"),
		RevisionUnreadable:    bad("Une révision postérieure à la signature est illisible"),
		CertifiedAgainst:      bad("Le document certifié n’autorisait pas cette modification"),
		TrailingBytes:         bad("Des octets ajoutés à la fin du fichier ne sont couverts par rien"),
		NoSignature:           unknown("Le document ne contient aucune signature"),
		Encrypted:             unknown("Le document est chiffré"),
		SubFilterUnknown:      unknown("Le format de la signature est inconnu"),
		NotPAdES:              unknown("La signature est d’un format antérieur à PAdES"),
		NoTrustAnchors:        unknown("Aucune autorité de confiance n’a été indiquée"),
		SignerUntrusted:       unknown("Le certificat du signataire n’est rattaché à aucune autorité de confiance"),
		SignerExpired:         unknown("Le certificat du signataire n’est pas valide à la date de la vérification et aucun horodatage n’établit la date de signature"),
		TimestampUntrusted:    unknown("L’horodatage n’est rattaché à aucune autorité de confiance"),
		RevokedSince:          unknown("Le certificat du signataire a été révoqué et aucun horodatage n’établit que la signature est antérieure"),
		Specimen:              unknown(specimen.French),
		KeyNearEnd:            {Valid, "Remarque : la clé RSA du signataire fait moins de 3072 bits"},
		NotBaseline:           {Valid, "Remarque : la signature s’écarte du profil PAdES, aucun niveau ne lui est donc reconnu"},
		FormFilled:            {Valid, "Remarque : un champ de formulaire a été rempli après la signature, ce que le document certifié permettait"},
		EvidenceMissing:       {Valid, "Remarque : le niveau LT n’est pas atteint, car rien dans le document ne prouve que ce certificat n’était pas révoqué"},
		EvidenceNotCovered:    {Valid, "Remarque : le niveau LTA n’est pas atteint, car aucun horodatage d’archivage ne couvre les données de validation"},
	}
}

// Reason is one finding about a signature or a file.
type Reason struct {
	Code     Code   `json:"code"`
	Revision int    `json:"revision,omitempty"` // the revision that did it, for changes
	Object   int    `json:"object,omitempty"`   // the PDF object number, for changes
	Role     string `json:"role,omitempty"`     // what that object is: "page", "content", "font", "annotation", ...
	Detail   string `json:"detail,omitempty"`   // keys or values, not for display alone
}

// Verdict is what the finding makes of the signature: Valid for a remark, Invalid for a code that
// this version does not know.
func (r Reason) Verdict() Verdict {
	f, ok := findings()[r.Code]
	if !ok {
		return Invalid
	}
	return f.verdict
}

// roles names the roles in French.
func roles() map[string]string {
	return map[string]string{
		"page": "page", "page_tree": "liste des pages", "catalog": "catalogue", "font": "police de caractères",
		"signature": "signature", "layer": "calque", "field": "champ de formulaire", "annotation": "annotation",
		"form_xobject": "dessin", "image": "image", "object_stream": "objets compressés", "metadata": "métadonnées",
		"content": "contenu", "form": "formulaire", "trailer": "fin de fichier", "evidence": "données de validation",
	}
}

// French is the finding as one sentence for a reader.
func (r Reason) French() string {
	f, ok := findings()[r.Code]
	if !ok {
		return fmt.Sprintf("Anomalie « %s ».", r.Code)
	}
	var more []string
	if r.Object > 0 {
		more = append(more, fmt.Sprintf("objet %d", r.Object))
	}
	if name := roles()[r.Role]; name != "" {
		more = append(more, name)
	}
	if r.Detail != "" {
		more = append(more, r.Detail)
	}
	if len(more) == 0 {
		return f.french + "."
	}
	return f.french + " (" + strings.Join(more, ", ") + ")."
}

// French is the verdict in one word, as it agrees with « signature ».
func (v Verdict) French() string {
	switch v {
	case Valid:
		return "valide"
	case Invalid:
		return "non valide"
	default:
		return "indéterminée"
	}
}

// worst returns the verdict that the findings lead to.
func worst(reasons []Reason) Verdict {
	v := Valid
	for _, r := range reasons {
		v = lower(v, r.Verdict())
	}
	return v
}
