package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/internal/specimen"
	"parapheur/journal"
	"parapheur/signing"
)

// Options says whom to trust, when, and what else is at hand.
type Options struct {
	// Roots are the anchors of the certificates of signers and of the seal. Nil: the outcome is at best Unverifiable.
	Roots *x509.CertPool
	// TimestampRoots are the anchors of the time-stamping authorities; nil means Roots.
	TimestampRoots *x509.CertPool
	// At is required: the moment of the verification, at which signatures without time-stamp are judged.
	At time.Time
	// Journal is a complete export of the town's journal (package journal), or nil.
	Journal io.Reader
}

func (o Options) check() signing.CheckOptions {
	return signing.CheckOptions{Roots: o.Roots, TimestampRoots: o.TimestampRoots, At: o.At}
}

// VerifyLetter verifies the signatures of a PDF alone. The error is that of letter, of ctx, or signing.ErrOptions.
func VerifyLetter(ctx context.Context, letter io.ReaderAt, size int64, opt Options) (*Report, error) {
	v := &verification{rep: &Report{Schema: SchemaReport, VerifiedAt: opt.At}, opt: opt, letter: letter, size: size}
	if err := v.readLetter(ctx); err != nil {
		return nil, err
	}
	if err := v.signatures(); err != nil {
		return nil, err
	}
	if c := v.rep.Letter.Check; c != nil && len(c.Signatures) == 0 {
		v.rep.add(unverifiable(SignatureAbsent, letterName, ""))
	}
	v.rep.Specimen = v.specimen()
	v.rep.conclude()
	return v.rep, nil
}

// Verify verifies a package (a zip of size bytes) and the letter that it is about; letter may be nil, and then the
// outcome is at best Unverifiable. It trusts nothing that it does not recompute, reads nothing but its arguments, and
// takes bounded time and memory for any package. The error is that of letter, of ctx, or signing.ErrOptions; anything
// wrong with the package is in the report.
func Verify(ctx context.Context, pkg io.ReaderAt, size int64, letter io.ReaderAt, letterSize int64, opt Options) (*Report, error) {
	v := &verification{rep: &Report{Schema: SchemaReport, VerifiedAt: opt.At}, opt: opt, letter: letter, size: letterSize}
	if v.open(pkg, size) && v.history() {
		v.enrolments()
		v.keys()
		v.contents()
		v.town()
		v.rep.add(v.compareJournal())
	}
	if letter == nil {
		v.rep.add(unverifiable(LetterMissing, letterName, ""))
	} else if err := v.readLetter(ctx); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if v.fold != nil {
		v.placeLetter()
		v.decisions()
		v.mandates()
		v.witnesses()
	}
	if letter != nil {
		if err := v.signatures(); err != nil {
			return nil, err
		}
		if v.fold != nil {
			v.matchSignatures()
		}
	}
	v.rep.Specimen = v.specimen()
	v.rep.conclude()
	return v.rep, nil
}

// specimen reports whether one mark of a sandbox is anywhere: each is enough.
func (v *verification) specimen() bool {
	marked := func(s signing.SignatureReport) bool {
		return slices.ContainsFunc(s.Reasons, func(r signing.Reason) bool { return r.Code == signing.Specimen })
	}
	named := specimen.Town(v.manifest.Tenant) || specimen.Town(v.about.Tenant.SIRET) || specimen.Town(v.head.Tenant)
	said := slices.ContainsFunc(v.rep.Findings, func(f Finding) bool { return f.Code == Specimen })
	signed := v.rep.Letter != nil && v.rep.Letter.Check != nil && slices.ContainsFunc(v.rep.Letter.Check.Signatures, marked)
	sealed := v.rep.Package != nil && v.rep.Package.Seal != nil && marked(*v.rep.Package.Seal)
	return named || said || signed || sealed
}

// verification is one run of Verify; each method is one step and relies on those before it.
type verification struct {
	rep    *Report
	opt    Options
	letter io.ReaderAt
	size   int64

	zip      *archive
	manifest manifest
	about    summary
	head     extractHeader
	entries  []journal.Entry
	rested   []journal.Entry // those of the town
	rests    grounds
	vouched  []enrolled
	fold     *replay // nil when the journal does not hold
	chain    map[proof.Digest][]byte
	prefixes map[int64]circuits.Digest // of the letter, by length
	version  int                       // of the letter at hand
}

// open reads the zip, its manifest and its seal. It reports false when there is nothing to go on with.
func (v *verification) open(pkg io.ReaderAt, size int64) bool {
	a, f := openArchive(pkg, size)
	if f != nil {
		v.rep.add(f)
		return false
	}
	v.zip = a
	v.rep.Package = &PackageReport{Files: len(a.order)}
	raw, f := a.read(fileManifest)
	if f != nil {
		v.rep.add(f)
		return false
	}
	if err := proof.ParseCanonical(raw, &v.manifest); err != nil || v.manifest.Schema != schemaManifest && v.manifest.Schema != schemaManifestBare {
		v.rep.add(invalid(ManifestMalformed, fileManifest, "schema %q: %v", v.manifest.Schema, err))
		return false
	}
	v.listed()
	v.seal(raw)
	return true
}

