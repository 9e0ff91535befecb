package content

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"parapheur/signing/internal/pdf"
)

// encoding returns the characters of the codes of a simple font (ISO 32000-2, 9.6.5 and annex D).
// Codes under 128 are ASCII in every base encoding but for the quotes; above, WinAnsi unless the font
// says MacRoman.
func encoding(base string, differences pdf.Array) *[256]string {
	var out [256]string
	high := winAnsi
	if base == "MacRomanEncoding" {
		high = macRoman
	}
	for c := ' '; c < 127; c++ {
		out[c] = string(c)
	}
	if base == "StandardEncoding" {
		out['\''], out['`'] = "’", "‘"
	}
	code := 128
	for _, r := range high {
		if r != utf8.RuneError {
			out[code] = string(r)
		}
		code++
	}
	code = 0
	for _, d := range differences {
		switch v := d.(type) {
		case pdf.Raw:
			n, _ := v.Int()
			code = int(n)
		case pdf.Name:
			if code >= 0 && code < 256 {
				out[code] = glyphText(v.Decoded())
			}
			code++
		}
	}
	return &out
}

// The upper halves of the two base encodings that producers name (annex D.2); U+FFFD is no character.
const (
	winAnsi = "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ" +
		"\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
	macRoman = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø" +
		"¿¡¬√ƒ≈∆«»…\u00a0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\ufffdÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ"
)

// glyphText returns the characters of a glyph name (Adobe Glyph List, and its names made of « uni » or « u »
// followed by hexadecimal digits).
func glyphText(name string) string {
	name, _, _ = strings.Cut(name, ".")
	if len(name) == 1 {
		return name
	}
	if s, ok := glyphNames[name]; ok {
		return s
	}
	for _, prefix := range []string{"uni", "u"} {
		hex, ok := strings.CutPrefix(name, prefix)
		if !ok || len(hex) < 4 || len(hex) > 6 {
			continue
		}
		if n, err := strconv.ParseUint(hex, 16, 32); err == nil && utf8.ValidRune(rune(n)) {
			return string(rune(n))
		}
	}
	return accented(name)
}

// accented reads "eacute": a letter and its accent.
func accented(name string) string {
	if name == "" {
		return ""
	}
	i := strings.IndexByte("AEIOUYCNaeiouycn", name[0])
	row, ok := accents[name[1:]]
	if i < 0 || !ok {
		return ""
	}
	if r := []rune(row)[i]; r != '.' {
		return string(r)
	}
	return ""
}

// accents gives the letters AEIOUYCNaeiouycn under each accent; a period where there is none.
var accents = map[string]string{
	"acute":      "ÁÉÍÓÚÝĆŃáéíóúýćń",
	"grave":      "ÀÈÌÒÙ..Ǹàèìòù..ǹ",
	"circumflex": "ÂÊÎÔÛŶĈ.âêîôûŷĉ.",
	"dieresis":   "ÄËÏÖÜŸ..äëïöüÿ..",
	"tilde":      "Ã.ĨÕŨ..Ñã.ĩõũ..ñ",
	"cedilla":    "......Ç.......ç.",
	"ring":       "Å...Ů...å...ů...",
}

// glyphNames are the names that are neither a letter nor built from one.
var glyphNames = map[string]string{
	"space": " ", "exclam": "!", "quotedbl": "\"", "numbersign": "#", "dollar": "$", "percent": "%", "ampersand": "&",
	"quotesingle": "'", "parenleft": "(", "parenright": ")", "asterisk": "*", "plus": "+", "comma": ",", "hyphen": "-",
	"period": ".", "slash": "/", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
	"seven": "7", "eight": "8", "nine": "9", "colon": ":", "semicolon": ";", "less": "<", "equal": "=", "greater": ">",
	"question": "?", "at": "@", "bracketleft": "[", "backslash": "\\", "bracketright": "]", "asciicircum": "^",
	"underscore": "_", "grave": "`", "braceleft": "{", "bar": "|", "braceright": "}", "asciitilde": "~",
	"quoteright": "’", "quoteleft": "‘", "quotedblleft": "“", "quotedblright": "”", "guillemotleft": "«", "guillemotright": "»",
	"endash": "–", "emdash": "—", "ellipsis": "…", "bullet": "•", "degree": "°", "Euro": "€", "section": "§",
	"nbspace": "\u00a0", "nonbreakingspace": "\u00a0", "fi": "fi", "fl": "fl", "ff": "ff", "ffi": "ffi", "ffl": "ffl",
	"OE": "Œ", "oe": "œ", "AE": "Æ", "ae": "æ", "germandbls": "ß", "dotlessi": "ı", "minus": "−", "sfthyphen": "-",
}
