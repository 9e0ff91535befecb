package evidence

import (
	"errors"
	"fmt"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/journal"
)

// ErrInconsistent says that what a package is made of contradicts itself: it is not written.
var ErrInconsistent = errors.New("evidence does not hold together")

// Tenant is the town.
type Tenant struct {
	SIRET  string `json:"siret"` // 14 digits
	Name   string `json:"name"`
	RPID   string `json:"rp_id"`  // host name to which its passkeys are bound
	Origin string `json:"origin"` // "https://parapheur.ville.fr"
}

// Dossier is how people name the dossier.
type Dossier struct {
	ID     string `json:"id"`
	Number int64  `json:"number"`
	Title  string `json:"title"`
	Type   string `json:"type"`
	// TypeCode is the code of the type and TypeWithin the types that it belongs to: what delegations name.
	TypeCode   string   `json:"type_code,omitempty"`
	TypeWithin []string `json:"type_within,omitempty"`
}

// Annex is a document that was read with the letter and is not signed.
type Annex struct {
	N      int             `json:"n"` // from 2: the letter is 1
	Name   string          `json:"name"`
	Bytes  int64           `json:"bytes"`
	SHA256 circuits.Digest `json:"sha256"`
}

// Context is where and when the package was made.
type Context struct {
	Software   string    `json:"software"`    // version of the product
	ExportedAt time.Time `json:"exported_at"` // UTC, to the second
	Clock      string    `json:"clock"`       // source of the instants of the journal: « horloge du serveur »
}

// MaxProofs is how many bytes of proofs of external acts a package holds at most.
const MaxProofs = 16 << 20

// Package is everything that one evidence file is made of. What it says beyond that (circuits, versions, standing of the
// decisions, signatures) is read from the journal by [Write], and again by [Verify].
type Package struct {
	Tenant  Tenant
	Dossier Dossier
	// Evidence holds the canonical proof.Evidence of every decision, refusals and undoings included, in order. A seal that the
	// machine put has none.
	Evidence [][]byte
	// Enrolments holds the canonical proof.Enrolment of every passkey of the town, in order, from the first.
	Enrolments [][]byte
	Annexes    []Annex
	// Proofs holds the proofs of external acts that were kept, by their SHA-256, MaxProofs bytes at most in all. One that is
	// not there is left out of the package, which says its digest all the same.
	Proofs map[circuits.Digest][]byte
	// Journal holds every entry whose subject is the dossier, in order.
	Journal []journal.Entry
	// Town holds the entries of the town's journal on which the dossier rests beside: see Rest.
	Town []journal.Entry
	// Head is the last entry of the town's journal at export; only Seq and Hash are used.
	Head    journal.Entry
	Context Context
}

// Version is one version of the letter, frozen before the circuit.
type Version struct {
	Version int             `json:"version"`
	SHA256  circuits.Digest `json:"doc_sha256"`
	Bytes   int64           `json:"doc_bytes"`
}

// Signature is one use of a key, and the decision for which it was used.
type Signature struct {
	Version int `json:"version"`
	Step    int `json:"step"` // from 1
	// Evidence is that of the decision for which the key was used: for a seal that the machine put, the digest of the circuit.
	Evidence circuits.Digest `json:"evidence_sha256"`
	// SHA256 and Bytes are those of the signed PDF, as it stood after this signature.
	SHA256      circuits.Digest `json:"signed_sha256"`
	Bytes       int64           `json:"signed_bytes"`
	Level       string          `json:"level"`
	Certificate circuits.Digest `json:"certificate_sha256"`
	At          time.Time       `json:"at"`
}

// Decision is one decision as the journal tells it.
type Decision struct {
	Seq       int               `json:"seq"`    // in the dossier, from 1
	Folder    string            `json:"folder"` // in the package
	Evidence  circuits.Digest   `json:"evidence_sha256"`
	Verdict   proof.Decision    `json:"decision"`
	Version   int               `json:"version"`
	Step      int               `json:"step"` // from 1
	StepID    circuits.StepID   `json:"step_id"`
	StepTitle string            `json:"step_title"`
	Circuit   circuits.Digest   `json:"circuit_sha256"`
	Person    circuits.PersonID `json:"person"`
	Name      string            `json:"name"`
	Quality   string            `json:"quality"`
	// Document and Bytes are what was approved: the letter, or the letter with the signatures that it already bore.
	Document circuits.Digest   `json:"doc_sha256"`
	Bytes    int64             `json:"doc_bytes"`
	Reason   string            `json:"reason,omitempty"` // of a refusal or of a bypass
	At       time.Time         `json:"at"`
	Standing circuits.Standing `json:"standing"` // what it is worth at export
	// For is in whose name the person acted, and by which act; nil: in their own.
	For     *circuits.Principal `json:"for,omitempty"`
	Advice  *circuits.Advice    `json:"advice,omitempty"`  // of an opinion
	Outside *circuits.Outside   `json:"outside,omitempty"` // of an external act
	// Automatic says that nobody decided: the machine put the seal of the town because the circuit says so. Folder is then
	// empty, and Evidence the digest of the circuit.
	Automatic bool `json:"automatic,omitempty"`
}