// listed compares the files with the manifest, both ways.
func (v *verification) listed() {
	known := map[string]bool{fileManifest: true, fileSeal: v.manifest.Sealed}
	for _, want := range v.manifest.Files {
		if known[want.Name] {
			v.rep.add(invalid(ManifestMalformed, fileManifest, "%q announced twice", want.Name))
		}
		known[want.Name] = true
		b, f := v.zip.read(want.Name)
		v.rep.add(f)
		if f == nil && (int64(len(b)) != want.Bytes || circuits.Digest(sha256.Sum256(b)) != want.SHA256) {
			v.rep.add(invalid(EntryDiffers, want.Name, "%d bytes, manifest: %d", len(b), want.Bytes))
		}
	}
	for _, name := range v.zip.order {
		if !known[name] {
			v.rep.add(invalid(EntryExtra, name, ""))
		}
	}
}

// history reads the journal and dossier.json, and runs the events again. It reports false when the journal does not hold:
// nothing can then be said of the decisions.
func (v *verification) history() bool {
	raw, f := v.zip.read(fileJournal)
	if f != nil {
		v.rep.add(f)
		return false
	}
	var err error
	if v.head, v.entries, err = readExtract(raw, formatExtract); err != nil {
		v.rep.add(invalid(JournalMalformed, fileJournal, "%v", err))
		return false
	}
	p := v.rep.Package
	p.Entries, p.HeadSeq, p.HeadHash = len(v.entries), v.head.HeadSeq, v.head.HeadHash
	if raw, f = v.zip.read(fileDossier); f != nil {
		v.rep.add(f)
		return false
	}
	if err := proof.ParseCanonical(raw, &v.about); err != nil || v.about.Schema != schemaDossier {
		v.rep.add(invalid(DossierMalformed, fileDossier, "schema %q: %v", v.about.Schema, err))
		return false
	}
	v.rep.Tenant, v.rep.Dossier, v.rep.Context = &v.about.Tenant, &v.about.Dossier, &v.about.Context
	fold, f := replayJournal(v.about.Tenant.SIRET, v.about.Dossier.ID, v.entries)
	if f != nil {
		v.rep.add(f)
		return false
	}
	v.fold = fold
	for _, d := range fold.decisions() {
		v.rep.Decisions = append(v.rep.Decisions, DecisionReport{Decision: d})
	}
	return true
}

// enrolments follows the chain of the town's passkeys.
func (v *verification) enrolments() {
	var chain [][]byte
	for i := 0; ; i++ {
		b, ok := v.zip.files[enrolmentName(i)]
		if !ok {
			break
		}
		chain = append(chain, b)
	}
	v.chain = make(map[proof.Digest][]byte, len(chain))
	head, err := proof.VerifyEnrolments(v.about.Tenant.SIRET, chain)
	if err != nil {
		v.rep.add(invalid(EnrolmentChain, "enrolments", "%v", err))
	}
	for _, raw := range chain {
		digest := proof.EnrolmentDigest(raw)
		v.chain[digest] = raw
		if digest == head {
			break // what follows is not part of the chain
		}
	}
	v.rep.Package.Enrolments, v.rep.Package.EnrolmentHead = len(v.chain), head
}

// contents recomputes every file that follows from the journal and compares.
func (v *verification) contents() {
	about := v.about
	about.Phase, about.Rule = v.fold.state.Phase, ruleApproved
	about.Versions, about.Decisions, about.Signatures = v.fold.versions, v.fold.decisions(), v.fold.signatures
	about.Head = journalHead{v.head.HeadSeq, v.head.HeadHash}
	about.Enrolments = enrolmentsChain{v.rep.Package.Enrolments, v.rep.Package.EnrolmentHead}
	again, err := proof.CanonicalJSON(about)
	if err != nil || !bytes.Equal(again, v.zip.files[fileDossier]) {
		v.rep.add(invalid(DossierDiffers, fileDossier, "not what the journal says"))
	}
	m := v.manifest
	if m.Tenant != about.Tenant.SIRET || m.Dossier != about.Dossier.ID || !m.ExportedAt.Equal(about.Context.ExportedAt) ||
		v.head.Tenant != m.Tenant || v.head.Dossier != m.Dossier {
		v.rep.add(invalid(DossierDiffers, fileManifest, "town, dossier or time of export"))
	}
	if n := len(v.entries); v.head.HeadSeq < v.entries[n-1].Seq ||
		v.head.HeadSeq == v.entries[n-1].Seq && v.head.HeadHash != circuits.Digest(v.entries[n-1].Hash) {
		v.rep.add(invalid(JournalHash, fileJournal, "the head at %d does not come after the entries", v.head.HeadSeq))
	}
	for i, c := range v.fold.circuits {
		name := circuitName(i, len(v.fold.circuits))
		if raw, f := v.zip.read(name); f != nil {
			v.rep.add(f)
		} else if !bytes.Equal(raw, c.Canonical()) {
			v.rep.add(invalid(CircuitDiffers, name, "journal: %s", c.Hash()))
		}
	}
	v.rep.add(v.annexes())
	v.expected()
}

