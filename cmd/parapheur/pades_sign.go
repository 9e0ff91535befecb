package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/signing"
)

// padesSignature is what « pades sign » is told.
type padesSignature struct {
	padesServices
	p12, passwordFile, name, reason, field, place string
	invisible, force, json                        bool
}

func padesSign(ctx context.Context, args []string, out io.Writer) error {
	var q padesSignature
	set := flag.NewFlagSet("sign", flag.ContinueOnError)
	q.flags(set)
	set.StringVar(&q.p12, "p12", "", "")
	set.StringVar(&q.passwordFile, "password-file", "", "")
	set.StringVar(&q.name, "name", "", "")
	set.StringVar(&q.reason, "reason", "", "")
	set.StringVar(&q.field, "field", "", "")
	set.StringVar(&q.place, "place", "", "")
	set.BoolVar(&q.invisible, "invisible", false, "")
	set.BoolVar(&q.force, "force", false, "")
	set.BoolVar(&q.json, "json", false, "")
	files, err := parsePades(set, args, 2)
	if err != nil {
		return err
	}
	if (q.p12 == "") != (q.passwordFile == "") || q.p12 == "" && q.demoDir == "" {
		return mistake("--p12 et --password-file sont nécessaires, ou --demo-pki")
	}
	if err := q.open(); err != nil {
		return err
	}
	opt, err := q.options()
	if err != nil {
		return err
	}
	key, err := q.key()
	if err != nil {
		return err
	}
	signer, err := q.signer(ctx, key)
	if err != nil {
		return err
	}
	if opt.Claims.Name == "" {
		opt.Claims.Name = key.Certificate().Subject.CommonName
	}
	return padesWrite(files[0], files[1], q.force, func(doc signing.Source, w io.Writer) error {
		opt.CopyTo = w
		tail, err := signing.Sign(ctx, doc, opt, signer, q.stamp)
		if err != nil {
			return err
		}
		_, err = w.Write(tail)
		return err
	}, func(doc signing.Source) error {
		return q.approve(doc, opt.Level, padesResult{Input: files[0], Output: files[1]}, q.json, out)
	})
}

func (q *padesSignature) options() (signing.Options, error) {
	opt := signing.Options{
		Claims: signing.Claims{Name: q.name, Reason: q.reason, Time: time.Now()},
		Field:  signing.Field{Name: q.field, Invisible: q.invisible},
	}
	var err error
	if opt.Level, err = q.wanted(); err != nil {
		return opt, err
	}
	if q.place != "" {
		if err := parsePlace(q.place, &opt.Field); err != nil {
			return opt, err
		}
	}
	if opt.Level > signing.BT {
		if opt.Augment, err = q.augmenting(opt.Level); err != nil {
			return opt, err
		}
		if opt.Augment.Trust.Roots == nil {
			return opt, mistake("le niveau %v demande --trust ou --demo-pki", opt.Level)
		}
	}
	return opt, nil
}

// parsePlace reads page,x,y,width,height.
func parsePlace(s string, f *signing.Field) error {
	parts := strings.Split(s, ",")
	var n [5]float64
	for i := range n {
		var err error
		if len(parts) != len(n) {
			return mistake("--place : page,x,y,largeur,hauteur")
		}
		if n[i], err = strconv.ParseFloat(strings.TrimSpace(parts[i]), 64); err != nil || n[i] < 0 || n[i] > 1e5 {
			return mistake("--place : « %s » n’est pas une mesure", parts[i])
		}
	}
	if n[0] != float64(int(n[0])) || n[3] == 0 || n[4] == 0 {
		return mistake("--place : page entière, largeur et hauteur non nulles")
	}
	f.Page, f.Rect = int(n[0]), &signing.Rect{X0: n[1], Y0: n[2], X1: n[1] + n[3], Y1: n[2] + n[4]}
	return nil
}

// key is that of the PKCS#12 file, or of a person of the demonstration.
func (q *padesSignature) key() (*certs.Key, error) {
	if q.p12 == "" {
		name := q.name
		if name == "" {
			name = "Claire Martin"
		}
		return q.demo.Person(certs.DemoPerson{Name: name, Quality: "Maire", Town: "Commune de démonstration"})
	}
	return readPKCS12(q.p12, q.passwordFile, certs.ImportOptions{At: time.Now(), Guard: q.guard()})
}

func (q *padesSignature) guard() certs.Guard { return certs.Guard{AllowDemo: q.demo != nil} }

