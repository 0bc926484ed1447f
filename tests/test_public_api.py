"""What users import: every argument is in the signature, typed and documented, and every class has a usage example."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.operators.campaigns import HvsmsAssignOptOutsOperator, HvsmsSendBatchOperator
from airflow_provider_hvsms.operators.hvsms import (
    HvsmsCheckStatusesOperator,
    HvsmsGetStatusesOperator,
    HvsmsListBatchesOperator,
)
from airflow_provider_hvsms.operators.report import HvsmsDeliveryReportOperator
from airflow_provider_hvsms.sensors.hvsms import HvsmsBatchSensor, HvsmsIntervalBatchesSensor
from airflow_provider_hvsms.transfers.hvsms_to_object_storage import (
    HvsmsBatchesToObjectStorageOperator,
    HvsmsMessagesToObjectStorageOperator,
    HvsmsOptOutsToObjectStorageOperator,
    HvsmsStatusesToObjectStorageOperator,
)
from airflow_provider_hvsms.transfers.hvsms_to_sql import (
    HvsmsBatchesToSqlOperator,
    HvsmsMessagesToSqlOperator,
    HvsmsOptOutsToSqlOperator,
    HvsmsStatusesToSqlOperator,
)
from airflow_provider_hvsms.triggers.hvsms import HvsmsBatchCompletedEventTrigger, HvsmsBatchTrigger
from tests.support.modules import own_modules

CONNECTION = {"hvsms_conn_id"}
WINDOW = {"date_from", "date_to"}
MESSAGES = {"batch_id", "phone_numbers", "direction", "view", "reconcile"}
STATUSES = {"batch_id", "phone_numbers", "direction"}
LIMITS = {"max_failed_ratio", "max_cost", "min_messages"}
BATCHES = {"from_number", "statuses"}
OPT_OUTS = {"from_number", "to_number", "status"}
OPT_OUT_NUMBERS = {"from_number", "opt_outs", "opt_ins", "sql_conn_id", "sql", "parameters", "path"}
RECIPIENTS = {"from_number", "recipients", "sql_conn_id", "sql", "parameters", "path", "text"}
LEDGER = {"ledger_conn_id", "ledger_table", "resolve"}
REJECTED_TO = {"rejected_to", "rejected_conn_id"}
TABLE = {"sql_conn_id", "table", "on_schema_change"}
FOLDER = {"path", "format", "compression", "partition_by"}

TEMPLATE_FIELDS: dict[type[BaseOperator], set[str]] = {
    HvsmsGetStatusesOperator: CONNECTION | WINDOW | STATUSES,
    HvsmsCheckStatusesOperator: CONNECTION | WINDOW | STATUSES | LIMITS,
    HvsmsListBatchesOperator: CONNECTION | WINDOW | BATCHES,
    HvsmsDeliveryReportOperator: WINDOW | {"sql_conn_id", "table", "path", "group_by"},
    HvsmsSendBatchOperator: CONNECTION | RECIPIENTS | LEDGER | REJECTED_TO | {"is_dry_run"},
    HvsmsAssignOptOutsOperator: CONNECTION | OPT_OUT_NUMBERS | REJECTED_TO,
    HvsmsMessagesToSqlOperator: CONNECTION | WINDOW | MESSAGES | TABLE,
    HvsmsBatchesToSqlOperator: CONNECTION | WINDOW | BATCHES | TABLE,
    HvsmsStatusesToSqlOperator: CONNECTION | WINDOW | STATUSES | TABLE,
    HvsmsOptOutsToSqlOperator: CONNECTION | OPT_OUTS | TABLE,
    HvsmsMessagesToObjectStorageOperator: CONNECTION | WINDOW | MESSAGES | FOLDER,
    HvsmsBatchesToObjectStorageOperator: CONNECTION | WINDOW | BATCHES | FOLDER,
    HvsmsStatusesToObjectStorageOperator: CONNECTION | WINDOW | STATUSES | FOLDER,
    HvsmsOptOutsToObjectStorageOperator: CONNECTION | OPT_OUTS | FOLDER,
    HvsmsBatchSensor: CONNECTION | {"batch_id"},
    HvsmsIntervalBatchesSensor: CONNECTION | WINDOW | {"from_number"},
}
REQUIRED: dict[type, set[str]] = {
    **{public: {"sql_conn_id", "table"} for public in TEMPLATE_FIELDS if public.__name__.endswith("ToSqlOperator")},
    **{public: {"path"} for public in TEMPLATE_FIELDS if public.__name__.endswith("ToObjectStorageOperator")},
    HvsmsBatchSensor: {"batch_id"},
    HvsmsBatchTrigger: {"batch_ids"},
    HvsmsDeliveryReportOperator: {"sql_conn_id", "table", "path"},
    HvsmsSendBatchOperator: {"from_number"},
    HvsmsAssignOptOutsOperator: {"from_number"},
}
PUBLIC: list[type] = [*TEMPLATE_FIELDS, HvsmsBatchTrigger, HvsmsBatchCompletedEventTrigger, HvsmsHook]


def arguments_of(public: type) -> dict[str, inspect.Parameter]:
    """The arguments of the constructor, without Airflow's own `**kwargs`."""
    parameters = inspect.signature(public).parameters
    return {name: one for name, one in parameters.items() if one.kind is not inspect.Parameter.VAR_KEYWORD}


