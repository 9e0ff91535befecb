package pdf

import (
	"fmt"
	"slices"
)

// Evidence is validation data in DER.
type Evidence struct{ Certs, OCSPs, CRLs [][]byte }

// Empty reports whether there is none.
func (e Evidence) Empty() bool { return len(e.Certs)+len(e.OCSPs)+len(e.CRLs) == 0 }

// AddEvidence adds streams to the document security store (/DSS; ETSI EN 319 142-1, 5.4.2) and
// makes it when the document has none. The store is written as a new object with the entries of the
// old one, which stays as it is: should something else refer to it or to its arrays, that would have
// changed too. No /VRI is written (5.4.2.3).
func (u *Update) AddEvidence(e Evidence) error {
	if e.Empty() {
		return nil
	}
	dss, err := u.dict(u.catalog.Get("DSS"))
	if err != nil {
		return fmt.Errorf("reading the /DSS: %w", err)
	}
	dss = dss.Clone()
	for _, list := range []struct {
		key  Name
		data [][]byte
	}{{"Certs", e.Certs}, {"OCSPs", e.OCSPs}, {"CRLs", e.CRLs}} {
		if len(list.data) == 0 {
			continue
		}
		old, err := u.doc.Array(dss.Get(list.key))
		if err != nil {
			return fmt.Errorf("reading the /DSS: %w", err)
		}
		all := slices.Clone(old)
		for _, der := range list.data {
			r := u.Alloc()
			u.PutStream(r, NewDict(), der)
			all = append(all, r)
		}
		dss.Set(list.key, all)
	}
	r := u.Alloc()
	u.Put(r, dss)
	u.SetCatalog("DSS", r)
	return nil
}
