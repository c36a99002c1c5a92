"""Pictures, written anew."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from chat import pictures
from chat.errors import PictureTooLarge, UnreadablePicture

MOST = 1_000_000
# EXIF: turned by 90°, a place, and words.
ORIENTATION, PLACE, WORDS = 0x0112, 0x8825, 0x010E


def written(image, form, **options):
    content = BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def noise(width, height):
    return Image.effect_noise((width, height), 60).convert("RGB")


def photograph(width=80, height=60):
    """As a phone makes it: it lies, and says where."""
    exif = Image.Exif()
    exif.update({ORIENTATION: 6, PLACE: {1: "N", 2: (48.0, 51.0, 24.0)}, WORDS: "SECRET"})
    return written(noise(width, height), "JPEG", exif=exif, comment=b"SECRET")


def animation(form="GIF", size=(30, 20), frames=5):
    drawn = [Image.new("RGB", size, (50 * (number % 5), 0, 0)) for number in range(frames)]
    return written(drawn[0], form, save_all=True, append_images=drawn[1:], duration=70, loop=0)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(width, height):
    """A PNG of some hundred bytes that says that it is as large."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def test_a_photograph_stands_upright_and_tells_nothing_of_its_place():
    assert b"SECRET" in photograph()
    picture = pictures.cleaned(photograph(), 4000, MOST)
    assert picture[1:] == ("image/jpeg", ".jpg", 60, 80)
    assert b"SECRET" not in picture.content and b"Exif" not in picture.content
    with Image.open(BytesIO(picture.content)) as image:
        assert image.size == (60, 80) and not image.getexif()


def test_a_script_behind_a_picture_is_gone():
    assert (
        b"<script>" not in pictures.cleaned(photograph() + b"<script>alert(1)</script>", 4000, MOST).content
    )


def test_its_sides_have_a_limit():
    assert pictures.cleaned(photograph(), 40, MOST)[3:] == (30, 40)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_moves_and_its_thumbnail_does_not(form):
    moving = pictures.cleaned(animation(form), 15, MOST)
    assert moving[1:] == ("image/webp", ".webp", 15, 10)
    with Image.open(BytesIO(moving.content)) as image:
        assert image.n_frames == 5
    still = pictures.cleaned(animation(form), 15, MOST, is_still=True)
    with Image.open(BytesIO(still.content)) as image:
        assert (image.n_frames, image.size) == (1, (15, 10))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_all_kinds_of_colours_are_read(mode):
    form = "JPEG" if mode == "CMYK" else "PNG"
    assert pictures.cleaned(written(Image.new(mode, (8, 6)), form), 4000, MOST)[3:] == (8, 6)


@pytest.mark.parametrize(
    "content",
    [bomb(50_000, 50_000), bomb(1001, 1000), animation(size=(500, 500)), animation(size=(1, 1), frames=501)],
    ids=["50,000 x 50,000", "just too large", "all frames together", "too many frames"],
)
def test_a_bomb_is_refused(content):
    with pytest.raises(PictureTooLarge):
        pictures.cleaned(content, 4000, MOST)


def test_a_jpeg_that_is_drawn_again_and_again_is_refused():
    scans = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 501
    with pytest.raises(PictureTooLarge):
        pictures.cleaned(photograph() + scans, 4000, MOST)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg/>", photograph()[:-200], written(noise(9, 9), "PNG")[:-60], written(noise(9, 9), "TIFF")],
    ids=["nothing", "svg", "cut off", "cut off png", "another form"],
)
def test_what_cannot_be_read_is_refused(content):
    with pytest.raises(UnreadablePicture):
        pictures.cleaned(content, 4000, MOST)
