"""Who has opted out from a sender, as the service lists it before a campaign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_hvsms.api.errors import InvalidRequest, NotFound
from airflow_provider_hvsms.api.filters import OptOutFilter
from airflow_provider_hvsms.sinks.personal_data import normalise

if TYPE_CHECKING:
    from airflow_provider_hvsms.api.client import MessageStoreClient


def opted_out_from(client: MessageStoreClient, from_number: str) -> Iterator[str]:
    """The numbers that have opted out from a sender, in E.164 format, page by page.

    :raises InvalidRequest: the service has no list of opt-outs.
    """
    try:
        for opt_out in client.iter_opt_outs(OptOutFilter(from_number=from_number, status="optout")):
            if (opt_out.status or "OptOut").lower() == "optout":
                yield normalise(opt_out.to)
    except NotFound as error:
        raise InvalidRequest(
            "The service has no list of opt-outs (404), which skip_opted_out=True reads: newer descriptions of the "
            "service have none. Nothing was sent. Set skip_opted_out=False: the service itself sends nothing to "
            f"recipients who opted out, and their messages fail with SMS-RC-413. The answer: {error}"
        ) from None
