package evidence

import (
	"encoding/json"
	"slices"
	"time"

	"parapheur/approvals/proof"
	"parapheur/journal"
)

// enrolled is an enrolment of the chain, with its digest.
type enrolled struct {
	proof.Enrolment
	digest proof.Digest
}

// byAnother says whether somebody else vouches for the key.
func (e enrolled) byAnother() bool { return e.Witness != nil && e.Witness.Person != e.Person }

// vouching are the enrolments on which keys rest: their own, that of the key which vouches for it, and so on up to one for
// which nobody does, each once, the ones used first. What is not in the chain is left out: it was reported.
func vouching(chain map[proof.Digest][]byte, used []proof.Digest) (out []enrolled) {
	known := map[proof.Digest]bool{}
	for queue := slices.Clone(used); len(queue) > 0; queue = queue[1:] {
		d := queue[0]
		raw, there := chain[d]
		if known[d] || !there {
			continue
		}
		known[d] = true
		e, err := proof.ParseEnrolment(raw)
		if err != nil {
			continue
		}
		out = append(out, enrolled{e, d})
		if e.Witness != nil {
			queue = append(queue, e.Witness.EnrolmentSHA256)
		}
	}
	return out
}

// A EnrolmentReport says who vouches for a key on which a decision rests.
type EnrolmentReport struct {
	SHA256        proof.Digest `json:"enrolment_sha256"`
	Person        string       `json:"person"`
	Name          string       `json:"name,omitempty"` // when a decision or an enrolment says it
	Quality       string       `json:"quality"`
	IdentityCheck string       `json:"identity_check"`
	// Founding says why nobody vouches for it; empty with a witness, and for what was enrolled before witnesses were asked.
	Founding proof.Founding `json:"founding,omitempty"`
	// Witness is who vouches for it with a gesture.
	Witness *WitnessReport `json:"witness,omitempty"`
}

// WitnessReport is who vouched for an enrolment, and what they were.
type WitnessReport struct {
	Person string    `json:"person"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	// Same says that it is the holder, with another of their keys: that needs no right.
	Same bool `json:"same_person"`
	// Administrator is what the journal says that they were then; nil: it is not at hand, or not needed.
	Administrator *bool `json:"administrator,omitempty"`
	// Entry is the number of the entry of the journal that records the enrolment; 0: not at hand.
	Entry int64 `json:"journal_entry,omitempty"`
}

// keys finds which enrolments the decisions rest on.
func (v *verification) keys() {
	var used []proof.Digest
	for _, d := range v.rep.Decisions {
		if d.Automatic {
			continue
		}
		if ev, err := proof.ParseEvidence(v.zip.files[d.Folder+"/"+fileEvidence]); err == nil {
			used = append(used, ev.EnrolmentSHA256)
		}
	}
	v.vouched = vouching(v.chain, used)
	v.rests = groundsOf(v.about.Dossier.ID, v.fold, v.vouched)
}

// witnesses says who vouches for each key used, and verifies that they administered the town when they did.
func (v *verification) witnesses() {
	names := map[string]string{}
	for _, d := range v.rep.Decisions {
		names[string(d.Person)] = d.Name
	}
	for _, e := range v.vouched {
		if e.Witness != nil {
			names[e.Witness.Person] = e.EnrolledBy
		}
	}
	for _, e := range v.vouched {
		r := EnrolmentReport{
			SHA256: e.digest, Person: e.Person, Name: names[e.Person], Quality: e.Quality, IdentityCheck: e.IdentityCheck, Founding: e.Founding,
		}
		if w := e.Witness; w != nil {
			r.Witness = &WitnessReport{Person: w.Person, Name: e.EnrolledBy, At: e.IssuedAt.Time(), Same: !e.byAnother()}
			v.rep.add(v.role(e, r.Witness))
		}
		v.rep.Enrolments = append(v.rep.Enrolments, r)
	}
}

// role verifies, by the entries of the journal, that a witness was an administrator where the enrolment was recorded.
func (v *verification) role(e enrolled, w *WitnessReport) *Finding {
	if w.Same || v.manifest.Schema == schemaManifestBare {
		return nil // a person vouches for their own second key; what an older package does not carry was said
	}
	name := "enrolments#" + e.digest.String()[:12]
	for _, x := range v.rested {
		if x.Kind == kindEnrolled && x.Subject == e.Person && enrolledIn(x) == e.digest.String() {
			w.Entry = x.Seq
		}
	}
	if w.Entry == 0 {
		return unverifiable(WitnessRole, name, "no entry records the enrolment")
	}
	history := v.before(w.Entry, w.Person, kindPersonAdded, kindPersonSet, kindDeactivated, kindReactivated)
	if len(history) == 0 {
		return unverifiable(WitnessRole, name, "no entry says what %s was", w.Name)
	}
	administered := administers(history)
	if w.Administrator = &administered; !administered {
		return invalid(WitnessStranger, name, "%s, at entry %d", w.Name, w.Entry)
	}
	return nil
}

// administers says whether somebody is an active administrator after what the journal tells of them.
func administers(history []journal.Entry) bool {
	admin, active := false, false
	for _, e := range history {
		switch e.Kind {
		case kindPersonAdded:
			var b struct {
				Admin bool `json:"admin"`
			}
			active = json.Unmarshal(e.Body, &b) == nil
			admin = b.Admin
		case kindPersonSet:
			var b struct {
				Person struct {
					Admin    bool `json:"admin"`
					Inactive bool `json:"inactive"`
				} `json:"person"`
			}
			active = json.Unmarshal(e.Body, &b) == nil && !b.Person.Inactive
			admin = b.Person.Admin
		case kindDeactivated:
			active = false
		case kindReactivated:
			active = true
		}
	}
	return admin && active
}
