"""The arguments that say where rejected recipients are kept."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, get_args

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.filters import check_choice, check_id
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.personal_data import PersonalData
from airflow_provider_hvsms.sinks.rejected_files import RejectedFolder
from airflow_provider_hvsms.sinks.rejected_recipients import (
    RejectedRecipients,
    RejectedTable,
    RejectedTarget,
    TaskRun,
)
from airflow_provider_hvsms.utils.connections import get_path
from airflow_provider_hvsms.utils.protection import protection_for
from airflow_provider_hvsms.utils.tables import open_table_of
from airflow_provider_hvsms.utils.values import is_known


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectedToArguments:
    """The arguments that say where rejected recipients are kept.

    :param rejected_to: where recipients that were rejected are kept, with the reason: a table, as `table` or
        `schema.table`, or a folder for JSON Lines, whose path holds `://` or begins with `/`, such as
        `s3://aws_default@lake/rejected`. `None` (default): they are only counted.
    :param rejected_conn_id: the connection to the table's database or warehouse; `sql_conn_id` by default.
    :param personal_data: what is kept of rejected recipients. `keep` (default): numbers as they are. `hash`: each
        number as a hash with the `hash_key` of the connection. `drop`: no numbers.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("rejected_to", "rejected_conn_id")
    personal_fields: ClassVar[tuple[str, ...]] = ()

    rejected_to: str | ObjectStoragePath | None = None
    rejected_conn_id: str | None = None
    personal_data: PersonalData = "keep"

    def check_known(self) -> None:
        check_choice("personal_data", self.personal_data, get_args(PersonalData))
        for name in ("rejected_to", "rejected_conn_id"):
            value = getattr(self, name)
            if value is not None and (is_known(value) or isinstance(value, ObjectStoragePath)):
                check_id(name, str(value))

    def open(self, run: TaskRun, hook: HvsmsHook, *, sql_conn_id: str | None) -> RejectedRecipients | None:
        """What keeps the rejected recipients of a run, checked; `None` if they are not kept.

        :param hook: of the connection with the key of the hashes.
        :param sql_conn_id: the connection to the table if `rejected_conn_id` is none.
        :raises InvalidRequest: an argument is not valid, or the table's connection is missing.
        """
        self.check_known()
        if self.rejected_to is None:
            return None
        protection = protection_for(self.personal_data, hook)
        rejected = RejectedRecipients(self._target(self.rejected_conn_id or sql_conn_id), run, protection)
        rejected.check()
        return rejected

    def _target(self, conn_id: str | None) -> RejectedTarget:
        target: Any = self.rejected_to
        if not isinstance(target, str) or is_path(target):
            return RejectedFolder(Folder(get_path(target)))
        if conn_id is None:
            raise InvalidRequest(
                f"rejected_to is {target!r}, which is a table, but no connection to its database is given: set "
                "rejected_conn_id, or give a path with :// in it."
            )
        return RejectedTable(lambda layout: open_table_of(conn_id, target, layout))


def is_path(target: str) -> bool:
    """Whether a target is a path rather than a table."""
    return "://" in target or target.startswith("/")
