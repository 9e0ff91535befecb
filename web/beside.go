package web

import (
	"net/http"
	"strings"

	"parapheur/dossiers"
)

// beside fills in what was said of a letter beside its circuit: how it was
// sent, and remarks.
func (s *server) beside(v *visit, r *http.Request, id dossiers.ID, p *letterPage) error {
	sent, err := s.Office.Dispatches(r.Context(), v.viewer, id)
	if err != nil {
		return err
	}
	notes, err := s.Office.Notes(r.Context(), v.viewer, id)
	if err != nil {
		return err
	}
	p.Sent, p.Remarks = sentLines(sent, s.calendar(v)), remarkLines(notes, s.calendar(v))
	return nil
}

func sentLines(sent []dossiers.Dispatch, c calendar) (out []happening) {
	for _, d := range sent {
		how := []string{dossiers.ChannelName(d.Channel)}
		for _, part := range []string{d.Provider, d.Reference} {
			if part != "" {
				how = append(how, part)
			}
		}
		out = append(out, happening{What: dossiers.DispatchStatusName(d.Status), Who: strings.Join(how, ", "), Detail: d.Detail, When: c.moment(d.OccurredAt) + ", inscrit par " + d.By})
	}
	return out
}

func remarkLines(notes []dossiers.Note, c calendar) (out []happening) {
	for _, n := range notes {
		out = append(out, happening{What: n.Text, Who: n.By, When: c.moment(n.At)})
	}
	return out
}
