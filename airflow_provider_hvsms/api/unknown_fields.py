"""Fields that the service sends and this version does not know: how they are found, and kept as JSON."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

# Invalid text, such as half a surrogate pair or a stray byte, raises errors that are no `ValidationError`.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw] | None)

# Keys are sorted and numbers left as they are, so that the same values give the same text.
_VALUE = msgspec.json.Decoder(float_hook=lambda number: Raw(number.encode()))
_CANONICAL = msgspec.json.Encoder(order="deterministic")

_DECLARABLE = re.compile(r'[^"\\\x00-\x1f]*')
"""What msgspec accepts as the name of a field: no character that JSON escapes."""


class Extensible(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A struct that can hold fields beside its own. They are no part of its value: `==` and encoders ignore them."""

    nested: ClassVar[Mapping[str, type[msgspec.Struct]]] = {}
    """The fields that are lists of structs, whose attribute and JSON names are the same."""

    @property
    def unknown(self) -> dict[str, Any]:
        """The JSON of fields that this version does not know, by name. In a list of structs, a dict for each."""
        found: dict[str, Any] = self.__dict__.get("unknown", {})
        return found

    @property
    def extra(self) -> str | None:
        """The fields that this version does not know as one JSON object with sorted keys; `None` if there are none.

        Bytes that are not valid text become U+FFFD.
        """
        unknown = self.unknown
        if not unknown:
            return None
        json = _CANONICAL.encode(unknown)
        try:
            value = _VALUE.decode(json)
        except UnicodeDecodeError:
            value = _VALUE.decode(json.decode("utf-8", "replace"))
        return _CANONICAL.encode(value).decode()


def keep_unknown(record: Extensible, raw: Raw | bytes) -> None:
    """Keep the unknown fields of a record.

    :param raw: the JSON that it was decoded from.
    """
    try:
        unknown = _unknown_in(type(record), raw)
    except UnicodeDecodeError:  # the name of a field is not valid text
        unknown = _unknown_in(type(record), bytes(raw).decode("utf-8", "replace"))
    if unknown:
        record.__dict__["unknown"] = unknown


def names_of(unknown: Mapping[str, Any]) -> Iterator[str]:
    """The names of unknown fields; those in a list of structs as `list.field`."""
    for name, value in unknown.items():
        if isinstance(value, list):
            yield from {f"{name}.{inner}" for item in value for inner in names_of(item)}
        else:
            yield name


def declarable(unknown: Mapping[str, Any]) -> Iterator[str]:
    """The names of unknown fields that `strict_type` can declare."""
    for name, value in unknown.items():
        if isinstance(value, Raw) and _DECLARABLE.fullmatch(name):
            yield name


@functools.lru_cache(maxsize=128)
def strict_type(struct_type: type[msgspec.Struct], names: tuple[str, ...] = ()) -> Any:
    """A subtype with more fields, which are its `unknown`. Decoding any other field fails at once.

    :param names: of the fields, in JSON.
    """
    attributes = {name: f"unknown_{number}" for number, name in enumerate(names)}

    def unknown(record: msgspec.Struct) -> dict[str, Any]:
        return {
            name: value for name, attribute in attributes.items() if (value := getattr(record, attribute)) is not UNSET
        }

    nested = [
        (name, tuple[strict_type(inner), ...] | None, msgspec.field(default=()))  # type: ignore[misc]  # a type made here
        for name, inner in getattr(struct_type, "nested", {}).items()
    ]
    added = [
        (attribute, Raw | UnsetType, msgspec.field(default=UNSET, name=name)) for name, attribute in attributes.items()
    ]
    # Plain attributes for a type without such fields: reading a property of each record would show in a load's time.
    namespace: dict[str, Any] = {"unknown": property(unknown)} if names else {"unknown": {}, "extra": None}
    return msgspec.defstruct(
        struct_type.__name__,
        [*nested, *added],
        bases=(struct_type,),
        namespace=namespace,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _unknown_in(struct_type: type[msgspec.Struct], raw: Raw | bytes | str) -> dict[str, Any]:
    fields = _FIELDS.decode(raw)
    unknown: dict[str, Any] = {name: value for name, value in fields.items() if name not in _declared(struct_type)}
    for name, inner in getattr(struct_type, "nested", {}).items():
        items = [_unknown_in(inner, item) for item in _ITEMS.decode(fields.get(name, b"null")) or ()]
        if any(items):
            unknown[name] = items
    return unknown


@functools.cache
def _declared(struct_type: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(struct_type))
