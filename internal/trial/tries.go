package trial

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"parapheur/internal/conditions"
)

// maxTries bounds how many sets of values one condition is tried on.
const maxTries = 4096

// tries evaluates a condition on the values around those that it names, in
// every combination up to maxTries, and says whether some made it true, some
// false. A field that could not be filled counts for neither.
func tries(c *conditions.Condition, expression string, s conditions.Schema, at time.Time) (yes, no bool) {
	fields := c.Uses()
	choices := make([][]string, len(fields))
	for i, f := range fields {
		k := slices.IndexFunc(s, func(v conditions.Variable) bool { return v.Name == f })
		choices[i] = around(s[k], expression, at)
	}
	pick := make([]int, len(fields))
	for range maxTries {
		values := conditions.Values{}
		for i, f := range fields {
			values[f] = choices[i][pick[i]]
		}
		if holds, err := c.Eval(values, at); err == nil {
			yes, no = yes || holds, no || !holds
		}
		if yes && no || !advance(pick, choices) {
			return yes, no
		}
	}
	return true, true // too many to say: nothing is claimed
}

// advance moves to the next combination, like an odometer.
func advance(pick []int, choices [][]string) bool {
	for i := range pick {
		if pick[i]++; pick[i] < len(choices[i]) {
			return true
		}
		pick[i] = 0
	}
	return false
}

func numbers() *regexp.Regexp { return regexp.MustCompile(`\d+(\.\d+)?`) }
func dates() *regexp.Regexp   { return regexp.MustCompile(`"(\d{4}-\d{2}-\d{2})"`) }
func texts() *regexp.Regexp   { return regexp.MustCompile(`"([^"]*)"|'([^']*)'`) }

// around lists the values of a field that could change the answer: each
// constant of the expression and its neighbours, each value of a list.
func around(v conditions.Variable, expression string, at time.Time) []string {
	out := []string{""} // not filled
	add := func(raw string) {
		if value, problem := v.Normal(raw); problem == "" && value != "" && !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	switch v.Type {
	case conditions.Boolean:
		out = append(out, "true", "false")
	case conditions.List, conditions.Lists:
		for _, x := range v.Values {
			add(x)
		}
		if len(v.Values) == 0 {
			constants(expression, add)
		}
	case conditions.Integer, conditions.Decimal:
		for _, n := range append(numbers().FindAllString(expression, -1), "0") {
			f, err := strconv.ParseFloat(n, 64)
			if err != nil {
				continue
			}
			for _, d := range []float64{-1, 0, 1} {
				add(strconv.FormatFloat(f+d, 'f', -1, 64))
			}
		}
		add("-1000000")
		add("1000000000")
	case conditions.Date:
		instants := []time.Time{at}
		for _, m := range dates().FindAllStringSubmatch(expression, -1) {
			if d, err := time.Parse(time.DateOnly, m[1]); err == nil {
				instants = append(instants, d)
			}
		}
		for _, n := range numbers().FindAllString(expression, -1) { // jours(a, b) > n
			if k, err := strconv.Atoi(n); err == nil && k < 4000 {
				instants = append(instants, at.AddDate(0, 0, k), at.AddDate(0, 0, -k))
			}
		}
		for _, d := range instants {
			for _, k := range []int{-1, 0, 1} {
				add(d.AddDate(0, 0, k).Format(time.DateOnly))
			}
		}
	case conditions.Text:
		constants(expression, add)
		add("x")
	}
	return out
}

// constants adds the texts written in an expression, and what begins with one.
func constants(expression string, add func(string)) {
	for _, m := range texts().FindAllStringSubmatch(expression, -1) {
		text := m[1] + m[2]
		add(text)
		add(text + "x")
		add(fmt.Sprintf("x%s", text))
	}
}