def documented_in(docstring: str | None) -> list[str]:
    return re.findall(r"^ *:param (\w+): \S", docstring or "", re.MULTILINE)


def own_classes() -> Iterator[type]:
    """Every class that is defined in the package."""
    for module in own_modules():
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == module.__name__:
                yield found


@pytest.mark.parametrize("public", PUBLIC)
def test_every_argument_has_a_type(public: type) -> None:
    arguments = arguments_of(public)
    assert arguments
    assert not [name for name, one in arguments.items() if one.annotation in {inspect.Parameter.empty, "Any"}]


@pytest.mark.parametrize("public", PUBLIC)
def test_only_what_is_required_has_no_default(public: type) -> None:
    without = {name for name, one in arguments_of(public).items() if one.default is inspect.Parameter.empty}
    assert without == REQUIRED.get(public, set())


@pytest.mark.parametrize("public", PUBLIC)
def test_arguments_are_keyword_only_and_others_are_airflows(public: type) -> None:
    parameters = list(inspect.signature(public).parameters.values())
    others = [one for one in parameters if one.kind is inspect.Parameter.VAR_KEYWORD]
    assert [one.annotation for one in others] == (["Any"] if public in TEMPLATE_FIELDS else [])
    if public is not HvsmsHook:  # it takes the id of its connection by position, as the hooks of other providers do
        assert {one.kind for one in arguments_of(public).values()} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("public", PUBLIC)
def test_every_argument_is_documented_once_in_the_order_of_the_signature(public: type) -> None:
    assert documented_in(inspect.getdoc(public)) == list(arguments_of(public))


@pytest.mark.parametrize("public", PUBLIC)
def test_every_class_has_a_usage_example(public: type) -> None:
    example = re.search(r"::\n\n((?: {4}.*\n|\n)+)", inspect.getdoc(public) or "")
    assert example
    assert public.__name__ in example[1]
    compile(textwrap.dedent(example[1]), public.__name__, "exec")


@pytest.mark.parametrize(("public", "expected"), TEMPLATE_FIELDS.items())
def test_template_fields(public: type[BaseOperator], expected: set[str]) -> None:
    fields = public.template_fields
    assert sorted(fields) == sorted(expected)
    # The argument `dry_run` is kept under another name, as Airflow's operators have a method of that name.
    assert expected - {"is_dry_run"} <= set(arguments_of(public))


def test_at_most_three_classes_of_this_package_are_in_a_method_resolution_order() -> None:
    classes = list(own_classes())
    assert set(PUBLIC) <= set(classes)
    deep = {
        found.__qualname__: own
        for found in classes
        if not issubclass(found, BaseException)
        and len(own := [base for base in found.__mro__ if base.__module__.startswith("airflow_provider_hvsms")]) > 3
    }
    assert not deep
