"""The folders of one load into a lake: each of them is replaced as a whole, or kept.

The load has one number for all of its folders. So of two loads at once, the one that started later wins in each folder
that both of them write, and the others are not touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from airflow_provider_hvsms.api.errors import HvsmsError, LoadSuperseded
from airflow_provider_hvsms.sinks.files.folder import Folder
from airflow_provider_hvsms.sinks.files.publication import Publication, end_load, start_load

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)

_FOLDERS_AT_ONCE = 8
"""Publishing a folder takes about a dozen requests to an object store, one after the other."""


class PartitionedPublication:
    """The files of one load, by partition.

    :param folder: holds the folders of the partitions.
    :param covered: the partitions that the load replaces.
    """

    def __init__(self, folder: Folder, covered: Sequence[str]) -> None:
        self.covered = covered
        self._folder = folder
        self._publications: dict[str, Publication] = {}
        others = _in_parallel(lambda name: folder.subfolder(name).list_files(), covered)
        self._load = start_load(folder, others)
        self._ended = False

    def of(self, partition: str) -> Publication:
        """The files of a partition, whose folder is created if needed."""
        if partition not in self._publications:
            folder = self._folder.subfolder(partition)
            folder.create()
            self._publications[partition] = Publication(folder, self._load)
        return self._publications[partition]

    def publish(self, summaries: Mapping[str, Mapping[str, Any]]) -> None:
        """Publish some partitions, each with the summary for its `_SUCCESS`.

        One that a load which started later has replaced is left to that load.
        """
        replaced = _in_parallel(lambda item: self._publish(*item), summaries.items())
        end_load(self._folder, self._load)
        self._ended = True
        log.info("%d of %d folders were replaced in %s.", sum(replaced), len(replaced), self._folder.display_name)

    def discard(self) -> None:
        """Remove the files of partitions that are not published."""
        for publication in self._publications.values():
            publication.discard()
        if not self._ended:
            with suppress(HvsmsError):  # an empty hidden file remains, and the next load removes it
                self._folder.remove([self._load.marker])

    def _publish(self, partition: str, summary: Mapping[str, Any]) -> bool:
        publication = self.of(partition)
        try:
            publication.publish(summary)
        except LoadSuperseded:
            publication.discard()
            log.info("%s was replaced by a load that started later; this load leaves it alone.", partition)
            return False
        return True


def _in_parallel(function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
    with ThreadPoolExecutor(_FOLDERS_AT_ONCE) as pool:
        return list(pool.map(function, items))
