"""How many segments a text takes, by GSM 03.38."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("€[]{}\\^~|\f")
"""Characters that take the place of two."""

_GSM_7 = _BASIC | _EXTENSION


@lru_cache(maxsize=1024)
def segment_count(text: str) -> int:
    """Return the number of segments: 160 characters of GSM-7 or 70 of UCS-2 each; 153 or 67 if there are several."""
    if _GSM_7.issuperset(text):
        length, alone, several = len(text) + sum(map(text.count, _EXTENSION)), 160, 153
    else:
        length, alone, several = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if length <= alone else ceil(length / several)
