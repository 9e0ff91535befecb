package child

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main(
		Job{"echo", func(in *os.File, argument []byte, answer *Writer) error {
			info, err := in.Stat()
			if err != nil {
				return err
			}
			b, err := io.ReadAll(io.NewSectionReader(in, 0, info.Size()))
			if err != nil {
				return err
			}
			return errors.Join(answer.Frame('a', argument), answer.Frame('b', b))
		}},
		Job{"environment", func(_ *os.File, _ []byte, answer *Writer) error {
			return answer.Frame('a', []byte(strings.Join(os.Environ(), "\n")))
		}},
		Job{"refuse", func(*os.File, []byte, *Writer) error { return &Failure{"encrypted", "mot de passe\nsur deux lignes"} }},
		Job{"error", func(*os.File, []byte, *Writer) error { return errors.New("plain") }},
		Job{"spin", func(*os.File, []byte, *Writer) error {
			for { //nolint:staticcheck // SA5002: spinning is what this job is for
			}
		}},
		Job{"panic", func(*os.File, []byte, *Writer) error { panic("no") }},
		Job{"recurse", func(*os.File, []byte, *Writer) error { return recurse(1) }},
		Job{"hoard", func(_ *os.File, _ []byte, answer *Writer) error {
			var kept [][]byte
			for range 4096 {
				block := make([]byte, 1<<20)
				for i := range block {
					block[i] = 1
				}
				kept = append(kept, block)
			}
			return answer.Frame('a', kept[0][:1])
		}},
		Job{"flood", func(_ *os.File, _ []byte, answer *Writer) error {
			for {
				if err := answer.Frame('a', make([]byte, 1<<16)); err != nil {
					return err
				}
			}
		}},
		Job{"copy", func(_ *os.File, _ []byte, _ *Writer) error {
			b, err := io.ReadAll(io.NewSectionReader(More(0), 0, 1<<20))
			if err != nil {
				return err
			}
			_, err = More(1).WriteAt(b, 3)
			return err
		}},
		obey(),
		Job{"exit", func(*os.File, []byte, *Writer) error { os.Exit(0); return nil }},
	)
	os.Exit(m.Run())
}

func recurse(n int) error {
	if n == 0 {
		return nil
	}
	return errors.Join(recurse(n+1), nil)
}

func limits() Limits { return Limits{Wall: 10 * time.Second, Memory: 256 << 20, Output: 1 << 20} }

func TestAnswerComesBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(path, []byte("lettre"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pool := NewPool(2)
	for range 2 { // the offset of the parent's file stays where it was
		frames, err := pool.Run(t.Context(), Task{Job: "echo", Argument: []byte("é\n"), Input: f, Limits: limits()})
		if err != nil || len(frames) != 2 || string(frames[0].Body) != "é\n" || string(frames[1].Body) != "lettre" {
			t.Fatalf("got %v, %v", frames, err)
		}
	}
}

func TestMoreFilesAreShared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, err := os.Create(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := in.WriteString("annexe"); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPool(1).Run(t.Context(), Task{Job: "copy", More: []*os.File{in, out}, Limits: limits()}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out.Name()); err != nil || string(b) != "\x00\x00\x00annexe" {
		t.Fatalf("got %q, %v", b, err)
	}
}

func TestNothingIsInherited(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://secret")
	frames, err := NewPool(1).Run(t.Context(), Task{Job: "environment", Limits: limits()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(frames[0].Body), "secret") {
		t.Fatalf("the child sees %s", frames[0].Body)
	}
}

func TestEndsOfChildren(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		job  string
		want error
	}{
		{"panic", ErrCrashed},
		{"recurse", ErrCrashed},
		{"exit", ErrOutput},
		{"flood", ErrOutput},
		{"no such job", ErrCrashed},
		{"spin", ErrTimeout},
	} {
		t.Run(c.job, func(t *testing.T) {
			t.Parallel()
			l := limits()
			if c.job == "spin" {
				l.Wall = 300 * time.Millisecond
			}
			if _, err := NewPool(1).Run(t.Context(), Task{Job: c.job, Limits: l}); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestMemoryIsLimited(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		return // the race detector cannot live under a memory limit
	}
	began := time.Now()
	_, err := NewPool(1).Run(t.Context(), Task{Job: "hoard", Limits: limits()})
	if !errors.Is(err, ErrCrashed) {
		t.Fatalf("4 GiB under a limit of 256 MiB: %v after %s, want ErrCrashed", err, time.Since(began))
	}
}

func TestRefusalsKeepTheirCode(t *testing.T) {
	t.Parallel()
	_, err := NewPool(1).Run(t.Context(), Task{Job: "refuse", Limits: limits()})
	var failure *Failure
	if !errors.As(err, &failure) || failure.Code != "encrypted" || failure.Detail != "mot de passe\nsur deux lignes" {
		t.Fatalf("got %v", err)
	}
	if _, err = NewPool(1).Run(t.Context(), Task{Job: "error", Limits: limits()}); !errors.As(err, &failure) || failure.Code != "error" {
		t.Fatalf("got %v", err)
	}
}

func TestCallerMayGiveUp(t *testing.T) {
	t.Parallel()
	pool := NewPool(1)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	done := make(chan error, 2)
	for range 2 { // one runs, one waits for the slot
		go func() {
			_, err := pool.Run(ctx, Task{Job: "spin", Limits: limits()})
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
			t.Fatalf("got %v", err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var sent bytes.Buffer
	w := NewWriter(&sent)
	if err := errors.Join(w.Frame('a', []byte("x")), w.end()); err != nil {
		f.Fatal(err)
	}
	f.Add(sent.Bytes())
	f.Add([]byte("F\x00\x00\x00\x06code\nd"))
	f.Add([]byte("a\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, failure, complete := Decode(b)
		if complete && failure != nil {
			t.Fatal("both complete and failed")
		}
		if !complete {
			return
		}
		var again bytes.Buffer
		w := NewWriter(&again)
		for _, frame := range frames {
			if err := w.Frame(frame.Kind, frame.Body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("%q is read as %q", b, again.Bytes())
		}
	})
}
