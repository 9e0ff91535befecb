package appearance

import (
	"bytes"
	"encoding/binary"
	"image"
)

// Telephones write the pixels as their sensor lies, and beside them how to hold the picture: EXIF 2.32, 4.6.4, tag
// 0x0112. The decoder of the standard library does not look at it, and the libraries that do read everything else as well
// (places, thumbnails, the makers' notes): one number out of one directory is read here, with nothing that a hostile
// file could make long.
const (
	upright        = 1 // the first row is the top, the first column the left
	orientationTag = 0x0112
	orientationMax = 8
)

// orientation returns how the pixels of a JPEG are to be turned, from 1 to 8; [upright] when the file says nothing, or
// nothing that can be read: what viewers show then too.
func orientation(file []byte) int {
	b := file
	if !bytes.HasPrefix(b, []byte("\xFF\xD8")) {
		return upright
	}
	const startOfScan, app1 = 0xDA, 0xE1
	for b = b[2:]; len(b) >= 4 && b[0] == 0xFF && b[1] != startOfScan; {
		if b[1] == 0xFF { // padding before a marker
			b = b[1:]
			continue
		}
		size := int(binary.BigEndian.Uint16(b[2:])) // of the segment, without its marker
		if size < 2 || len(b) < 2+size {
			break
		}
		if tiff, ok := bytes.CutPrefix(b[4:2+size], []byte("Exif\x00\x00")); ok && b[1] == app1 {
			return directoryOrientation(tiff)
		}
		b = b[2+size:]
	}
	return upright
}

// directoryOrientation reads the first directory of a TIFF structure.
func directoryOrientation(tiff []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(tiff, []byte("MM")) {
		order = binary.BigEndian
	} else if !bytes.HasPrefix(tiff, []byte("II")) {
		return upright
	}
	const header, entry, short = 8, 12, 3
	if len(tiff) < header || order.Uint16(tiff[2:]) != 42 {
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at < header || at+2 > uint64(len(tiff)) {
		return upright
	}
	n, entries := int(order.Uint16(tiff[at:])), tiff[at+2:]
	for ; n > 0 && len(entries) >= entry; n, entries = n-1, entries[entry:] {
		if order.Uint16(entries) != orientationTag {
			continue
		}
		v := int(order.Uint16(entries[8:]))
		if order.Uint16(entries[2:]) != short || order.Uint32(entries[4:]) != 1 || v < upright || v > orientationMax {
			return upright
		}
		return v
	}
	return upright
}

// turned holds a picture as its orientation says: 2 to 4 are mirrored, upside down, or both; from 5 on the rows of the
// file are columns.
func turned(pix *image.NRGBA, orientation int) *image.NRGBA {
	if pix == nil || orientation == upright {
		return pix
	}
	w, h := pix.Rect.Dx(), pix.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			to := turnedPoint(image.Pt(x, y), w-1, h-1, orientation)
			copy(out.Pix[out.PixOffset(to.X, to.Y):][:4], pix.Pix[pix.PixOffset(x, y):])
		}
	}
	return out
}

// turnedPoint is where a pixel goes; right and bottom are the last column and row of the file.
func turnedPoint(p image.Point, right, bottom, orientation int) image.Point {
	switch orientation {
	case 2:
		return image.Pt(right-p.X, p.Y)
	case 3:
		return image.Pt(right-p.X, bottom-p.Y)
	case 4:
		return image.Pt(p.X, bottom-p.Y)
	case 5:
		return image.Pt(p.Y, p.X)
	case 6: // the first row is the right-hand side
		return image.Pt(bottom-p.Y, p.X)
	case 7:
		return image.Pt(bottom-p.Y, right-p.X)
	case 8: // the first row is the left-hand side
		return image.Pt(p.Y, right-p.X)
	default:
		return p
	}
}
