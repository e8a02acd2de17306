"""Writes tests/fuzz/corpus/image: small images of every kind that is decoded or refused.

`make_images.py DIRECTORY`; needs Pillow. Mutations begin with these images. Names say what to expect:
`refused_…` by the header, `damaged_…` by the decoder, all others decode. Tests read the directory as it was
written, so that they need no Python.
"""

import struct
import sys
import zlib
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 13, 7


def picture(mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size)
    image.putdata(
        [
            (x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), 90)
            for y in range(height)
            for x in range(width)
        ]
    )
    return image.convert(mode)


def orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def png(width: int, height: int, depth: int, color: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for mode in ("RGB", "L", "CMYK"):
        picture(mode).save(directory / f"{mode.lower()}.jpg", quality=90)
    picture().save(directory / "progressive.jpg", progressive=True)
    for value in range(1, 9):
        picture().save(directory / f"orientation_{value}.jpg", exif=orientation(value))
    for kind in ("png", "webp"):
        picture().save(directory / f"orientation_6.{kind}", exif=orientation(6))
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1"):
        picture(mode).save(directory / f"{mode.lower()}.png")
    picture("I;16").save(directory / "l16.png")
    (directory / "rgb16.png").write_bytes(
        png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 256, 512, 768, 65535, 0, 32768))
    )
    picture().save(directory / "lossy.webp")
    picture().save(directory / "lossless.webp", lossless=True)
    translucent = picture("RGBA")
    translucent.putalpha(100)
    translucent.save(directory / "alpha.webp", lossless=True)
    for mode in ("RGB", "L", "P", "1"):
        picture(mode).save(directory / f"{mode.lower()}.bmp")
    for kind in ("jpg", "png", "webp", "bmp"):
        picture(size=(1, 1)).save(directory / f"one_pixel.{kind}")

    # What is refused.
    picture().save(
        directory / "refused_animated.webp",
        save_all=True,
        append_images=[picture("L").convert("RGB")],
        duration=9,
    )
    for name in ("rgb.jpg", "rgb.png", "lossy.webp", "rgb.bmp"):
        whole = (directory / name).read_bytes()
        (directory / f"refused_truncated_{name}").write_bytes(whole[: len(whole) * 3 // 4])
    (directory / "refused_huge.png").write_bytes(png(60000, 60000, 8, 2, b"\0"))
    (directory / "refused_no_pixels.png").write_bytes(png(0, 5, 8, 2, b"\0"))
    (directory / "refused_text.txt").write_bytes(b"no image")
    (directory / "refused_empty").write_bytes(b"")
    jpeg = (directory / "rgb.jpg").read_bytes()
    frame = jpeg.index(b"\xff\xc0")
    segment = jpeg[frame : frame + 2 + struct.unpack(">H", jpeg[frame + 2 : frame + 4])[0]]
    (directory / "refused_two_frames.jpg").write_bytes(jpeg[:frame] + segment + jpeg[frame:])
    (directory / "refused_12_bits.jpg").write_bytes(jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :])
    (directory / "refused_lossless.jpg").write_bytes(jpeg[: frame + 1] + b"\xc3" + jpeg[frame + 2 :])
    webp = bytearray((directory / "orientation_6.webp").read_bytes())
    webp[24] += 1  # the canvas is wider than its frame
    (directory / "refused_canvas.webp").write_bytes(webp)
    bmp = bytearray((directory / "rgb.bmp").read_bytes())
    bmp[18:22] = struct.pack("<i", 5000)
    (directory / "refused_too_wide.bmp").write_bytes(bmp)
    (directory / "damaged_taller_than_its_data.png").write_bytes(png(2, 50, 8, 0, b"\0\1\2"))
    checksum = bytearray((directory / "rgb.png").read_bytes())
    checksum[-20] ^= 0xFF
    (directory / "damaged_checksum.png").write_bytes(checksum)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