const (
	schemaDossier  = "parapheur.dossier.v1"
	schemaAnnexes  = "parapheur.annexes.v1"
	schemaManifest = "parapheur.evidence-package.v2"
	// schemaManifestBare is that of packages without town.jsonl, which verify as they always did.
	schemaManifestBare = "parapheur.evidence-package.v1"

	// ruleApproved says which bytes were approved, given the signed letter.
	ruleApproved = "les doc_bytes premiers octets du PDF signé"
)

// summary is the content of dossier.json.
type summary struct {
	Schema     string          `json:"schema"`
	Tenant     Tenant          `json:"tenant"`
	Dossier    Dossier         `json:"dossier"`
	Phase      circuits.Phase  `json:"phase"`
	Rule       string          `json:"approved_document"`
	Versions   []Version       `json:"versions"`
	Decisions  []Decision      `json:"decisions"`
	Signatures []Signature     `json:"signatures"`
	Head       journalHead     `json:"journal_head"`
	Enrolments enrolmentsChain `json:"enrolments"`
	Context    Context         `json:"context"`
}

// journalHead is the last entry of the journal of the town.
type journalHead struct {
	Seq  int64           `json:"seq"`
	Hash circuits.Digest `json:"hash"`
}

// enrolmentsChain is the extent of the chain of enrolments.
type enrolmentsChain struct {
	Count int          `json:"count"`
	Head  proof.Digest `json:"head_sha256"`
}

// annexes is the content of annexes.json.
type annexes struct {
	Schema string       `json:"schema"`
	Root   proof.Digest `json:"annex_root,omitzero"` // none without annex
	Files  []Annex      `json:"annexes"`
}

// annexRoot is what statements name as annex_root: the Merkle root (RFC 9162) over the digests, in order; none without
// annex.
func annexRoot(list []Annex) proof.Digest {
	if len(list) == 0 {
		return proof.Digest{}
	}
	leaves := make([]proof.Digest, len(list))
	for i, a := range list {
		leaves[i] = proof.Leaf(a.SHA256[:])
	}
	return proof.Root(leaves)
}

// read folds the journal and says everything that follows from the parts of p.
func (p *Package) read() (*replay, error) {
	r, f := replayJournal(p.Tenant.SIRET, p.Dossier.ID, p.Journal)
	if f != nil {
		return nil, fmt.Errorf("%w: journal: %s: %s", ErrInconsistent, f.Code, f.Detail)
	}
	made := r.gestures()
	if len(made) != len(p.Evidence) {
		return nil, fmt.Errorf("%w: %d decisions in the journal, %d pieces of evidence", ErrInconsistent, len(made), len(p.Evidence))
	}
	for i, raw := range p.Evidence {
		if circuits.Digest(proof.SHA256(raw)) != r.acts[made[i]].evidence {
			return nil, fmt.Errorf("%w: evidence %d is not that of the journal", ErrInconsistent, i+1)
		}
	}
	if len(p.Journal) > 0 && p.Head.Seq < p.Journal[len(p.Journal)-1].Seq {
		return nil, fmt.Errorf("%w: head of the journal at %d, before its entries", ErrInconsistent, p.Head.Seq)
	}
	return r, nil
}

// moment is that of the export, as packages say it.
func (c Context) moment() time.Time { return c.ExportedAt.UTC().Truncate(time.Second) }

// summarise makes dossier.json. The head of the enrolments is zero when their chain does not hold.
func (p *Package) summarise(r *replay) (summary, error) {
	head, err := proof.VerifyEnrolments(p.Tenant.SIRET, p.Enrolments)
	if err != nil {
		return summary{}, fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	c := p.Context
	c.ExportedAt = c.moment()
	return summary{
		Schema: schemaDossier, Tenant: p.Tenant, Dossier: p.Dossier, Phase: r.state.Phase, Rule: ruleApproved,
		Versions: r.versions, Decisions: r.decisions(), Signatures: r.signatures,
		Head:       journalHead{p.Head.Seq, p.Head.Hash},
		Enrolments: enrolmentsChain{len(p.Enrolments), head}, Context: c,
	}, nil
}
