"""What the stand-ins of warehouses read from the emulated S3."""

from __future__ import annotations

import dataclasses
import io
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pyarrow.parquet

BUCKET = "my-bucket"


@dataclasses.dataclass(frozen=True)
class Lake:
    """An S3 with the bucket of the examples."""

    url: str
    key_id: ClassVar[str] = "AKIAEXAMPLE"
    key: ClassVar[str] = "not-a-secret"

    @cached_property
    def client(self) -> Any:
        keys = {"aws_access_key_id": self.key_id, "aws_secret_access_key": self.key}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects that begin so, hidden ones included."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]

    def content(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def download(self, folder: Path) -> None:
        """Put all objects into a local folder."""
        for key in self.keys(""):
            file = folder / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.content(key))

    def table(self, key: str) -> Any:
        """An object as an Arrow table; an error if it is not Parquet."""
        return pyarrow.parquet.read_table(io.BytesIO(self.content(key)))
