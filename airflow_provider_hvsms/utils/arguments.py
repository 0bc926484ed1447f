"""Groups of arguments that several operators take: declared, documented, rendered and checked once."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.utils.log_masking import mask
from airflow_provider_hvsms.utils.values import as_list, is_known

_PARAMETERS = re.compile(r"^:param (\w+):.*(?:\n[ \t]+.*)*", re.MULTILINE)


class NotGiven(enum.Enum):
    """The default of an argument for which `None` must be a mistake: a template or task that rendered to nothing."""

    NOT_GIVEN = enum.auto()


NOT_GIVEN = NotGiven.NOT_GIVEN


class ArgumentGroup(Protocol):
    """A frozen dataclass whose fields are arguments of an operator, under the same names."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    template_fields: ClassVar[tuple[str, ...]]
    """The fields that Airflow renders."""

    personal_fields: ClassVar[tuple[str, ...]]
    """The fields that hold phone numbers."""

    def check_known(self) -> None:
        """Check what is known when the DAG is parsed.

        :raises InvalidRequest: naming the argument.
        """


GroupT = TypeVar("GroupT", bound=ArgumentGroup)
OperatorT = TypeVar("OperatorT", bound=type[BaseOperator])


def takes(*groups: type[ArgumentGroup]) -> Callable[[OperatorT], OperatorT]:
    """Decorate an operator that takes groups of arguments: their fields are rendered, masked and documented.

    The documentation of each argument, of the groups and of the base classes, is appended to the operator's own.
    """

    def decorate(operator: OperatorT) -> OperatorT:
        operator.template_fields = (
            *operator.template_fields,
            *(name for group in groups for name in group.template_fields),
        )
        for name in (name for group in groups for name in group.personal_fields):
            setattr(operator, name, PersonalArgument(name))
        _document_arguments(operator, *groups)
        return operator

    return decorate


def keep(operator: BaseOperator, arguments: ArgumentGroup) -> None:
    """Make the arguments attributes of the operator, where Airflow renders them, and check those that are known."""
    for field in dataclasses.fields(arguments):
        setattr(operator, field.name, getattr(arguments, field.name))
    with check_when_parsed(operator):
        arguments.check_known()


def rendered(group: type[GroupT], operator: BaseOperator) -> GroupT:
    """The arguments as Airflow rendered them."""
    return group(**{field.name: getattr(operator, field.name) for field in dataclasses.fields(group)})


class PersonalArgument:
    """An argument that holds phone numbers: masked in logs and rendered templates from the moment they are known."""

    def __init__(self, name: str) -> None:
        self._attribute = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance, self._attribute).value

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance, self._attribute, _Hidden(value))
        numbers = as_list(value) if is_known(value) else ()
        for number in numbers if isinstance(numbers, list | tuple) else ():
            if isinstance(number, str):
                mask(number)


class _Hidden:
    """Hides a value from those that dump all attributes of an operator, as OpenLineage's provider can be told to."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@contextmanager
def check_when_parsed(operator: BaseOperator) -> Iterator[None]:
    """Check arguments in the constructor, so that a mistake shows when the DAG is parsed.

    A mapped task is constructed in its worker, where an error would be retried. Its arguments are checked by
    `execute` alone, which fails without retries.
    """
    try:
        yield
    except InvalidRequest:
        if not getattr(operator, "_BaseOperator__from_mapped", False):
            raise


def _document_arguments(operator: type, *groups: type) -> None:
    """Append the `:param` entries of the base classes and the groups to an operator's docstring."""
    sources = (*operator.__mro__[::-1], *(base for group in groups for base in group.__mro__[::-1]))
    texts = {found[1]: found[0] for source in sources for found in _PARAMETERS.finditer(_docstring(source))}
    named = [texts[name] for name in inspect.signature(operator.__init__).parameters if name in texts]  # type: ignore[misc]  # of a class, not an instance
    own = _PARAMETERS.sub("", _docstring(operator)).rstrip()
    operator.__doc__ = "\n".join([f"{own}\n", *named])


def _docstring(source: type) -> str:
    return inspect.cleandoc(vars(source).get("__doc__") or "")
