#!/bin/sh
# Makes the samples of this folder anew with the programs at hand: LibreOffice, Chromium, Ghostscript, cairo, MuPDF and
# qpdf. They are kept in the repository so that a run judges the same bytes everywhere; run this to try other versions.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# office NAME OPTIONS : the letter as LibreOffice exports it.
office() {
	soffice --headless --convert-to "pdf:writer_pdf_Export:$2" --outdir "$tmp" sources/lettre.fodt >/dev/null 2>&1
	mv "$tmp/lettre.pdf" "$1.pdf"
}
office libreoffice '{}'
office libreoffice-tagged '{"UseTaggedPDF":{"type":"boolean","value":"true"},"ExportBookmarks":{"type":"boolean","value":"true"}}'
for v in 2 3; do
	office "libreoffice-pdfa-${v}b" "{\"SelectPdfVersion\":{\"type\":\"long\",\"value\":\"$v\"}}"
done

chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf="$tmp/chrome.pdf" "file://$PWD/sources/lettre.html" 2>/dev/null
mv "$tmp/chrome.pdf" chrome-print.pdf

for v in 1.3 1.7 2.0; do
	gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite "-dCompatibilityLevel=$v" "-sOutputFile=ghostscript-$v.pdf" sources/lettre.ps
done
gs -q -dBATCH -dNOPAUSE --permit-file-read=/usr/share/color/icc/ghostscript/ -dPDFA=1 -dPDFACompatibilityPolicy=1 \
	-sColorConversionStrategy=RGB -sDEVICE=pdfwrite -sOutputFile=ghostscript-pdfa-1b.pdf sources/PDFA_def.ps sources/lettre.ps

pdftocairo -pdf libreoffice.pdf cairo.pdf
mutool clean -gggz libreoffice.pdf mupdf.pdf
qpdf --linearize libreoffice.pdf qpdf-linearized.pdf
qpdf --linearize --object-streams=generate libreoffice-tagged.pdf qpdf-linearized-object-streams.pdf
qpdf --object-streams=generate libreoffice.pdf qpdf-object-streams.pdf
