"""The figures at the top of the page, each with its definition."""

from __future__ import annotations

import dataclasses

from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.numbers import ReportNumbers
from airflow_provider_hvsms.reports.outcome_labels import OUTCOME_LABELS, OutcomeLabel


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """A figure.

    :param definition: what it counts or divides.
    :param note: a second figure that puts it in proportion.
    """

    name: str
    value: str
    definition: str
    note: str = ""


def key_figures(numbers: ReportNumbers) -> tuple[KeyFigure, ...]:
    """In the order in which the page shows them."""
    return (*_counts(numbers), *_costs(numbers), _inbound(numbers))


def _counts(numbers: ReportNumbers) -> tuple[KeyFigure, ...]:
    outbound = numbers.outbound
    total = outbound.total.count
    return (
        KeyFigure(
            name="Delivery rate",
            value=formatting.percent(outbound.delivery_rate),
            note=f"{formatting.count(outbound.delivered.count)} delivered",
            definition="Delivered ÷ (delivered + failed). Unknown and pending messages are left out.",
        ),
        KeyFigure(
            name="Messages",
            value=formatting.count(total),
            definition="Outbound messages of the window, whatever became of them.",
        ),
        *(_outcome(label, getattr(outbound, label.outcome).count, total) for label in OUTCOME_LABELS[1:]),
    )


def _outcome(label: OutcomeLabel, count: int, total: int) -> KeyFigure:
    return KeyFigure(
        name=label.name,
        value=formatting.count(count),
        note=f"{formatting.share(count, total)} of messages" if total else "",
        definition=label.definition,
    )


def _costs(numbers: ReportNumbers) -> tuple[KeyFigure, ...]:
    outbound = numbers.outbound
    return (
        KeyFigure(
            name="Cost",
            value=formatting.dollars(outbound.total.cost),
            definition="Of all outbound messages. A message without a cost yet adds none.",
        ),
        KeyFigure(
            name="Cost per delivered message",
            value=formatting.unit_price(outbound.cost_per_delivered),
            definition="The cost of all outbound messages ÷ delivered messages.",
        ),
        KeyFigure(
            name="Segments per message",
            value=formatting.decimal(outbound.segments_per_message),
            note=formatting.counted(outbound.total.segments, "segment"),
            definition="The parts in which texts were sent ÷ messages. Each part is charged.",
        ),
    )


def _inbound(numbers: ReportNumbers) -> KeyFigure:
    sent = numbers.outbound.total.count
    return KeyFigure(
        name="Inbound replies",
        value=formatting.count(numbers.inbound),
        note=f"{100 * numbers.inbound / sent:,.1f} per 100 messages" if sent else "",
        definition="Messages received in the window, also those that answer earlier ones.",
    )
