"""Rows are merged into a table in BigQuery by the rules of every warehouse."""

from tests.emulators.warehouses.merge import MergeTests


class TestBigQueryMerge(MergeTests):
    pass
