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
	"strings"
	"time"

	"parapheur/certs"
	"parapheur/signing"
)

// padesSignature is what « pades sign » is told.
type padesSignature struct {
	padesServices
	padesKey
	name, quality, town, mention, reason string
	field, place, image, arms, hash      string
	tags                                 []string
	seal, invisible, force, json         bool
}

func (q *padesSignature) signFlags(set *flag.FlagSet) {
	q.padesServices.flags(set)
	q.padesKey.flags(set)
	for name, to := range map[string]*string{
		"name": &q.name, "quality": &q.quality, "town": &q.town, "mention": &q.mention, "reason": &q.reason,
		"field": &q.field, "place": &q.place, "image": &q.image, "arms": &q.arms, "hash": &q.hash,
	} {
		set.StringVar(to, name, "", "")
	}
	listFlag(set, "tag", &q.tags)
	set.BoolVar(&q.seal, "seal", false, "")
	set.BoolVar(&q.invisible, "invisible", false, "")
	set.BoolVar(&q.force, "force", false, "")
	set.BoolVar(&q.json, "json", false, "")
}

func padesSign(ctx context.Context, args []string, out io.Writer) error {
	var q padesSignature
	set := flag.NewFlagSet("sign", flag.ContinueOnError)
	q.signFlags(set)
	files, err := parsePades(set, args, 2)
	if err != nil {
		return err
	}
	if err := q.complete(q.demoDir != ""); err != nil {
		return err
	}
	if err := q.open(); err != nil {
		return err
	}
	opt, err := q.options()
	if err != nil {
		return err
	}
	provider, done, err := q.provider(ctx)
	if err != nil {
		return err
	}
	defer done()
	key, err := certs.AsSigner(ctx, provider, []byte("parapheur pades sign"))
	if err != nil {
		return err
	}
	if opt.Claims.Name == "" {
		opt.Claims.Name = nameOf(key.Certificate())
	}
	result := padesResult{Input: files[0], Output: files[1]}
	return padesWrite(files[0], files[1], q.force, func(doc signing.Source, w io.Writer) error {
		opt.Identity, err = padesSigner{key}.Identity(ctx)
		if err != nil {
			return err
		}
		where, err := signing.Locate(ctx, doc, opt)
		if err != nil {
			return err
		}
		result.Placement, opt.CopyTo = placed(where), w
		tail, err := signing.Sign(ctx, doc, opt, padesSigner{key}, q.stamp)
		if err != nil {
			return err
		}
		_, err = w.Write(tail)
		return err
	}, func(doc signing.Source) error { return q.approve(doc, opt.Level, result, q.json, out) })
}

func (q *padesSignature) options() (signing.Options, error) {
	opt := signing.Options{Claims: signing.Claims{
		Name: q.name, Quality: q.quality, Town: q.town, Mention: q.mention, Reason: q.reason, Place: q.town,
		Seal: q.seal, Time: time.Now(),
	}}
	var err error
	if opt.Level, err = q.wanted(); err != nil {
		return opt, err
	}
	if q.hash != "" {
		if opt.Hash, err = hashNamed(q.hash); err != nil {
			return opt, err
		}
	}
	if err := q.block(&opt); err != nil {
		return opt, err
	}
	if opt.Level > signing.BT {
		if opt.Augment, err = q.augmenting(opt.Level); err != nil {
			return opt, err
		}
		if opt.Augment.Trust.Roots == nil {
			return opt, mistake("le niveau %v demande --trust ou --demo-pki", opt.Level)
		}
		opt.Augment.AllowUnknown = true // nothing is collected for a stranger who signed before; approve wants the last signature at this level
	}
	return opt, nil
}

func padesAugment(ctx context.Context, args []string, out io.Writer) error {
	var q padesSignature
	var tolerant bool
	set := flag.NewFlagSet("augment", flag.ContinueOnError)
	q.padesServices.flags(set)
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
	// Placement says where sign put the block.
	Placement *padesPlacement `json:"placement,omitempty"`
}

// approve checks the file before anyone sees it: nothing false in it, and its last signature at the level asked for.
func (s *padesServices) approve(doc signing.Source, want signing.Level, r padesResult, asJSON bool, out io.Writer) error {
	opt := s.check()
	rep, err := signing.Check(doc, doc.Size(), opt)
	if err != nil {
		return fmt.Errorf("relecture : %w", err)
	}
	var last signing.SignatureReport
	for _, sig := range rep.Signatures {
		if sig.Kind == signing.KindSignature {
			last = sig
		}
	}
	r.Level = last.Level
	if rep.Verdict == signing.Invalid || opt.Roots != nil && !last.Reaches(want) {
		return fmt.Errorf("relecture : verdict « %s », niveau %s au lieu de %v : %w", rep.Verdict.French(), r.Level, want, signing.ErrUnsound)
	}
	if asJSON {
		r.Report = rep
		return writeJSON(out, r)
	}
	fmt.Fprintf(out, "%s : %s\n", r.Output, r.Level)
	if r.Placement != nil && r.Placement.Notice != signing.NoticeNone {
		fmt.Fprintf(out, "Attention : %s (page %d).\n", r.Placement.Notice.French(), r.Placement.Page)
	}
	return nil
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
