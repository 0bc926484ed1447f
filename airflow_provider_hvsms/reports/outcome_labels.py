"""The four outcomes as the page names them."""

from __future__ import annotations

import dataclasses

from airflow_provider_hvsms.api.outcomes import Outcome


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutcomeLabel:
    """An outcome in words.

    :param definition: what it counts, as a sentence.
    """

    outcome: Outcome
    name: str
    definition: str


OUTCOME_LABELS = (
    OutcomeLabel(
        outcome="delivered", name="Delivered", definition="The recipient's carrier confirmed that it delivered them."
    ),
    OutcomeLabel(
        outcome="failed", name="Failed", definition="They could not be sent or delivered; most have an error code."
    ),
    OutcomeLabel(
        outcome="unknown",
        name="Unknown",
        definition="The carrier did not say what became of them. They count as neither delivered nor failed.",
    ),
    OutcomeLabel(
        outcome="pending",
        name="Pending",
        definition="They are queued or on their way: not decided when the table was loaded.",
    ),
)
