"""What the numbers say, in words."""

from __future__ import annotations

from airflow_provider_hvsms.api.error_codes import CodeCount
from airflow_provider_hvsms.reports import formatting
from airflow_provider_hvsms.reports.numbers import Outcomes, ReportNumbers

NOTABLE_DROP = 0.03
"""How far a day's delivery rate is below the window's before the text names the day."""

MIN_PART_OF_AVERAGE_DAY = 0.1
"""Days with fewer messages than this part of an average day are not compared: three messages are no trend."""


def failure_codes(numbers: ReportNumbers) -> tuple[CodeCount, ...]:
    """The codes of failures: those that mean "unknown" are none."""
    return tuple(entry for entry in numbers.codes if entry.code.kind != "unknown")


def finding(numbers: ReportNumbers) -> tuple[str, ...]:
    """Sentences for the top of the page, the most important first."""
    outbound = numbers.outbound
    if not outbound.total.count:
        replies = formatting.counted(numbers.inbound, "reply", "replies") if numbers.inbound else "no replies"
        return (f"No messages were sent in this window, and {replies} came in.",)
    sentences = (_result(numbers), _remedy(numbers), _worst_day(numbers), _undecided(numbers))
    return tuple(sentence for sentence in sentences if sentence)


def _result(numbers: ReportNumbers) -> str:
    outbound = numbers.outbound
    decided = _decided(outbound)
    if not decided:
        return f"None of the {formatting.counted(outbound.total.count, 'message')} is delivered or failed yet."
    messages = formatting.counted(decided, "decided message")
    if not outbound.failed.count:
        return f"All {messages} were delivered." if decided > 1 else "The one decided message was delivered."
    rate = formatting.percent(outbound.delivery_rate) if outbound.delivered.count else "None"
    return f"{rate} of the {messages} {'were' if decided > 1 else 'was'} delivered; {_commonest_failure(numbers)}."


def _decided(outbound: Outcomes) -> int:
    return outbound.delivered.count + outbound.failed.count


def _commonest_failure(numbers: ReportNumbers) -> str:
    codes = failure_codes(numbers)
    if not codes:
        return "the failed messages have no error code"
    first = codes[0]
    part = formatting.share(first.count, numbers.outbound.failed.count)
    return f"the commonest failure was {first.code.code}: {first.code.meaning} ({part} of the failed)"


def _remedy(numbers: ReportNumbers) -> str:
    codes = failure_codes(numbers)
    if not codes or not numbers.outbound.failed.count:
        return ""
    return f"What to do about {codes[0].code.code}: {codes[0].code.remedy}."


def _worst_day(numbers: ReportNumbers) -> str:
    """The day with the lowest rate, among those with enough messages for a rate to say something."""
    overall = numbers.outbound.delivery_rate
    enough = MIN_PART_OF_AVERAGE_DAY * _decided(numbers.outbound) / max(len(numbers.days), 1)
    rates = [
        (rate, day.day)
        for day in numbers.days
        if (rate := day.outbound.delivery_rate) is not None and _decided(day.outbound) >= enough
    ]
    if overall is None or len(rates) < 2:
        return ""
    rate, worst = min(rates)
    if overall - rate < NOTABLE_DROP:
        return ""
    return f"The worst day was {formatting.day(worst)}, with {formatting.percent(rate)} delivered."


def _undecided(numbers: ReportNumbers) -> str:
    parts = [
        f"{formatting.count(tally.count)} {name}"
        for name, tally in (("unknown", numbers.outbound.unknown), ("pending", numbers.outbound.pending))
        if tally.count
    ]
    return f"Not in the rate: {' and '.join(parts)}." if parts else ""
