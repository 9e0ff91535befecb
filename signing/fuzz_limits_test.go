package signing_test

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"parapheur/signing"
	"parapheur/signing/internal/pdf"
	"parapheur/signing/internal/pdftest"
)

// What one hostile file may cost this process.
const (
	hostileTime   = 2 * time.Second // of processor, whatever else the machine does
	hostileMemory = 256 << 20       // allocated in all
)

// hostileSigned are files that carry signatures, made to be long to check; the sound ones are valid all
// the same.
func (o *office) hostileSigned(t testing.TB) (odd, sound map[string][]byte) {
	t.Helper()
	once, twice := o.twice(t)
	value := func([]byte) []byte { return bytes.Repeat([]byte{0x30, 0x82, 0x03, 0xe8}, 900) }
	many := base(letterObjects())
	for i := range 30 {
		many = forgery{name: pdf.Raw(fmt.Sprintf("(s%d)", i)), value: value}.apply(t, many)
	}
	revisions := bytes.Clone(twice)
	for i := range 400 {
		revisions = revise(revisions, map[int]string{60: fmt.Sprintf("[%d]", i)}, "")
	}
	objects := map[int]string{}
	for n := range 15_000 {
		objects[1000+n] = fmt.Sprintf("[%d 0 R %d 0 R]", 1000+(n+1)%15_000, n)
	}
	bomb := stream("/Filter/FlateDecode", string(pdftest.Deflate(make([]byte, 24<<20))))
	store := func(refs string) map[int]string {
		doc := openDoc(t, once)
		ref, cat, err := doc.Catalog()
		if err != nil {
			t.Fatal(err)
		}
		d := cat.Clone()
		d.Set("DSS", pdf.Raw("<</CRLs["+refs+"]/OCSPs["+refs+"]/Certs["+refs+"]>>"))
		return map[int]string{ref.Number: string(pdf.Append(nil, d)), 300: bomb, 301: stream("", o.revocationList(t, nil, time.Time{}))}
	}
	refs, bombs := "", map[int]string{}
	for n := 400; n < 420; n++ {
		refs += fmt.Sprintf("%d 0 R ", n)
		bombs[n] = bomb
	}
	maps.Copy(bombs, store(refs))
	odd = map[string][]byte{
		"30 signatures that are no CMS":   many,
		"400 revisions after a signature": revisions,
		"a signature of nested sequences": forgery{value: func([]byte) []byte { return bytes.Repeat([]byte{0x30, 0x80}, 1900) }}.apply(t, base(letterObjects())),
	}
	sound = map[string][]byte{
		"15000 objects that nothing uses": revise(twice, objects, ""),
		"a bomb 5000 times in the store":  revise(once, store(strings.Repeat("300 0 R ", 5000)), ""),
		"bombs in the store":              revise(once, bombs, ""),
		"a list 5000 times in the store":  revise(once, store(strings.Repeat("301 0 R ", 5000)), ""),
		"a signed file of 20 MB":          o.sign(t, pdftest.Big(20<<20), o.mayor, signing.BT),
	}
	return odd, sound
}

// Every hostile file costs Check, Inspect and Augment less than two seconds and 256 MB. Not parallel:
// the process is measured.
func TestHostileFilesCostLittle(t *testing.T) {
	if timeLimit > time.Second {
		t.Skip("the race detector has costs of its own")
	}
	o := newOffice(t)
	files := pdftest.Hostile()
	odd, sound := o.hostileSigned(t)
	maps.Copy(files, odd)
	maps.Copy(files, sound)
	for name, b := range files {
		for what, work := range map[string]func(){
			"Check": func() {
				r, err := signing.Check(bytes.NewReader(b), int64(len(b)), o.options())
				if err == nil && r.Verdict == signing.Valid != (sound[name] != nil) {
					t.Errorf("%s: %s", name, show(r))
				}
			},
			"Inspect": func() { _, _ = signing.Inspect(bytes.NewReader(b), int64(len(b))) },
			"Augment": func() {
				_, _ = signing.Augment(t.Context(), source(b), signing.AugmentOptions{Level: signing.BLTA, Evidence: &registry{t: t, o: o}, Timestamper: o.pki, Trust: o.options()})
			},
			"VerifyDetached": func() { _, _ = signing.VerifyDetached(b, nil, o.options()) },
		} {
			cpu, memory := cost(t, work)
			t.Logf("%s: %s takes %v and %d MB", name, what, cpu, memory>>20)
			if cpu > hostileTime || memory > hostileMemory {
				t.Errorf("%s: %s takes %v and %d MB", name, what, cpu, memory>>20)
			}
		}
	}
}

// cost is what work takes of the processor and allocates.
func cost(t testing.TB, work func()) (cpu time.Duration, memory uint64) {
	t.Helper()
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := used()
	work()
	cpu = used() - start
	runtime.ReadMemStats(&after)
	return cpu, after.TotalAlloc - before.TotalAlloc
}
