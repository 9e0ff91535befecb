package evidence

import (
	"archive/zip"
	"context"
	"slices"
	"strings"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/internal/pdftest"
	"parapheur/journal"
)

// A forgeryCase is one thing changed in a sound package or in its letter, and what the report must name.
type forgeryCase struct {
	name    string
	change  func(f *forgery)
	outcome proof.Outcome
	want    Code
}

func forgeries() []forgeryCase {
	return []forgeryCase{
		{"nothing changed", func(*forgery) {}, proof.Valid, ""},
		{"a byte of the approved letter", func(f *forgery) { f.letter[len(f.letter)/3] ^= 1 }, proof.Invalid, LetterUnknown},
		{"a byte of the approved letter, for the decision", func(f *forgery) { f.letter[100] ^= 1 }, proof.Invalid, Code(proof.BadDocument)},
		{"a byte of the signature", func(f *forgery) { f.letter[len(f.letter)-400] ^= 1 }, proof.Invalid, LetterUnknown},
		{"another letter", func(f *forgery) { f.letter = pdftest.Pages(pdftest.Text("Autre")) }, proof.Invalid, LetterUnknown},
		{"bytes after the letter", func(f *forgery) { f.letter = append(f.letter, "more"...) }, proof.Invalid, SignatureInvalid},
		{"a letter that is no PDF", func(f *forgery) { f.letter = []byte("bonjour") }, proof.Invalid, LetterUnknown},
		{"the letter before its signature", func(f *forgery) { f.letter = theSample(f.t).world.frozen }, proof.Unverifiable, LetterSuperseded},
		{"the first version of the letter", func(f *forgery) { f.letter = theSample(f.t).world.first }, proof.Unverifiable, LetterSuperseded},
		{"two decisions exchanged", func(f *forgery) {
			for _, name := range slices.Clone(f.order) {
				if rest, ok := strings.CutPrefix(name, "decisions/02-visa/"); ok {
					f.swap(name, "decisions/04-visa/"+rest)
				}
			}
		}, proof.Invalid, DecisionMisplaced},
		{"evidence of another dossier", func(f *forgery) {
			f.replace("decisions/04-visa/evidence.json", `"leaf_index":2`, `"leaf_index":1`)
		}, proof.Invalid, DecisionDiffers},
		{"a decision removed", func(f *forgery) { f.remove("decisions/04-visa") }, proof.Invalid, EntryMissing},
		{"a decision removed from the journal too", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry { return slices.Delete(e, 6, 7) })
			f.remove("decisions/04-visa")
		}, proof.Invalid, JournalRefused},
		{"the last facts removed", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry { return e[:len(e)-1] })
		}, proof.Invalid, JournalRefused},
		{"journal emptied", func(f *forgery) { f.rewrite(func([]journal.Entry) []journal.Entry { return nil }) }, proof.Invalid, JournalRefused},
		{"journal in another order", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry { e[4], e[6] = e[6], e[4]; return e })
		}, proof.Invalid, JournalOrder},
		{"numbers exchanged in the journal", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry {
				e[4], e[5] = e[5], e[4]
				e[4].Seq, e[5].Seq = e[5].Seq, e[4].Seq
				return e
			})
		}, proof.Invalid, JournalRefused},
		{"an entry changed and not its hash", func(f *forgery) { f.replace(fileJournal, `"kind":"dossier.refused"`, `"kind":"dossier.reduced"`) }, proof.Invalid, JournalHash},
		{"an entry about another dossier", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry { e[2].Subject = "another"; return e })
		}, proof.Invalid, JournalSubject},
		{"an entry of unknown kind", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry { e[2].Kind = "dossier.blessed"; return e })
		}, proof.Invalid, JournalRefused},
		{"an entry with two readings", func(f *forgery) {
			f.rewrite(func(e []journal.Entry) []journal.Entry {
				e[2].Body = append([]byte(`{"step":1,`), e[2].Body[1:]...)
				return e
			})
		}, proof.Invalid, JournalRefused},
		{"a step that is not there", func(f *forgery) {
			f.event(circuits.KindSealed, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepSealed)
				d.Step = -1
				return d
			})
		}, proof.Invalid, JournalRefused},
		{"journal cut", func(f *forgery) { f.files[fileJournal] = f.files[fileJournal][:900] }, proof.Invalid, JournalMalformed},
		{"another quality in the journal", func(f *forgery) {
			f.event(circuits.KindDecided, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepDecided)
				d.By.Quality = "Adjoint"
				return d
			})
		}, proof.Invalid, DecisionStatement},
		{"decided an hour before the gesture", func(f *forgery) {
			f.event(circuits.KindDecided, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepDecided)
				d.At = d.At.Add(-time.Hour)
				return d
			})
		}, proof.Invalid, DecisionTime},
		{"decided an hour after the signature", func(f *forgery) {
			f.event(circuits.KindDecided, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepDecided)
				d.At = d.At.Add(time.Hour)
				return d
			})
		}, proof.Invalid, SignatureTime},
		{"another certificate in the journal", func(f *forgery) {
			f.event(circuits.KindSealed, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepSealed)
				d.Certificate[0] ^= 1
				return d
			})
		}, proof.Invalid, SignatureForeign},
		{"a higher level in the journal", func(f *forgery) {
			f.event(circuits.KindSealed, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepSealed)
				d.Level = "PAdES-BASELINE-LTA"
				return d
			})
		}, proof.Invalid, SignatureLevel},
		{"bytes of the signature of the passkey", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) { e.Signature[len(e.Signature)-1] ^= 1 })
		}, proof.Invalid, Code(proof.BadSignature)},
		{"the person not verified", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) { e.AuthenticatorData[32] &^= 4 })
		}, proof.Invalid, Code(proof.BadVerification)},
		{"another place in the set", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) { e.Path = []proof.Digest{{1}} })
		}, proof.Invalid, Code(proof.BadInclusion)},
		{"the enrolment of another", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) { e.EnrolmentSHA256 = proof.EnrolmentDigest(f.files[enrolmentName(0)]) })
		}, proof.Invalid, Code(proof.BadEnrolmentPerson)},
		{"a key that is nobody's", func(f *forgery) {
			f.evidence(func(e *proof.Evidence) { e.EnrolmentSHA256[0] ^= 1 })
		}, proof.Invalid, EnrolmentUnknown},
		{"an enrolment removed", func(f *forgery) { f.remove(enrolmentName(1)) }, proof.Invalid, EnrolmentUnknown},
		{"two enrolments exchanged", func(f *forgery) { f.swap(enrolmentName(0), enrolmentName(1)) }, proof.Invalid, EnrolmentChain},
		{"another circuit", func(f *forgery) { f.replace(fileCircuit, "Signature du maire", "Signature du Maire") }, proof.Invalid, CircuitDiffers},
		{"another circuit in the journal", func(f *forgery) {
			f.event(circuits.KindStarted, func(e circuits.Event) circuits.Event {
				d := e.(circuits.Started)
				d.Circuit.Steps = slices.Clone(d.Circuit.Steps)
				d.Circuit.Steps[1].Title = "Autre"
				d.CircuitHash = d.Circuit.Hash()
				f.files[fileCircuit] = d.Circuit.Canonical()
				return d
			})
		}, proof.Invalid, DecisionStatement},
		{"another reason", func(f *forgery) { f.replace("decisions/01-refus/reason.txt", "fausse", "juste") }, proof.Invalid, ReasonDiffers},
		{"another reason in the journal too", func(f *forgery) {
			f.replace("decisions/01-refus/reason.txt", "fausse", "juste")
			f.event(circuits.KindRefused, func(e circuits.Event) circuits.Event {
				d := e.(circuits.StepRefused)
				d.Reason = string(f.files["decisions/01-refus/reason.txt"])
				return d
			})
		}, proof.Invalid, ReasonDiffers},
		{"another annex", func(f *forgery) { f.replace(fileAnnexes, `"sha256":"`, `"sha256":"00`) }, proof.Invalid, AnnexesDiffer},
		{"another standing", func(f *forgery) { f.replace(fileDossier, `"standing":"undone"`, `"standing":"holds"`) }, proof.Invalid, DossierDiffers},
		{"another town in dossier.json", func(f *forgery) { f.replace(fileDossier, `"rp_id":"parapheur.`, `"rp_id":"parapheurs.`) }, proof.Invalid, Code(proof.BadRPID)},
		{"the key in PEM only", func(f *forgery) { f.swap("decisions/04-visa/pubkey.pem", "decisions/05-signature/pubkey.pem") }, proof.Invalid, DecisionFiles},
		{"a file more, in the manifest", func(f *forgery) { f.set("note.txt", []byte("x")) }, proof.Invalid, EntryExtra},
		{"a file more, in a decision", func(f *forgery) { f.set("decisions/02-visa/note.txt", []byte("x")) }, proof.Invalid, EntryExtra},
		{"a reason where none was given", func(f *forgery) { f.set("decisions/02-visa/reason.txt", []byte("x")) }, proof.Invalid, EntryExtra},
		{"an enrolment out of the chain", func(f *forgery) { f.set(enrolmentName(7), []byte("x")) }, proof.Invalid, EntryExtra},

		{"a file more", func(f *forgery) { f.keepSeal = true; f.set("note.txt", []byte("x")) }, proof.Invalid, EntryExtra},
		{"a file less", func(f *forgery) { f.keepSeal = true; f.remove(fileGuide) }, proof.Invalid, EntryMissing},
		{"a title changed", func(f *forgery) { f.keepSeal = true; f.replace(fileDossier, "voirie", "voisin") }, proof.Invalid, EntryDiffers},
		{"manifest and not its seal", func(f *forgery) { f.keepSeal = true; f.replace(fileManifest, siret, "21690123100012") }, proof.Invalid, SealInvalid},
		{"manifest with white space", func(f *forgery) { f.keepSeal = true; f.replace(fileManifest, `{"schema"`, `{ "schema"`) }, proof.Invalid, ManifestMalformed},
		{"no manifest", func(f *forgery) { f.keepSeal = true; f.remove(fileManifest) }, proof.Invalid, EntryMissing},
		{"seal removed", func(f *forgery) { f.keepSeal = true; f.remove(fileSeal) }, proof.Invalid, SealRemoved},
		{"seal that is no signature", func(f *forgery) { f.keepSeal = true; f.files[fileSeal] = []byte("sceau") }, proof.Invalid, SealInvalid},
		{"no seal", func(f *forgery) { f.seal = nil }, proof.Unverifiable, SealMissing},
		{"seal of another town", func(f *forgery) {
			f.seal = func(ctx context.Context, m []byte) ([]byte, error) {
				w := theSample(f.t).world
				return sealBy(ctx, w.demo, "Ville de Montbrun", "21690999900011", w.now, m)
			}
		}, proof.Invalid, SealOfAnother},
		{"seal of an unknown authority", func(f *forgery) {
			f.seal = func(ctx context.Context, m []byte) ([]byte, error) {
				now := theSample(f.t).world.now
				d, err := newDemo(func() time.Time { return now })
				if err != nil {
					return nil, err
				}
				return sealBy(ctx, d, "Ville de Saint-Aubin-sur-Loire", siret, now, m)
			}
		}, proof.Unverifiable, SealUntrusted},
		{"seal of a person", func(f *forgery) {
			f.seal = func(ctx context.Context, m []byte) ([]byte, error) { return sealByPerson(ctx, theSample(f.t).world, m) }
		}, proof.Unverifiable, SealOwner},
		{"no root", func(f *forgery) { f.opt.Roots = nil }, proof.Unverifiable, SignatureUnknown},

		{"cut", func(f *forgery) { f.rezip = func(b []byte) []byte { return b[:len(b)-1000] } }, proof.Invalid, PackageUnreadable},
		{"empty", func(f *forgery) { f.rezip = func([]byte) []byte { return nil } }, proof.Invalid, PackageUnreadable},
		{"bytes after", func(f *forgery) { f.rezip = func(b []byte) []byte { return append(b, 0) } }, proof.Invalid, PackageUnreadable},
		{"bytes before", func(f *forgery) { f.rezip = func(b []byte) []byte { return append([]byte("#!/bin/sh\n"), b...) } }, proof.Invalid, PackageUnreadable},
		{"zip bomb", func(f *forgery) {
			f.rezip = func([]byte) []byte { return zipped(f.t, zip.Deflate, "manifest.json", make([]byte, 40<<20)) }
		}, proof.Invalid, PackageTooLarge},
		{"many files", func(f *forgery) { f.rezip = func([]byte) []byte { return manyFiles(f.t) } }, proof.Invalid, PackageTooLarge},
		{"a name twice", func(f *forgery) { f.keepSeal = true; f.order = append(f.order, fileDossier) }, proof.Invalid, EntryDuplicate},
		{"a name twice but for capitals", func(f *forgery) { f.set("Dossier.json", []byte("x")) }, proof.Invalid, EntryDuplicate},
		{"a path that leaves", func(f *forgery) { f.set("../.profile", []byte("x")) }, proof.Invalid, EntryName},
		{"a path from the root", func(f *forgery) { f.set("/etc/passwd", []byte("x")) }, proof.Invalid, EntryName},
		{"a path for another system", func(f *forgery) { f.set(`decisions\..\x`, []byte("x")) }, proof.Invalid, EntryName},
		{"compressed again by another tool", func(f *forgery) { f.rezip = func(b []byte) []byte { return deflated(f.t, b) } }, proof.Valid, ""},

		{"the whole journal", func(f *forgery) { f.opt.Journal = townJournal(f, nil) }, proof.Valid, ""},
		{"the journal of a town where it did not happen", func(f *forgery) {
			f.opt.Journal = townJournal(f, func(e []journal.Entry) []journal.Entry { e[5].Body = []byte(`{"a":1}`); return e })
		}, proof.Invalid, JournalAbsent},
		{"the journal has one more entry of the dossier", func(f *forgery) {
			f.opt.Journal = townJournal(f, func(e []journal.Entry) []journal.Entry { e[1].Subject = dossierID; return e })
		}, proof.Invalid, JournalAbsent},
		{"the journal ends before", func(f *forgery) {
			f.opt.Journal = townJournal(f, func(e []journal.Entry) []journal.Entry { return e[:6] })
		}, proof.Unverifiable, JournalIncomplete},
		{"a journal that is none", func(f *forgery) { f.opt.Journal = strings.NewReader("{}\n") }, proof.Invalid, JournalBroken},
	}
}
