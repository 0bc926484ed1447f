"""How phone numbers and texts are protected on their way into a target."""

from __future__ import annotations

import dataclasses
from typing import Literal

PersonalData = Literal["keep", "hash", "drop"]
"""What a target holds of people: numbers and texts as they are; hashes of numbers; or neither."""


@dataclasses.dataclass(frozen=True)
class Protection:
    """Protects the values of one load.

    :param setting: `hash` replaces each number with a keyed hash, `drop` with null; both drop texts.
    :param hash_key: the key of the hashes.
    """

    setting: PersonalData
    hash_key: str = dataclasses.field(default="", repr=False)
