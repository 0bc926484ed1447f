"""Counted messages held against limits, in one sentence."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from airflow_provider_hvsms.api.outcomes import OutcomeCounts, count_outcomes
from airflow_provider_hvsms.api.records import StatusTotals
from airflow_provider_hvsms.utils.status_limits import Limits
from airflow_provider_hvsms.utils.statuses import count_errors, errors_in_words

_MAX_DECIMAL_PLACES = 12


@dataclasses.dataclass(frozen=True)
class StatusCheck:
    """Whether counted messages keep to limits."""

    totals: StatusTotals
    limits: Limits

    @property
    def is_passed(self) -> bool:
        return not (self._is_ratio_broken or self._is_cost_broken or self._is_too_few)

    def in_words(self, source: str) -> str:
        """The numbers, each beside its limit, and the leading error codes.

        :param source: the window, and what else says which messages were counted.
        """
        outcomes = self._outcomes
        parts = [
            self._failures_in_words(),
            *self._cost_in_words(),
            f"{outcomes.pending:,} are pending and {outcomes.unknown:,} unknown",
        ]
        counted = f"{source}{self._size_in_words()}"
        return f"Of {self.totals.total:,} messages created in {counted}, {'; '.join(parts)}."

    @property
    def _outcomes(self) -> OutcomeCounts:
        return count_outcomes(self.totals)

    @property
    def _cost(self) -> Decimal | None:
        """The cost of all messages for which the service gives one; `None` if it gives none."""
        used = [total.cost for total in self.totals.by_status().values() if total.count]
        given = [cost for cost in used if cost is not None]
        return sum(given, Decimal()) if given or not used else None

    @property
    def _is_ratio_broken(self) -> bool:
        limit, outcomes = self.limits.max_failed_ratio, self._outcomes
        return limit is not None and outcomes.failed > limit * outcomes.decided

    @property
    def _is_cost_broken(self) -> bool:
        limit, cost = self.limits.max_cost, self._cost
        return limit is not None and (cost is None or cost > limit)

    @property
    def _is_too_few(self) -> bool:
        return self.limits.min_messages is not None and self.totals.total < self.limits.min_messages

    def _size_in_words(self) -> str:
        fewest = self.limits.min_messages
        if fewest is None:
            return ""
        return f" (fewer than the {fewest:,} expected)" if self._is_too_few else f" (at least {fewest:,} expected)"

    def _failures_in_words(self) -> str:
        outcomes, limit = self._outcomes, self.limits.max_failed_ratio
        if not outcomes.decided:
            return "none was delivered or has failed, so there is no ratio of failures to check"
        percent = Decimal(100 * outcomes.failed) / outcomes.decided
        allowed = "no limit" if limit is None else _allowed(self._is_ratio_broken, f"{_trimmed(100 * limit)} %")
        failures = [
            counted
            for counted in count_errors(self.totals.delivery_failed, self.totals.sending_failed)
            if counted.code.kind != "unknown"
        ]
        return (
            f"{outcomes.failed:,} of the {outcomes.decided:,} that were delivered or failed have failed "
            f"({_distinct(percent, None if limit is None else 100 * limit)} %, {allowed})"
            f"{errors_in_words(failures, outcomes.failed)}"
        )

    def _cost_in_words(self) -> list[str]:
        cost, limit = self._cost, self.limits.max_cost
        if cost is None:
            if limit is None:
                return []
            return [f"the service gave no costs, so max_cost ({_dollars(limit)}) cannot be checked"]
        allowed = "" if limit is None else f" ({_allowed(self._is_cost_broken, _dollars(limit))})"
        without = sum(total.count for total in self.totals.by_status().values() if total.cost is None)
        unpriced = f", without the {without:,} for which the service gave no cost" if without else ""
        return [f"they cost {_dollars(cost)}{allowed}{unpriced}"]


def _allowed(is_broken: bool, limit: str) -> str:
    return f"allowed {limit}" if is_broken else f"within {limit}"


def _distinct(number: Decimal, limit: Decimal | None) -> str:
    """The number with one decimal place, or with as many as show on which side of the limit it is."""
    for places in range(1, _MAX_DECIMAL_PLACES):
        rounded = round(number, places)
        if limit is None or (rounded > limit) == (number > limit):
            break
    return f"{rounded:f}"


def _trimmed(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}" if amount == round(amount, 2) else f"${amount.normalize():,f}"
