"""How many segments a text takes: what operators carry, and what they charge for."""

from __future__ import annotations

import re

_BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
_BASIC += "abcdefghijklmnopqrstuvwxyzäöñüà"
_EXTENSION = "\f^{}\\[~]|€"
"""GSM 03.38: the default alphabet, and its extension table, whose characters take two places, as an escape precedes."""

_GSM_TEXT = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*")
_EXTENSIONS = re.compile(f"[{re.escape(_EXTENSION)}]")

_MAX_PLANE_0 = "\uffff"


def count_segments(text: str) -> int:
    """The segments of a text: in GSM-7 if all of its characters are in GSM 03.38, else in UCS-2.

    GSM-7 has room for 160 characters in one segment and for 153 in each of several, and UCS-2 for 70 and 67. A
    character that takes two places, such as `€` in GSM-7 or an emoji in UCS-2, is never divided between segments.

    :return: 0 for an empty text.
    """
    if _GSM_TEXT.fullmatch(text):
        return _count(text, len(_EXTENSIONS.findall(text)), _EXTENSION, single=160, several=153)
    wide = "".join(sorted({character for character in text if character > _MAX_PLANE_0}))
    return _count(text, sum(map(text.count, wide)), wide, single=70, several=67)


def _count(text: str, wide_count: int, wide: str, *, single: int, several: int) -> int:
    """Count segments, in which some characters take two places.

    :param wide: those characters.
    :param wide_count: how many of them the text holds.
    """
    places = len(text) + wide_count
    if places <= single:
        return 1 if places else 0
    if not wide_count:
        return -(-places // several)
    segments, used = 1, 0
    for character in text:
        size = 2 if character in wide else 1
        if used + size > several:
            segments, used = segments + 1, 0
        used += size
    return segments