// signer uses the key for whoever holds its password: here the decision is the command itself.
func (q *padesSignature) signer(ctx context.Context, key *certs.Key) (signing.Signer, error) {
	gate := func([]byte, [][]byte) error { return ctx.Err() }
	local, err := certs.NewLocal(key, certs.LocalOptions{Gate: gate, Guard: q.guard(), Now: time.Now})
	if err != nil {
		return nil, err
	}
	s, err := certs.AsSigner(ctx, local, []byte("parapheur pades sign"))
	if err != nil {
		return nil, err
	}
	return padesSigner{s}, nil
}

// padesSigner is a key of certs as signing wants it.
type padesSigner struct{ *certs.Signer }

// Identity implements signing.Signer.
func (s padesSigner) Identity(context.Context) (signing.Identity, error) {
	return signing.Identity{Certificate: s.Certificate(), Chain: s.Chain()[1:]}, nil
}

func padesAugment(ctx context.Context, args []string, out io.Writer) error {
	var q padesSignature
	var tolerant bool
	set := flag.NewFlagSet("augment", flag.ContinueOnError)
	q.flags(set)
	set.BoolVar(&tolerant, "allow-unknown", false, "")
	set.BoolVar(&q.force, "force", false, "")
	set.BoolVar(&q.json, "json", false, "")
	files, err := parsePades(set, args, 2)
	if err != nil {
		return err
	}
	if err := q.open(); err != nil {
		return err
	}
	if len(q.roots) == 0 {
		return mistake("--trust ou --demo-pki est nécessaire")
	}
	if q.level == "" {
		q.level = "LTA"
	}
	if strings.ToUpper(q.level) != "LT" && strings.ToUpper(q.level) != "LTA" {
		return mistake("« augment » atteint les niveaux LT et LTA")
	}
	level := signing.BLT
	if strings.ToUpper(q.level) == "LTA" {
		if level, err = q.wanted(); err != nil {
			return err
		}
	}
	opt, err := q.augmenting(level)
	if err != nil {
		return err
	}
	opt.AllowUnknown = tolerant
	return padesWrite(files[0], files[1], q.force, func(doc signing.Source, w io.Writer) error {
		tail, err := signing.Augment(ctx, doc, opt)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, io.NewSectionReader(doc, 0, doc.Size())); err != nil {
			return err
		}
		_, err = w.Write(tail)
		return err
	}, func(doc signing.Source) error {
		return q.approve(doc, level, padesResult{Input: files[0], Output: files[1]}, q.json, out)
	})
}

// padesResult is what sign and augment answer in JSON. Its form is stable.
type padesResult struct {
	Input  string          `json:"input"`
	Output string          `json:"output"`
	Level  string          `json:"level"` // of the last signature
	Report *signing.Report `json:"report"`
}

// approve checks the file before anyone sees it: nothing false in it, and its last signature at the level asked for.
func (s *padesServices) approve(doc signing.Source, want signing.Level, r padesResult, asJSON bool, out io.Writer) error {
	opt := s.check()
	rep, err := signing.Check(doc, doc.Size(), opt)
	if err != nil {
		return fmt.Errorf("relecture : %w", err)
	}
	for _, sig := range rep.Signatures {
		if sig.Kind == signing.KindSignature {
			r.Level = sig.Level
		}
	}
	if rep.Verdict == signing.Invalid || opt.Roots != nil && !reached(r.Level, want) {
		return fmt.Errorf("relecture : verdict « %s », niveau %s au lieu de %v : %w", rep.Verdict.French(), r.Level, want, signing.ErrUnsound)
	}
	if asJSON {
		r.Report = rep
		return writeJSON(out, r)
	}
	fmt.Fprintf(out, "%s : %s\n", r.Output, r.Level)
	return nil
}

func reached(got string, want signing.Level) bool {
	for l := want; l <= signing.BLTA; l++ {
		if got == l.String() {
			return true
		}
	}
	return false
}

// padesWrite makes the output beside its place, has it approved, and then only gives it its name.
func padesWrite(in, to string, force bool, produce func(signing.Source, io.Writer) error, approve func(signing.Source) error) (err error) {
	if _, statErr := os.Lstat(to); statErr == nil && !force {
		return fmt.Errorf("%s : %w", to, fs.ErrExist)
	}
	f, size, err := openSized(in)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	tmp, err := os.CreateTemp(filepath.Dir(to), ".pades-*.pdf")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	if err := produce(io.NewSectionReader(f, 0, size), tmp); err != nil {
		return err
	}
	end, err := tmp.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := approve(io.NewSectionReader(tmp, 0, end)); err != nil {
		return err
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), to); err != nil {
		return err
	}
	return tmp.Close()
}
