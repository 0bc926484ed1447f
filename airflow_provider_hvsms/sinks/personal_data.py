"""How phone numbers and texts are protected on their way into a target."""

from __future__ import annotations

import dataclasses
import functools
import hmac
import re
from collections.abc import Callable
from typing import Literal

from airflow_provider_hvsms.api.errors import InvalidSettings

PersonalData = Literal["keep", "hash", "drop"]
"""What a target holds of people: numbers and texts as they are; hashes of numbers; or neither."""

_MAX_CACHED = 16_384
"""Hashes in memory, about 5 MB: senders repeat in a load, and so do some of the recipients."""

_PUNCTUATION = re.compile(r"[\s().-]+")
_NUMBER = re.compile(r"\+?(?:00)?([0-9]+)")
_E164 = re.compile(r"\+[1-9][0-9]{6,}")
_MAX_SHORT_CODE = 6
"""Digits. No number of a country is shorter than seven digits."""


@dataclasses.dataclass(frozen=True)
class Protection:
    """Protects the values of one load.

    Example::

        Protection("hash", "a long random key").numbers("+16505550100")

    :param setting: `hash` replaces each number with a keyed hash, `drop` with null; both drop texts.
    :param hash_key: the key of the hashes.
    :raises InvalidSettings: numbers are to be hashed, and there is no key.
    """

    setting: PersonalData
    hash_key: str = dataclasses.field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.setting == "hash" and not self.hash_key:
            raise InvalidSettings(
                "hash_key is missing in the extra, and personal_data='hash' needs it: add a long random text there, "
                "such as `openssl rand -hex 32` prints, and keep a copy. Another key gives other hashes."
            )

    def numbers(self, numbers: str | None) -> str | None:
        """One phone number, or several joined by commas, as the setting wants them.

        A hash is the HMAC-SHA256 of the number in E.164 in lower-case hexadecimal, 64 characters. An empty text, which
        stands for no number, has none.
        """
        if self.setting == "keep":
            return numbers
        return self._hashed(numbers) if numbers and self.setting == "hash" else numbers and None

    def text(self, text: str | None) -> str | None:
        """The text of a message as the setting wants it."""
        return text if self.setting == "keep" else None

    @functools.cached_property
    def _hashed(self) -> Callable[[str], str]:
        # A copy takes half the time of a new one, which would prepare the key each time.
        with_key = hmac.new(self.hash_key.encode(), digestmod="sha256")

        def hashed(number: str) -> str:
            copy = with_key.copy()
            copy.update(number.encode("utf-8", "surrogatepass"))
            return copy.hexdigest()

        @functools.lru_cache(_MAX_CACHED)
        def all_hashed(numbers: str) -> str:
            if _E164.fullmatch(numbers):
                return hashed(numbers)
            return ",".join([hashed(normalise(number)) for number in numbers.split(",")])

        return all_hashed


def normalise(number: str) -> str:
    """The one form of a phone number that the service sends in several: E.164, such as `+16505550100`.

    The service may leave the `+` out. Short codes, up to six digits, have none; what is no number stays as it is.
    """
    found = _NUMBER.fullmatch(_PUNCTUATION.sub("", number))
    if not found:
        return number.strip()
    return f"+{found[1]}" if len(found[1]) > _MAX_SHORT_CODE else found[1]
