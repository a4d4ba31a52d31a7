"""Directories of tags, in EXIF data and in TIFF files, copied as they are stored.

Pillow and tifffile interpret the values, and lose text that is not ASCII and the types
of tags that they do not know.
"""

import io
import struct

from .errors import MAX_METADATA

HEADERS = {"<": b"II*\0\x08\0\0\0", ">": b"MM\0*\0\0\0\x08"}
LONG = 4
_BYTES_OF_TYPE = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1))
_BYTES_OF_TYPE |= {16: 8, 17: 8, 18: 8}
EXIF, GPS, _INTEROPERABILITY = 34665, 34853, 40965
# Spelling out which directory may lie in which one keeps a damaged file, whose
# directories point at each other, from being followed for ever.
_NESTED = {EXIF: {_INTEROPERABILITY: {}}, GPS: {}}
# Tags of a main directory that describe the photograph and not its storage.
_DESCRIPTIVE = frozenset(
    (269, 270, 271, 272, 274, 285, 305, 306, 315, 316, 18246, 18249, 33432, 33723)
) | {40091, 40092, 40093, 40094, 40095, EXIF, GPS}


def directory_of_exif(exif):
    """Return the descriptive tags of an EXIF block, and its byte order."""
    if exif is None:
        return {}, "<"
    orders = {b"II": "<", b"MM": ">"}
    if exif[:2] not in orders:
        raise ValueError("the EXIF data do not begin like a TIFF structure")
    order = orders[exif[:2]]
    (offset,) = struct.unpack_from(order + "I", exif, 4)
    return main_directory(io.BytesIO(exif), offset, order), order


def exif_of_directory(entries, order):
    """Return the EXIF block of some descriptive tags, or None of none."""
    header = HEADERS[order]
    return header + write_directory(entries, len(header), order) if entries else None


def main_directory(stream, offset, order, *, big=False, further=frozenset()):
    """Read the descriptive tags, and `further` ones, of a directory at `offset`.

    `order` is the byte order as `struct` writes it, `big` stands for the wider fields
    of BigTIFF. Returns {tag: (type, bytes)}, or (type, dict) for a nested directory.
    """
    return _read(stream, offset, order, big, _NESTED, _DESCRIPTIVE | further)


def _read(stream, offset, order, big, nested, wanted=None):
    count_format, entry_format = ("Q", "HHQ8s") if big else ("H", "HHI4s")
    (count,) = _unpack(stream, offset, order + count_format)
    start = offset + struct.calcsize(order + count_format)
    step = struct.calcsize(order + entry_format)
    entries, room = {}, MAX_METADATA
    for position in range(start, start + count * step, step):
        tag, kind, number, slot = _unpack(stream, position, order + entry_format)
        if wanted is not None and tag not in wanted:
            continue
        value = _value(stream, slot, number * _BYTES_OF_TYPE.get(kind, 0), order)
        room -= len(value)
        if room < 0:  # tags that all point at the same long value
            raise ValueError("its metadata are too long")
        if tag in nested and value:
            inner = _read(stream, _integer(value, order), order, big, nested[tag])
            entries[tag] = LONG, inner
        elif value:
            entries[tag] = kind, value
    return entries


def _unpack(stream, position, form):
    stream.seek(position)
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _value(stream, slot, size, order):
    """Return the bytes of a tag, none when they lie outside the file."""
    if size <= len(slot):
        return slot[:size]
    stream.seek(_integer(slot, order))
    value = stream.read(size)
    return value if len(value) == size else b""


def _integer(value, order):
    return struct.unpack(order + {4: "I", 8: "Q"}[len(value)], value)[0]


def write_directory(entries, offset, order):
    """Return the bytes of a directory that will stand at `offset`, an even one.

    `entries` are as `main_directory` returns them, with values of that byte order.
    """
    table = struct.pack(order + "H", len(entries))
    behind = offset + len(table) + 12 * len(entries) + 4
    values = b""
    for tag, (kind, value) in sorted(entries.items()):
        nested = isinstance(value, dict)
        if nested:
            value = write_directory(value, behind + len(values), order)
        if nested or len(value) > 4:
            slot = struct.pack(order + "I", behind + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            slot = value.ljust(4, b"\0")
        number = 1 if nested else len(value) // _BYTES_OF_TYPE[kind]
        table += struct.pack(order + "HHI", tag, kind, number) + slot
    return table + bytes(4) + values
