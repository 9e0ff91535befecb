#!/bin/sh
# Makes the samples of this folder anew with the programs at hand: LibreOffice, Chromium, Ghostscript, cairo, MuPDF,
# qpdf and ImageMagick. They are kept in the repository so that a run judges the same bytes everywhere; run this to try
# other versions.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
icc=/usr/share/color/icc/ghostscript

# office NAME OPTIONS : the letter as LibreOffice exports it.
office() {
	soffice --headless --convert-to "pdf:writer_pdf_Export:$2" --outdir "$tmp" sources/lettre.fodt >/dev/null 2>&1
	mv "$tmp/lettre.pdf" "$1.pdf"
}
tagged='"UseTaggedPDF":{"type":"boolean","value":"true"}'
office libreoffice '{}'
office libreoffice-tagged "{$tagged,\"ExportBookmarks\":{\"type\":\"boolean\",\"value\":\"true\"}}"
for v in 2 3; do
	office "libreoffice-pdfa-${v}b" "{\"SelectPdfVersion\":{\"type\":\"long\",\"value\":\"$v\"}}"
done
# Level A, which Word claims for its letters: tagged files, as LibreOffice calls them at the first part alone.
for v in 1 2 3; do
	office "libreoffice-pdfa-${v}a" "{\"SelectPdfVersion\":{\"type\":\"long\",\"value\":\"$v\"},$tagged}"
	sed -i 's#<pdfaid:conformance>B#<pdfaid:conformance>A#' "libreoffice-pdfa-${v}a.pdf"
done

# None of these programs writes PDF/A-4: the tagged letter is moved to PDF 2.0.
qpdf --qdf --object-streams=disable --force-version=2.0 libreoffice-pdfa-2a.pdf "$tmp/a.pdf"
sed -e '/^  \/Info /d' -e '/<pdfaid:conformance>/d' \
	-e 's#<pdfaid:part>2</pdfaid:part>#<pdfaid:part>4</pdfaid:part><pdfaid:rev>2020</pdfaid:rev>#' "$tmp/a.pdf" | fix-qdf >"$tmp/b.pdf"
qpdf --newline-before-endstream "$tmp/b.pdf" qpdf-pdfa-4.pdf

chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf="$tmp/chrome.pdf" "file://$PWD/sources/lettre.html" 2>/dev/null
mv "$tmp/chrome.pdf" chrome-print.pdf

for v in 1.3 1.7 2.0; do
	gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite "-dCompatibilityLevel=$v" "-sOutputFile=ghostscript-$v.pdf" sources/lettre.ps
done
# archive NAME PART COLOURS [PROFILE COMPONENTS] : PDF/A whose output intent is a profile of Ghostscript, or none.
archive() {
	: >"$tmp/intent.ps"
	[ $# -lt 5 ] || sed -e "s#/N 3#/N $5#" -e "s#srgb.icc#$4.icc#" -e "s#(sRGB)#($4)#" sources/PDFA_def.ps >"$tmp/intent.ps"
	gs -q -dBATCH -dNOPAUSE "--permit-file-read=$icc/" "-dPDFA=$2" -dPDFACompatibilityPolicy=1 \
		"-sColorConversionStrategy=$3" -sDEVICE=pdfwrite "-sOutputFile=$1.pdf" "$tmp/intent.ps" sources/lettre.ps
}
archive ghostscript-pdfa-1b 1 RGB srgb 3
for v in 1 2; do
	archive "ghostscript-pdfa-${v}b-cmyk" $v CMYK default_cmyk 4
	archive "ghostscript-pdfa-${v}b-grey" $v Gray default_gray 1
	archive "ghostscript-pdfa-${v}b-no-intent" $v UseDeviceIndependentColor
done

pdftocairo -pdf libreoffice.pdf cairo.pdf
mutool clean -gggz libreoffice.pdf mupdf.pdf
qpdf --linearize libreoffice.pdf qpdf-linearized.pdf
qpdf --linearize --object-streams=generate libreoffice-tagged.pdf qpdf-linearized-object-streams.pdf
qpdf --object-streams=generate libreoffice.pdf qpdf-object-streams.pdf

# The images of the blocks, in every kind of file that a town may bring.
cd pictures
shield='M 20,12 H 180 V 120 Q 180,190 100,228 Q 20,190 20,120 Z'
convert -size 200x240 xc:none -draw "fill #12408c path '$shield' fill #d8a52e path 'M 20,12 H 100 V 228 Q 20,190 20,120 Z' fill #ffffffb0 circle 100,96 100,60" -strip PNG32:arms-transparent.png
convert arms-transparent.png -background '#f4ecd8' -flatten -strip PNG24:arms-rgb.png
convert arms-rgb.png -colorspace Gray -strip -define png:color-type=0 arms-grey.png
convert arms-transparent.png -colorspace Gray -strip -define png:color-type=4 arms-grey-transparent.png
convert arms-rgb.png -profile $icc/srgb.icc -profile $icc/rommrgb.icc PNG24:arms-profile.png
convert arms-transparent.png -strip PNG8:arms-palette.png
convert arms-transparent.png -strip PNG64:arms-deep.png
convert arms-rgb.png -strip -colorspace CMYK -quality 80 arms-inks.jpg

hand='M 60,260 C 120,40 190,20 200,150 S 120,330 170,280 S 260,120 300,160 S 300,260 350,230 S 420,130 450,170 S 440,260 500,215 S 600,110 620,180 S 560,330 640,250 S 800,120 900,190 M 90,310 C 300,280 600,330 940,255'
convert -size 1000x380 xc:none -fill none -stroke '#10214f' -strokewidth 9 -draw "stroke-linecap round path '$hand'" -strip PNG32:hand-transparent.png
convert -size 500x190 xc:white -fill none -stroke '#111' -strokewidth 4 -draw "scale 0.5,0.5 path '$hand'" \
	-colorspace LinearGray -set gamma 1.0 -define png:include-chunk=gAMA PNG:hand-gamma.png
# A sheet photographed under a lamp: shaded, with the grain of the sensor, not quite straight, not quite sharp.
convert -size 1000x700 -seed 3 xc:'#cfc8ba' \
	\( -size 1000x700 radial-gradient:'#ffffff'-'#707070' -distort SRT '0.0,0.0 1.6 0 -220,-160' -resize 1000x700\! \) -compose multiply -composite \
	\( -size 1000x700 xc:none -fill none -stroke '#24305e' -strokewidth 7 -draw "stroke-linecap round translate 30,180 rotate -4 path '$hand'" -blur 0x0.9 \) -compose over -composite \
	-attenuate 0.35 +noise Gaussian -blur 0x0.6 -strip -quality 72 hand-photo.jpg
convert hand-photo.jpg -colorspace Gray -strip -quality 72 hand-grey.jpg
