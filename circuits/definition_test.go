package circuits_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"parapheur/circuits"
)

func TestDefinitionCheck(t *testing.T) {
	t.Parallel()
	if err := three().Check(); err != nil {
		t.Fatalf("a sound circuit: %v", err)
	}
	for name, spoil := range map[string]func(*circuits.Definition){
		"no code":                  func(d *circuits.Definition) { d.Code = "" },
		"version zero":             func(d *circuits.Definition) { d.Version = 0 },
		"no step":                  func(d *circuits.Definition) { d.Steps = nil },
		"no signature":             func(d *circuits.Definition) { d.Steps = d.Steps[:1] },
		"a step without name":      func(d *circuits.Definition) { d.Steps[1].ID = "" },
		"two steps of one name":    func(d *circuits.Definition) { d.Steps[1].ID = d.Steps[0].ID },
		"an unknown kind":          func(d *circuits.Definition) { d.Steps[0].Kind = "tampon" },
		"nobody's step":            func(d *circuits.Definition) { d.Steps[2].Desk = "" },
		"a title nobody could see": func(d *circuits.Definition) { d.Steps[2].Title = " \t" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := three()
			spoil(&d)
			if err := d.Check(); !errors.Is(err, circuits.ErrCircuit) {
				t.Errorf("got %v", err)
			}
			x := newLetter(t)
			events, err := x.state.Start(drafter, d, circuits.Facts{}, x.now())
			x.isRefused(circuits.ErrCircuit, events, err)
		})
	}
}

// The hash is quoted by evidence for years: neither the bytes nor the value
// may change.
func TestDefinitionHashIsStable(t *testing.T) {
	t.Parallel()
	d := circuits.Definition{Code: "courrier-simple", Version: 1, Name: "Courrier <simple> & court", Steps: []circuits.Step{
		{ID: "signature-maire", Kind: circuits.Signature, Desk: "maire", Title: "Signature du Maire"},
	}}
	const want = `{"code":"courrier-simple","version":1,"name":"Courrier <simple> & court","steps":[{"id":"signature-maire","kind":"signature","desk":"maire","title":"Signature du Maire"}]}`
	if got := string(d.Canonical()); got != want {
		t.Errorf("canonical form\n%s\nwant\n%s", got, want)
	}
	if got, want := d.Hash(), digest(want); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	other := d
	other.Version = 2
	if other.Hash() == d.Hash() {
		t.Error("two versions, one hash")
	}
}

func TestKindVerdict(t *testing.T) {
	t.Parallel()
	if circuits.Visa.Verdict() != circuits.GivesVisa || circuits.Signature.Verdict() != circuits.Signs {
		t.Error("a visa and a signature are conflated")
	}
}

func TestDigestText(t *testing.T) {
	t.Parallel()
	d := digest("x")
	var back circuits.Digest
	if err := back.UnmarshalText([]byte(d.String())); err != nil || back != d {
		t.Errorf("read back %s, %v", back, err)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("g", 64), d.String() + "00"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a digest", bad)
		}
	}
	if d.IsZero() || !(circuits.Digest{}).IsZero() {
		t.Error("IsZero")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	if _, err := circuits.Decode("dossier.unheard_of", []byte(`{}`)); err == nil {
		t.Error("an unknown kind is decoded")
	}
	for _, kind := range circuits.Kinds() {
		e, err := circuits.Decode(kind, []byte(`{}`))
		if err != nil || e.Kind() != kind {
			t.Errorf("%s: %v, %v", kind, e, err)
		}
		if _, err := circuits.Decode(kind, []byte(`{"at":`)); err == nil {
			t.Errorf("%s: half a body is decoded", kind)
		}
	}
}

// FuzzDecode checks that whatever decodes has one written form: encoded and
// decoded again it is the same bytes.
func FuzzDecode(f *testing.F) {
	for _, kind := range circuits.Kinds() {
		e, err := circuits.Decode(kind, []byte(`{"at":"2026-03-02T09:00:00Z"}`))
		if err != nil {
			f.Fatal(err)
		}
		b, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, b)
	}
	f.Add(circuits.KindStarted, []byte(`{"circuit":{"code":"c","steps":[{"id":"s","kind":"visa"}]}}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		e, err := circuits.Decode(kind, body)
		if err != nil {
			return
		}
		once, err := json.Marshal(e)
		if err != nil {
			return // a year that RFC 3339 cannot write
		}
		again, err := circuits.Decode(kind, once)
		if err != nil {
			t.Fatalf("decoded, written and no longer decoded: %v\n%s", err, once)
		}
		twice, err := json.Marshal(again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("two forms:\n%s\n%s\n%v", once, twice, err)
		}
	})
}

// FuzzApply checks that no event, however it reads, makes a state panic: not
// when it is applied, nor when it is held against the circuit.
func FuzzApply(f *testing.F) {
	p := newPlay()
	if err := p.run(everyKind + "lea dépose\nlea envoie\nkarim@dgs vise\nanne@adjointe signe\nla machine scelle\nhelene@maire refuse : non\nlea corrige"); err != nil {
		f.Fatal(err)
	}
	states := []circuits.State{{}}
	for _, e := range p.events {
		states = append(states, states[len(states)-1].Apply(e))
		b, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Kind(), b)
	}
	for _, kind := range circuits.Kinds() {
		for _, step := range []string{"-1", "0", "1", "99"} {
			f.Add(kind, []byte(`{"step":`+step+`,"turn":`+step+`,"from":`+step+`,"back_to":`+step+`,"rung":`+step+`,"asked":`+step+`,"turns":[]}`))
		}
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		e, err := circuits.Decode(kind, body)
		if err != nil {
			return
		}
		for _, s := range states {
			admitted := s.Admits(e) == nil
			after := s.Apply(e)
			after.OpenTurns()
			after.LastSealed()
			after.UndoableBy()
			if admitted && after.Events != s.Events+1 {
				t.Fatal("an admitted event leaves no trace")
			}
		}
	})
}
