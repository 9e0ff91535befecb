package circuits

import (
	"time"

	"parapheur/circuits/calendar"
)

// NextDue returns an instant before which the clock alone brings nothing
// about: the earliest reminder, rung or deadline that is not said yet. Due,
// asked then, may still answer nothing. Zero means that no clock runs.
func (s State) NextDue(c calendar.Calendar) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if s.Phase != Running {
		return next
	}
	if !s.Overdue {
		consider(s.Deadline)
	}
	for i, st := range s.Steps {
		if st.Status != Open && st.Status != Blocked || st.Due.IsZero() {
			continue
		}
		def := s.Circuit.Steps[i]
		for _, n := range def.RemindBefore {
			if len(st.Reminded) == 0 || -n > st.Reminded[len(st.Reminded)-1] {
				consider(c.Back(st.Due, n))
			}
		}
		for _, n := range def.RemindAfter {
			if len(st.Reminded) == 0 || n > st.Reminded[len(st.Reminded)-1] {
				consider(c.After(st.Due, n))
			}
		}
		for r := st.Rungs; r < len(def.Escalate); r++ {
			consider(c.After(st.Due, def.Escalate[r].After))
		}
		if def.Kind == Opinion {
			consider(st.Due)
		}
	}
	return next
}
