"""What went wrong once with migrations."""

from __future__ import annotations

from collections.abc import Mapping

from tests.acceptance.fault import Fault, of

_HARD = "schema/test_hard_databases"
FAULTS: Mapping[str, Fault] = {
    "M1": Fault(
        "behind a name such as `begin` the guard saw nothing any more",
        (
            *of(_HARD, "a_parameter_called_begin_hides_nothing_behind_it"),
            *of(
                "schema/test_sql_statements",
                "a_semicolon_inside_does_not_end_a_statement",
                "any_text_is_read_and_every_statement_is_where_it_says",
                "what_is_not_closed_is_refused_where_it_opens",
            ),
        ),
    ),
    "M2": Fault(
        "the guard had gaps, and refused what is harmless",
        (
            *of(
                "schema/test_ways_to_lose_data",
                "no_way_to_lose_data_passes_unseen",
                "what_is_harmless_is_not_refused",
            ),
            *of(
                "schema/test_hidden_losses",
                "what_goes_unsaid_is_seen",
                "what_only_looks_like_it_is_not_refused",
                "under_another_name_it_is_what_it_was",
                "what_outlives_the_file_or_changes_the_history_is_refused_wherever_it_is",
            ),
            *of("schema/test_comments_between_words", "the_guard_reads_bodies_with_such_comments"),
            *of(
                "schema/test_statement_effects",
                "a_statement_asks_for_what_its_row_says_and_for_nothing_else",
                "each_rule_has_words_and_each_verdict_a_row",
            ),
        ),
    ),
    "M3": Fault(
        "a killed concurrent build blocked every later update",
        (
            *of(
                _HARD,
                "a_cut_concurrent_build_is_gone_on_with_and_is_no_drift",
                "what_a_cut_reindex_left_is_removed_and_is_no_drift",
                "a_build_that_was_done_but_not_recorded_is_recorded_by_the_next_run",
                "an_index_that_somebody_else_made_is_drift_all_the_same",
            ),
            *of(
                "schema/test_builds_killed_or_timed_out",
                "killed_at_round_trips_of_three_concurrent_builds",
                "a_build_that_times_out_leaves_nothing_and_is_made_by_the_next_run",
            ),
            *of("schema/test_migrator_crashes", "wire_cut_at_every_round_trip_of_three_concurrent_builds"),
        ),
    ),
    "M4": Fault(
        "an invalid index outside of public was recorded as applied",
        of(_HARD, "an_invalid_index_outside_public_is_never_recorded_as_applied"),
    ),
    "M5": Fault(
        "a setting of the database ended every run in a traceback",
        of(_HARD, "no_setting_of_a_database_stops_a_run_or_changes_the_fingerprint"),
    ),
    "M6": Fault(
        "the history was written as the role that a file took",
        of(_HARD, "the_history_is_written_as_who_connected_whatever_role_a_file_took"),
    ),
    "M7": Fault(
        "an error told a reason that was not the cause",
        of(
            _HARD,
            "what_would_end_in_a_lost_connection_is_refused_before",
            "a_preview_says_what_an_update_would_say_of_a_database_that_is_read_only",
        ),
    ),
    "M8": Fault(
        "a preview read what the update then refused",
        (
            *of(
                "schema/test_preview_says_what_update_says",
                "a_preview_refuses_with_the_words_of_the_update",
                "a_preview_through_a_pooler_refuses_with_the_words_of_the_update",
                "a_change_of_another_input_on_drift_is_refused_in_the_preview_too",
                "a_preview_of_a_standby_refuses_with_the_words_of_the_update",
            ),
            *of(_HARD, "a_preview_says_that_a_role_may_not_make_tables"),
        ),
    ),
    "M9": Fault(
        "drift saw a part of the catalog only",
        (
            *of(_HARD, "each_kind_of_change_is_seen_and_named"),
            *of("schema/test_catalog_drift", "what_somebody_changed_is_told_by_name"),
        ),
    ),
    "M10": Fault(
        "the time to read a file grew with the square of its length",
        of("schema/test_sql_statements", "a_large_file_is_read_in_time_that_grows_with_its_length_alone"),
    ),
    "M11": Fault(
        "a destroy left what stopped the next first update, and files and databases were passed over",
        (
            *of(
                _HARD,
                "destroying_leaves_nothing_that_stops_the_next_first_update",
                "a_database_of_any_encoding_is_migrated_with_the_same_fingerprint",
            ),
            *of("schema/test_migration_files", "a_file_whose_ending_is_in_capitals_is_not_passed_over"),
            *of(
                "schema/test_builds_killed_or_timed_out",
                "detach_concurrently_needs_the_file_without_a_transaction_and_takes_it",
                "a_detached_partition_that_was_cut_half_way_is_finished_by_the_next_run",
            ),
        ),
    ),
}
