"""Pictures that people send, read and written anew: nothing of the file stays but what is seen.

It takes a core for up to some seconds, and is called on a native thread (`Runtime.drawing`).
"""

import re
import warnings
from contextlib import suppress
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image, ImageCms, ImageOps

from chat.errors import PictureTooLarge, UnreadablePicture

# What is read, which all browsers show, and what is written of it: (form, media type, ending, how well).
JPEG = ("JPEG", "image/jpeg", ".jpg", {"quality": 85, "optimize": True})
PNG = ("PNG", "image/png", ".png", {"compress_level": 4})
WEBP = ("WEBP", "image/webp", ".webp", {"quality": 85, "method": 2})
WRITTEN = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP, "GIF": PNG}
BEGINNINGS = {
    "jpg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
MOST_FRAMES = 500
USUAL_FRAME_MS = 100
# A JPEG may draw itself anew for every few bytes: what cameras and programs make has ten.
MOST_SCANS = 500
SCAN = b"\xff\xda"

# Behind our own check: some forms tell another size when they are read on. What Pillow warns of, it refuses.
Image.MAX_IMAGE_PIXELS = 200_000_000
warnings.simplefilter("error", Image.DecompressionBombWarning)


class Picture(NamedTuple):
    """One that may be shown: its bytes, media type, ending (`.jpg`), and size in pixels."""

    content: bytes
    type: str
    ending: str
    width: int
    height: int


def kind(beginning: bytes) -> str:
    """As which picture that is read here a file wants to be taken that begins so (12 bytes), or nothing."""
    return next((kind for kind, pattern in BEGINNINGS.items() if pattern.match(beginning)), "")


def cleaned(content: bytes, largest: int, most_pixels: int, is_still: bool = False) -> Picture:
    """The picture upright, no side above `largest`, in sRGB, without what it said of camera and place.

    It keeps its form, but what moves is WebP; one that `is_still` is its first frame, as WebP. Raises
    PictureTooLarge before it is unpacked, and UnreadablePicture.
    """
    if content.count(SCAN) > MOST_SCANS:
        raise PictureTooLarge("It is drawn in too many steps; save it anew, and send that.")
    try:
        with Image.open(BytesIO(content), formats=tuple(WRITTEN)) as image:
            frames = _frames(image, largest, most_pixels, 1 if is_still else MOST_FRAMES)
            return _written(frames, WEBP if is_still or len(frames) > 1 else WRITTEN[str(image.format)])
    except PictureTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(most_pixels) from None
    # What a decoder raises that is lied to has no class of its own.
    except Exception:
        raise UnreadablePicture from None


def _frames(image: Any, largest: int, most_pixels: int, most: int) -> list[tuple[Image.Image, int]]:
    """The first `most`, upright, and how long each is seen (ms); one more than there may be is too large."""
    frames: list[tuple[Image.Image, int]] = []
    while True:
        if (len(frames) + 1) * image.width * image.height > most_pixels or len(frames) == MOST_FRAMES:
            raise _too_large(most_pixels)
        frames.append((_upright(image, largest), int(image.info.get("duration", 0))))
        try:
            if len(frames) == most == 1:
                return frames
            image.seek(len(frames))
        except EOFError:
            return frames


def _upright(image: Image.Image, largest: int) -> Image.Image:
    """A picture of its own with nothing but pixels; in sRGB, as cameras say how theirs are meant."""
    drawn = image.copy() if getattr(image, "is_animated", False) else image
    if max(drawn.size) > largest:
        # A gap of 1: a large JPEG is unpacked at half its size.
        drawn.thumbnail((largest, largest), reducing_gap=1.01)
    ImageOps.exif_transpose(drawn, in_place=True)
    mode = "RGBA" if drawn.has_transparency_data else "RGB"
    if profile := drawn.info.get("icc_profile"):
        with suppress(ImageCms.PyCMSError, OSError):
            source, wanted = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
            drawn = ImageCms.profileToProfile(drawn, source, wanted, outputMode=mode) or drawn
    drawn = drawn.convert(mode)
    drawn.info.clear()
    return drawn


def _written(frames: list[tuple[Image.Image, int]], how: tuple[str, str, str, dict[str, Any]]) -> Picture:
    form, media_type, ending, options = how
    first, content = frames[0][0], BytesIO()
    if len(frames) > 1:
        options = {
            **options,
            "save_all": True,
            "append_images": [frame for frame, _ in frames[1:]],
            "duration": [duration or USUAL_FRAME_MS for _, duration in frames],
        }
    first.save(content, form, **options)
    return Picture(content.getvalue(), media_type, ending, *first.size)


def _too_large(most_pixels: int) -> PictureTooLarge:
    return PictureTooLarge(f"It has more than {most_pixels / 1_000_000:g} million pixels; make it smaller.")
