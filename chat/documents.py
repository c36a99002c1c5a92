"""JSON: whole, or piece by piece of what is not to be in memory at once."""

from collections.abc import Iterator, Mapping

import orjson

from chat.money import Cents

# Small pieces leave together.
PIECE_BYTES = 32_768


def encode(content: object) -> bytes:
    """The content as JSON, amounts as numbers with the decimals of their currency."""
    return orjson.dumps(content, default=_encode_money, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def pieces(content: Mapping[str, object]) -> Iterator[bytes]:
    """The same, bit by bit: an iterator in it is a list, of which nothing is made before it is told."""
    piece = bytearray()
    for bit in _bits(content):
        piece += bit
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"\n"


def _bits(value: object) -> Iterator[bytes]:
    if isinstance(value, Iterator):
        yield b"["
        for number, each in enumerate(value):
            if number:
                yield b","
            yield from _bits(each)
        yield b"]"
    elif isinstance(value, Mapping) and any(isinstance(each, Iterator) for each in value.values()):
        for number, (name, each) in enumerate(value.items()):
            yield (b"," if number else b"{") + encode(name) + b":"
            yield from _bits(each)
        yield b"}"
    else:
        yield encode(value)


def _encode_money(value: object) -> object:
    if isinstance(value, Cents):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value)} has no JSON")
