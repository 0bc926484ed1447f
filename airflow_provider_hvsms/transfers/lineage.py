"""What a transfer tells OpenLineage and the assets that it writes, once it has run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.schema import REJECTS, Layout
from airflow_provider_hvsms.utils.arguments import rendered
from airflow_provider_hvsms.utils.lineage import input_dataset, name_resource, operator_lineage, output_dataset

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_hvsms.transfers.base import HvsmsTransferOperator


def describe_load(
    operator: HvsmsTransferOperator, layout: Layout[Any], summary: Mapping[str, Any]
) -> OperatorLineage[Any, Any]:
    """The resource that was read and the datasets that were written, with the columns and the counts of a load.

    :param summary: of the load; empty if it failed, so that nothing is counted.
    """
    rejected = summary.get("rejected", 0)
    account_id = HvsmsHook(operator.hvsms_conn_id).client_settings().account_id
    read = summary["rows"] + rejected if summary else None
    rows, rejects = rendered(operator.target, operator).name_datasets()
    outputs = [output_dataset(rows, columns=layout.columns, rows=_written(summary))]
    if rejects and rejected:
        outputs.append(output_dataset(rejects, columns=REJECTS.columns, rows=rejected))
    return operator_lineage([input_dataset(name_resource(account_id, operator.extract.resource), rows=read)], outputs)


def describe_events(outlets: Sequence[Any], context: Context, summary: Mapping[str, Any]) -> None:
    """Make the summary of a load the extra of the event of each asset in an operator's `outlets`.

    An alias is left alone: the assets that it stands for are known to its user only.
    """
    for outlet in outlets:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(summary)


def _written(summary: Mapping[str, Any]) -> int | None:
    """The rows that were written: of a merge, those that changed the table."""
    if "inserted" in summary:
        return int(summary["inserted"] + summary["updated"])
    return summary.get("rows")
