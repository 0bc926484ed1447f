"""The arguments that say which ledger keeps what was sent, and how long a lost batch is looked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS, get_base_airflow_version_tuple

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_id
from airflow_provider_hvsms.campaigns.ledger import Ledger
from airflow_provider_hvsms.campaigns.lookup import DEFAULT_LOOKUP_TIME
from airflow_provider_hvsms.campaigns.sql_ledger import SqlLedger
from airflow_provider_hvsms.campaigns.task_state_ledger import TaskStateLedger
from airflow_provider_hvsms.utils.connections import get_hook
from airflow_provider_hvsms.utils.values import is_known

DEFAULT_TABLE = "hvsms_campaigns"

KEEPS_STATE = (3, 3, 2)
"""The last version of Airflow that is known to keep the state of a task when the task is cleared."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerArguments:
    """The arguments that say which ledger keeps what was sent, and how long a lost batch is looked for.

    :param ledger_conn_id: the connection to the database of the ledger's table. It may be left out on Airflow 3.3 and
        later, where the ledger is then kept in the state of the task, unless `[state_store] clear_on_success` is on.
    :param ledger_table: the ledger's table, created if it is missing; `hvsms_campaigns` by default. It holds no number
        and no text.
    :param lookup_time: how long a batch whose request was not answered is looked for before the request is repeated,
        counted from that request; 10 minutes by default.
    :param deduplicate_for: also refuse to send what another run sent within this time: the same texts to the same
        recipients. Needs `ledger_conn_id`. `None` (default): each run is a campaign of its own.
    :param resolve: the decision of a person on a batch of which it is not sure whether it was created:
        `{"part": 1, "batch_id": "…"}` or `{"part": 1, "not_created": True}`, with a `run_id` if it is of another run;
        by default `hvsms_resolve` of the run's configuration.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("ledger_conn_id", "ledger_table", "resolve")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    ledger_conn_id: str | None = None
    ledger_table: str = DEFAULT_TABLE
    lookup_time: timedelta = DEFAULT_LOOKUP_TIME
    deduplicate_for: timedelta | None = None
    resolve: Any = None

    def check_known(self) -> None:
        for name in ("ledger_conn_id", "ledger_table"):
            value = getattr(self, name)
            if value is not None and is_known(value):
                check_id(name, value)
        _check_length("lookup_time", self.lookup_time)
        if self.deduplicate_for is None:
            return
        _check_length("deduplicate_for", self.deduplicate_for)
        if self.ledger_conn_id is None:
            raise InvalidRequest(
                "deduplicate_for needs ledger_conn_id: only a ledger in a database knows what other runs have sent."
            )

    def open(self, context: Mapping[str, Any]) -> Ledger:
        """The ledger of a task.

        :param context: of the running task, whose state is the ledger if no connection is given.
        :raises InvalidRequest: there is no ledger.
        :raises SendingRefused: the state is empty, and may have been discarded.
        """
        self.check_known()
        self.check_ledger()
        if self.ledger_conn_id is not None:
            return SqlLedger(get_hook(self.ledger_conn_id), self.ledger_table)
        ledger = TaskStateLedger(context["task_state_store"])
        if get_base_airflow_version_tuple() > KEEPS_STATE:
            ledger.begin(context["ti"].try_number)
        return ledger

    def check_ledger(self) -> None:
        """Check that there is a ledger.

        :raises InvalidRequest: no connection is given, and this Airflow has none of its own or empties it.
        """
        if self.ledger_conn_id is not None:
            return
        if conf.getboolean("state_store", "clear_on_success", fallback=False):
            raise InvalidRequest(
                "ledger_conn_id is missing, and [state_store] clear_on_success is on in Airflow's configuration: the "
                "state of a task, which would be the ledger, is emptied when the task succeeds, and clearing the task "
                "would send every message a second time. Name a connection to a database, or turn the option off."
            )
        if not AIRFLOW_V_3_3_PLUS:
            raise InvalidRequest(
                "ledger_conn_id is missing. Without a ledger, another try of this task could send every message a "
                "second time: name a connection to a database, which keeps what was sent in the table "
                f"{self.ledger_table!r}. Only Airflow 3.3 and later can keep it without one."
            )


def _check_length(name: str, length: object) -> None:
    if not isinstance(length, timedelta) or length <= timedelta():
        raise InvalidRequest(f"{name} is {length!r}; it must be a timedelta longer than zero.")
