"""A report's numbers, read from BigQuery."""

from tests.emulators.warehouses.reports import ReportTests


class TestBigQueryReports(ReportTests):
    pass
