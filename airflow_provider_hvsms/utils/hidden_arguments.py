"""Arguments that hold recipients or texts: hidden as a whole from rendered templates, logs and dumps.

Airflow can mask single values, but looks for each of them in every line that it logs: too slow for thousands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any

import jinja2
from airflow.providers.common.compat.sdk import XComArg

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class Hidden:
    """A value whose text tells how much it is, and nothing else. Airflow renders what is in it.

    :param value: what is hidden.
    :param noun: what it consists of, such as `recipients`.
    """

    __slots__ = ("noun", "value")

    def __init__(self, value: Any, noun: str) -> None:
        self.value = value
        self.noun = noun

    def __call__(self, *, context: Context, jinja_env: jinja2.Environment) -> Hidden:
        """Called by Airflow to render a template field."""
        if not _has_template(self.value):
            return self  # Airflow takes seconds to render thousands of texts
        task: Any = context["task"]
        return Hidden(task.render_template(self.value, context, jinja_env), self.noun)

    def serialize(self) -> str:
        """What Airflow keeps of a template field."""
        return str(self)

    def __repr__(self) -> str:
        if isinstance(self.value, str):
            return f"<{self.noun} of a template>" if _has_template(self.value) else f"<{self.noun}>"
        return f"<{len(self.value):,} {self.noun}>" if isinstance(self.value, Sized) else f"<{self.noun}>"


class HiddenArgument:
    """An argument that is read as `Hidden`, and as it is while it refers to results of other tasks.

    Example::

        class SendOperator(BaseOperator):
            template_fields = ("recipients",)
            recipients = HiddenArgument("recipients")

            def execute(self, context):
                send(reveal(self.recipients))

    :param noun: what it consists of.
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance, self._attribute)

    def __set__(self, instance: Any, value: Any) -> None:
        # Airflow looks for references in the argument itself, to know which tasks come first.
        is_plain = value is None or isinstance(value, Hidden) or _has_references(value)
        setattr(instance, self._attribute, value if is_plain else Hidden(value, self._noun))


def reveal(value: Any) -> Any:
    """The value of an argument that may be hidden."""
    return value.value if isinstance(value, Hidden) else value


def _has_template(value: Any) -> bool:
    """Whether rendering can change a value: it holds a template, or something of another task."""
    if isinstance(value, str):
        return any(sign in value for sign in ("{{", "{%", "{#"))
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    if isinstance(value, list | tuple | set):
        return any(map(_has_template, value))
    return not isinstance(value, int | float | Decimal | datetime | NoneType)


def _has_references(value: Any) -> bool:
    return next(iter(XComArg.iter_xcom_references(value)), None) is not None
