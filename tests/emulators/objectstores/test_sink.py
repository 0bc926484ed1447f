"""The promises of folders, kept in Google Cloud Storage and Azure Blob Storage too."""

from __future__ import annotations

from tests.sinks.files.test_folder import test_a_path_that_is_a_file_is_refused_and_the_file_is_kept
from tests.sinks.files.test_interruptions import (
    test_a_failed_load_leaves_the_folder_unchanged,
    test_a_load_after_an_interrupted_one_is_exact,
    test_a_load_that_is_not_finished_leaves_no_files,
    test_no_file_is_left_on_the_local_disk,
    test_the_next_load_removes_the_hidden_files_of_a_killed_one,
    test_the_previous_load_stays_complete_until_the_next_one_is_published,
)
from tests.sinks.files.test_sink import (
    test_a_load_without_rows_has_no_part,
    test_a_parquet_load_without_rows_has_one_part_with_the_schema,
    test_every_format_can_be_written_to_every_store,
    test_rejects_are_written_to_a_separate_file,
    test_rows_become_numbered_parts_and_a_success_file,
    test_the_parts_of_a_previous_load_in_another_format_are_removed,
    test_the_parts_of_earlier_versions_are_replaced,
    test_the_rejects_of_a_previous_load_are_removed,
    test_the_success_file_holds_the_summary,
    test_the_surplus_parts_of_a_longer_previous_load_are_removed,
    test_unrelated_files_are_kept,
)

__all__ = [
    "test_a_failed_load_leaves_the_folder_unchanged",
    "test_a_load_after_an_interrupted_one_is_exact",
    "test_a_load_that_is_not_finished_leaves_no_files",
    "test_a_load_without_rows_has_no_part",
    "test_a_parquet_load_without_rows_has_one_part_with_the_schema",
    "test_a_path_that_is_a_file_is_refused_and_the_file_is_kept",
    "test_every_format_can_be_written_to_every_store",
    "test_no_file_is_left_on_the_local_disk",
    "test_rejects_are_written_to_a_separate_file",
    "test_rows_become_numbered_parts_and_a_success_file",
    "test_the_next_load_removes_the_hidden_files_of_a_killed_one",
    "test_the_parts_of_a_previous_load_in_another_format_are_removed",
    "test_the_parts_of_earlier_versions_are_replaced",
    "test_the_previous_load_stays_complete_until_the_next_one_is_published",
    "test_the_rejects_of_a_previous_load_are_removed",
    "test_the_success_file_holds_the_summary",
    "test_the_surplus_parts_of_a_longer_previous_load_are_removed",
    "test_unrelated_files_are_kept",
]
