#!/bin/sh
# Makes the photographs of this folder with ImageMagick: the same hand, as telephones see it.
set -eu
cd "$(dirname "$0")"
hand='M 60,260 C 120,40 190,20 200,150 S 120,330 170,280 S 260,120 300,160 S 300,260 350,230 S 420,130 450,170 S 440,260 500,215 S 600,110 620,180 S 560,330 640,250 S 800,120 900,190 M 90,310 C 300,280 600,330 940,255'
# pen COLOUR WIDTH PLACE : the hand on nothing, a little out of focus.
pen() { convert -size 1000x750 xc:none -fill none -stroke "$1" -strokewidth "$2" -draw "stroke-linecap round translate $3 path '$hand'" -blur 0x0.8 miff:pen; }
trap 'rm -f pen' EXIT
grain='-attenuate 0.35 +noise Gaussian -blur 0x0.6 -strip -quality 62'

# A sheet of squares.
lines=$(i=0; while [ $i -lt 1000 ]; do echo "line $i,0 $i,750 line 0,$i 1000,$i"; i=$((i + 25)); done | tr '\n' ' ')
pen '#24305e' 5 '20,200'
convert -size 1000x750 -seed 1 xc:'#dcd8d0' -stroke '#b9bfd6' -draw "$lines" miff:pen -composite $grain squares.jpg
# Under the shadow of the hand that holds the telephone, in pencil.
pen '#6a6a70' 3 '20,200'
convert -size 1000x750 -seed 2 xc:'#e8e4da' \( -size 1000x750 xc:white -fill '#888' -draw 'ellipse 940,720 440,310 0,360' -blur 0x38 \) -compose multiply -composite \
	miff:pen -compose over -composite $grain shadow.jpg
# A small sheet on a dark table, askew.
pen '#14183a' 8 '0,200'
convert -size 1000x750 -seed 3 xc:'#5a4030' -attenuate 0.6 +noise Gaussian -blur 0x2 \
	\( -size 1000x750 xc:'#d9d5cc' miff:pen -composite -resize 70% -background none -rotate 5 \) -gravity center -composite $grain table.jpg
# A thumb in the corner, and a dark thing under the sheet.
pen '#24305e' 5 '20,150'
convert -size 1000x750 -seed 4 xc:'#d4d0c6' miff:pen -composite -fill '#c08a72' -draw 'ellipse 975,720 120,205 0,360' -fill '#202428' -draw 'polygon 0,650 780,700 780,750 0,750' \
	\( -size 1000x750 gradient:'#ffffff'-'#b0b0b0' \) -compose multiply -composite $grain thumb.jpg
# So close that a stroke goes from one side of the picture to the other.
convert -size 800x240 -seed 5 xc:'#c9c5bd' -fill none -stroke '#181c40' -strokewidth 10 \
	-draw "line -10,144 810,120 path 'M 80,200 C 160,-40 240,-40 256,160 S 400,40 480,144 S 640,40 720,200'" \
	\( -size 800x240 gradient:'#ffffff'-'#a0a0a0' \) -compose multiply -composite $grain close.jpg
