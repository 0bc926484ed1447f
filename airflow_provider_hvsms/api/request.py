"""One request to the service."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from requests.auth import AuthBase

from airflow_provider_hvsms.api.filters import Parameters
from airflow_provider_hvsms.api.quota.quota import UsageGroup

# The other parameters are phone numbers and page tokens.
_SHOWN_PARAMETERS = ("dateFrom", "dateTo", "batchId", "direction", "view", "status", "perPage")


@dataclasses.dataclass(frozen=True)
class Request:
    """One request to the service. Its text shows no phone number and no token."""

    method: str
    path: str
    auth: AuthBase = dataclasses.field(repr=False)
    group: UsageGroup
    parameters: Parameters = dataclasses.field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = dataclasses.field(default=None, repr=False)
    json: bytes | None = dataclasses.field(default=None, repr=False)

    def __str__(self) -> str:
        shown = [f"{name}={self.parameters[name]}" for name in _SHOWN_PARAMETERS if name in self.parameters]
        return f"{self.method} {self.path}" + (f" ({', '.join(shown)})" if shown else "")
