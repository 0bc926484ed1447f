"""The token store of a connection: an Airflow Variable that all its tasks read and write."""

from __future__ import annotations

import dataclasses

import tenacity
from airflow.providers.common.compat.sdk import AirflowException, Variable, get_current_context, mask_secret

from airflow_provider_hvsms.api.auth.shared_session import TokenRecord
from airflow_provider_hvsms.api.errors import TokenStoreUnavailable

_DESCRIPTION = (
    "The session that all tasks of the connection share, written by the provider. It may be deleted at any time."
)

# Airflow 2 writes a Variable by deleting and inserting it: of two tasks that do so at once, one fails.
_MAX_ATTEMPTS = 3
_MAX_PAUSE = 0.3


@dataclasses.dataclass(frozen=True)
class VariableTokenStore:
    """Keeps the token record in the Variable `hvsms_access_token_<connection id>`; the name makes Airflow mask it.

    Airflow has no lock for Variables: the last write wins, and `shared_session.py` builds a lease on that. As for every
    Variable, a secrets backend or an environment variable takes precedence over the database.

    Example::

        connect(credentials, token_store=VariableTokenStore("hvsms_default"))
    """

    hvsms_conn_id: str

    @property
    def variable(self) -> str:
        return f"hvsms_access_token_{self.hvsms_conn_id}"

    def read(self) -> TokenRecord:
        try:
            # The default is positional: its name differs between Airflow 2 and 3.
            record = TokenRecord.from_json(str(Variable.get(self.variable, "")))
        except Exception as error:
            raise self._unavailable("read", error) from error
        _mask(record)
        return record

    def write(self, record: TokenRecord) -> None:
        _mask(record)
        try:
            self._retrying()(Variable.set, self.variable, record.to_json(), _DESCRIPTION)
        except Exception as error:
            raise self._unavailable("written", error) from error

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_MAX_ATTEMPTS), wait=tenacity.wait_random(0, _MAX_PAUSE), reraise=True
        )

    def _unavailable(self, done: str, error: Exception) -> TokenStoreUnavailable:
        # The lines after the first of a database's error hold the statement and the value.
        reason = str(error).partition("\n")[0]
        return TokenStoreUnavailable(f"Variable {self.variable} cannot be {done}: {type(error).__name__}: {reason}")


def is_in_task() -> bool:
    """Whether this code runs in a task, rather than in a trigger, the form's Test button or a script.

    Only tasks can write Variables in Airflow 3; triggers could do so only through their event loop, which must not
    block. A triggerer logs in once for all its triggers.
    """
    try:
        get_current_context()
    except (RuntimeError, AirflowException):
        return False
    return True


def _mask(record: TokenRecord) -> None:
    if record.token:
        mask_secret(record.token.access_token)
        if record.token.refresh_token:
            mask_secret(record.token.refresh_token)
