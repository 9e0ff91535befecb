package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed all:static
var staticFiles embed.FS

// An asset is one static file, kept raw and, when that is worth it, gzipped.
type asset struct {
	kind string // media type
	raw  []byte
	gzip func() []byte // nil when compression does not pay
}

// assets serves two embedded trees, each under a name that holds the hash of
// all its files: /static/app-1f3c…/js/ui.js. Inside a tree, relative imports
// and URLs keep working, and what was fetched once is never asked for again.
type assets struct {
	app, vendor string           // URL prefixes, without final slash
	files       map[string]asset // by URL path
}

// newAssets reads the embedded trees.
func newAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}}
	var err error
	if a.app, err = a.load("app"); err != nil {
		return nil, err
	}
	if a.vendor, err = a.load("vendor"); err != nil {
		return nil, err
	}
	return a, nil
}

// load reads one tree and returns the URL prefix that names its content.
func (a *assets) load(tree string) (string, error) {
	root, err := fs.Sub(staticFiles, "static/"+tree)
	if err != nil {
		return "", fmt.Errorf("static files: %w", err)
	}
	hash := sha256.New()
	found := map[string]asset{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n", name, len(raw))
		hash.Write(raw)
		found[name] = newAsset(name, raw)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("static files: %w", err)
	}
	prefix := "/static/" + tree + "-" + hex.EncodeToString(hash.Sum(nil)[:6])
	for name, f := range found {
		a.files[prefix+"/"+name] = f
	}
	return prefix, nil
}

func newAsset(name string, raw []byte) asset {
	f := asset{kind: mediaType(name), raw: raw}
	switch path.Ext(name) {
	case ".woff2", ".png":
	default:
		f.gzip = sync.OnceValue(func() []byte { return compress(raw) })
	}
	return f
}

// mediaType does not ask the machine, whose table may say anything.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".ttf":
		return "font/ttf"
	case ".md", ".txt", "":
		return "text/plain; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func compress(raw []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return raw
	}
	if _, err := w.Write(raw); err != nil {
		return raw
	}
	if err := w.Close(); err != nil {
		return raw
	}
	return b.Bytes()
}

// ServeHTTP serves a file of the trees, or 404 for another hash or name.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.URL.Path]
	if !ok {
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	f.serve(w, r)
}

// serve writes f, gzipped when the browser takes it.
func (f asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	body := f.raw
	if f.gzip != nil && len(f.raw) > 512 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = f.gzip()
		h.Set("Content-Encoding", "gzip")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// url returns the address of a file of the application's tree.
func (a *assets) url(name string) string { return a.app + "/" + name }
