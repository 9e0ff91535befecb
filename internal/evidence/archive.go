package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// Limits of a package. A dossier of twenty decisions in a town of a thousand passkeys has 3 MB in 1 300 files.
const (
	maxPackage = 64 << 20 // of the zip, and of all that it holds
	maxFile    = 16 << 20
	maxFiles   = 20000
	maxIndex   = 8 << 20 // of the central directory
	maxName    = 128
)

// archive is the content of a package, by name.
type archive struct {
	files map[string][]byte
	order []string
}

// read gives a file, and a finding when it is not there.
func (a *archive) read(name string) ([]byte, *Finding) {
	b, ok := a.files[name]
	if !ok {
		return nil, invalid(EntryMissing, name, "")
	}
	return b, nil
}

// openArchive reads a zip whole, in bounded time and memory. It refuses what two readers could show differently: names
// given twice, paths that leave the folder, bytes before or after the entries.
func openArchive(r io.ReaderAt, size int64) (*archive, *Finding) {
	if size > maxPackage {
		return nil, invalid(PackageTooLarge, "", "%d bytes", size)
	}
	if f := checkIndex(r, size); f != nil {
		return nil, f
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, invalid(PackageUnreadable, "", "%v", err)
	}
	if len(z.File) > maxFiles {
		return nil, invalid(PackageTooLarge, "", "%d files", len(z.File))
	}
	a := &archive{files: make(map[string][]byte, len(z.File))}
	folded := make(map[string]bool, len(z.File))
	var total int64
	for _, e := range z.File {
		if strings.HasSuffix(e.Name, "/") && e.UncompressedSize64 == 0 && plainName(strings.TrimSuffix(e.Name, "/")) {
			continue // a folder, as made by other tools
		}
		if !plainName(e.Name) {
			return nil, invalid(EntryName, "", "%q", e.Name)
		}
		key := strings.ToLower(e.Name)
		if folded[key] {
			return nil, invalid(EntryDuplicate, e.Name, "")
		}
		folded[key] = true
		b, f := readEntry(e, maxPackage-total)
		if f != nil {
			return nil, f
		}
		total += int64(len(b))
		a.files[e.Name], a.order = b, append(a.order, e.Name)
	}
	return a, nil
}

// endRecord is the size of the end of central directory record (APPNOTE 4.3.16), without comment.
const endRecord = 22

// checkIndex wants the central directory to be where the file ends and of a bounded size, before anything is allocated
// for it.
func checkIndex(r io.ReaderAt, size int64) *Finding {
	if size < endRecord {
		return invalid(PackageUnreadable, "", "%d bytes", size)
	}
	var b [endRecord]byte
	if n, err := r.ReadAt(b[:], size-endRecord); n < endRecord {
		return invalid(PackageUnreadable, "", "end of the file: %v", err)
	}
	if !bytes.HasPrefix(b[:], []byte("PK\x05\x06")) {
		return invalid(PackageUnreadable, "", "cut, or followed by something")
	}
	disk, entries := binary.LittleEndian.Uint32(b[4:]), int64(binary.LittleEndian.Uint16(b[10:]))
	length, start := int64(binary.LittleEndian.Uint32(b[12:])), int64(binary.LittleEndian.Uint32(b[16:]))
	switch {
	case entries > maxFiles || length > maxIndex:
		return invalid(PackageTooLarge, "", "%d files, %d bytes of names", entries, length)
	case disk != 0 || start+length != size-endRecord || binary.LittleEndian.Uint16(b[20:]) != 0:
		return invalid(PackageUnreadable, "", "central directory out of place")
	}
	return nil
}

// plainName says whether a name is safe to write and to read anywhere: letters, digits, points and dashes between slashes,
// no root, no "..", nothing hidden.
func plainName(s string) bool {
	if len(s) > maxName {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		for i, c := range []byte(part) {
			letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
			if !letter && (i == 0 || c != '.' && c != '-' && c != '_') {
				return false
			}
		}
		if part == "" {
			return false
		}
	}
	return true
}

// readEntry reads one file, of which left bytes at most are allowed.
func readEntry(e *zip.File, left int64) ([]byte, *Finding) {
	limit := min(left, maxFile)
	if e.UncompressedSize64 > uint64(limit) { //nolint:gosec // limit is positive
		return nil, invalid(PackageTooLarge, e.Name, "%d bytes", e.UncompressedSize64)
	}
	if e.Flags&1 != 0 || e.Method != zip.Store && e.Method != zip.Deflate {
		return nil, invalid(PackageUnreadable, e.Name, "encrypted, or compressed by method %d", e.Method)
	}
	in, err := e.Open()
	if err != nil {
		return nil, invalid(PackageUnreadable, e.Name, "%v", err)
	}
	defer in.Close() //nolint:errcheck // nothing was written
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if int64(len(b)) > limit {
		return nil, invalid(PackageTooLarge, e.Name, "more than announced")
	}
	if err != nil {
		return nil, invalid(PackageUnreadable, e.Name, "%v", err)
	}
	return b, nil
}
