package pdf

import "fmt"

// Evidence is validation data in DER.
type Evidence struct{ Certs, OCSPs, CRLs [][]byte }

// Empty reports whether there is none.
func (e Evidence) Empty() bool { return len(e.Certs)+len(e.OCSPs)+len(e.CRLs) == 0 }

// AddEvidence adds streams to the document security store (/DSS; ETSI EN 319 142-1, 5.4.2) and
// makes it when the document has none. What was there stays, and an indirect array is replaced
// alone. No /VRI is written (5.4.2.3).
func (u *Update) AddEvidence(e Evidence) error {
	if e.Empty() {
		return nil
	}
	v := u.catalog.Get("DSS")
	dss, err := u.dict(v)
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
		refs := make([]Object, len(list.data))
		for i, der := range list.data {
			r := u.Alloc()
			u.PutStream(r, NewDict(), der)
			refs[i] = r
		}
		if err := u.appendTo(dss, list.key, refs...); err != nil {
			return fmt.Errorf("reading the /DSS: %w", err)
		}
	}
	if r, ok := v.(Ref); ok {
		u.Replace(r, dss)
		return nil
	}
	r := u.Alloc()
	u.Put(r, dss)
	u.SetCatalog("DSS", r)
	return nil
}