// annexes compares annexes.json with what was deposited. The statements are compared with the root later.
func (v *verification) annexes() *Finding {
	raw, f := v.zip.read(fileAnnexes)
	if f != nil {
		return f
	}
	var a annexes
	if err := proof.ParseCanonical(raw, &a); err != nil || a.Schema != schemaAnnexes {
		return invalid(AnnexesDiffer, fileAnnexes, "schema %q: %v", a.Schema, err)
	}
	same := slices.EqualFunc(a.Files, v.fold.annexes, func(x Annex, d circuits.Digest) bool { return x.SHA256 == d })
	if !same || a.Root != annexRoot(a.Files) {
		return invalid(AnnexesDiffer, fileAnnexes, "%d annexes, journal: %d", len(a.Files), len(v.fold.annexes))
	}
	return nil
}

// expected refuses files that the manifest announces and that are no part of a package.
func (v *verification) expected() {
	known := map[string]bool{fileGuide: true, fileDossier: true, fileAnnexes: true, fileJournal: true, fileManifest: true, fileSeal: true}
	known[fileTown] = v.manifest.Schema != schemaManifestBare
	for i := range v.fold.circuits {
		known[circuitName(i, len(v.fold.circuits))] = true
	}
	folders := map[string]bool{}
	for i, d := range v.rep.Decisions {
		if d.Automatic {
			continue
		}
		folders[d.Folder] = true
		known[d.Folder+"/"+fileReason] = v.fold.acts[i].said() != ""
		known[d.Folder+"/"+fileProof] = d.Outside != nil
	}
	for _, name := range v.manifest.Files {
		dir, base, _ := cutLast(name.Name)
		switch {
		case known[name.Name]:
		case folders[dir] && base != fileReason && base != fileProof: // compared with evidence.json later
		case dir == "enrolments" && v.enrolmentListed(name.Name):
		default:
			v.rep.add(invalid(EntryExtra, name.Name, "no part of a package"))
		}
	}
}

// enrolmentListed says whether a file is one of the chain: its number is not above the length of the chain. When the
// chain is broken that was said.
func (v *verification) enrolmentListed(name string) bool {
	_, ok := v.zip.files[name]
	var n int
	if _, err := fmt.Sscanf(name, "enrolments/%06d.json", &n); err != nil || n < 1 || enrolmentName(n-1) != name {
		return false
	}
	_, before := v.zip.files[enrolmentName(max(n-2, 0))]
	return ok && before
}

// cutLast cuts a name at its last slash.
func cutLast(name string) (dir, base string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// compareJournal looks for the entries in the complete journal of the town, when there is one.
func (v *verification) compareJournal() *Finding {
	if v.opt.Journal == nil {
		return remark(JournalPartial, fileJournal, "")
	}
	x, err := journal.Open(v.opt.Journal)
	if err != nil {
		return invalid(JournalBroken, "journal", "%v", err)
	}
	if x.Tenant() != v.about.Tenant.SIRET {
		return invalid(JournalBroken, "journal", "of %s", x.Tenant())
	}
	want := map[int64]circuits.Digest{v.head.HeadSeq: v.head.HeadHash}
	for _, e := range slices.Concat(v.entries, v.rested) {
		want[e.Seq] = e.Hash
	}
	missing, rests := len(want), v.manifest.Schema != schemaManifestBare
	var wrong *Finding
	last, err := journal.Verify(x.After(), func(yield func(journal.Entry, error) bool) {
		for e, err := range x.Entries() {
			if hash, ok := want[e.Seq]; ok && err == nil {
				missing--
				if hash != circuits.Digest(e.Hash) && wrong == nil {
					wrong = invalid(JournalAbsent, entrySubject(e.Seq), "another entry in the journal of the town")
				}
			} else if err == nil && e.Subject == v.about.Dossier.ID && e.Seq < v.head.HeadSeq && wrong == nil {
				wrong = invalid(JournalAbsent, entrySubject(e.Seq), "an entry of the dossier is not in the package")
			} else if err == nil && rests && v.rests.want(e) && e.Seq < v.head.HeadSeq && wrong == nil {
				wrong = invalid(JournalAbsent, townSubject(e.Seq), "an entry on which the dossier rests is not in the package")
			}
			if !yield(e, err) {
				return
			}
		}
	})
	switch {
	case err != nil:
		return invalid(JournalBroken, "journal", "%v", err)
	case wrong != nil:
		return wrong
	case missing > 0:
		return unverifiable(JournalIncomplete, "journal", "entries %d to %d given", x.After().Seq+1, last.Seq)
	}
	v.rep.Package.Compared = true
	return nil
}
