"""Makes the eight JPEG files of this folder with Pillow: the same picture, its pixels as a sensor would have them that lay
in each of the eight ways of EXIF, and the tag that says so among others (who, with what, where)."""

from PIL import Image, ImageDraw, ImageOps

upright = Image.new("RGB", (96, 64), "#c02020")  # red, green, blue and yellow, clockwise from the top left
draw = ImageDraw.Draw(upright)
draw.rectangle((48, 0, 95, 31), "#20a020")
draw.rectangle((48, 32, 95, 63), "#2020c0")
draw.rectangle((0, 32, 47, 63), "#e0d020")

# What undoes each orientation is what another one does: 6 and 8 are each other's, the rest their own.
methods = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
for n in range(1, 9):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x013B] = "Marque", n, "Martine Secret"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (47.0, 18.0, 5.5)
    # Telephones write both orders of bytes.
    exif.endian = "<" if n % 2 else ">"
    lying = upright.transpose(methods[n]) if n > 1 else upright
    lying.save(f"{n}.jpg", quality=90, exif=exif)
    seen = ImageOps.exif_transpose(Image.open(f"{n}.jpg"))
    assert seen.size == upright.size and seen.getpixel((10, 10))[0] > 150 and seen.getpixel((80, 50))[2] > 150, n
