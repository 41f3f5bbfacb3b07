"""What went wrong once by the machine: its shell, its paths, its crashes, and values as it hands them on."""

from __future__ import annotations

from collections.abc import Mapping

from tests.acceptance.fault import Fault, of

FAULTS: Mapping[str, Fault] = {
    "E1": Fault(
        "a bracket in a URL was a traceback",
        (
            *of(
                "unit/test_settings",
                "a_mistake_is_one_line_that_names_its_key",
            ),
            *of(
                "stack/test_bad_config",
                "each_mistake_is_one_line_and_changes_nothing",
            ),
        ),
    ),
    "E2": Fault(
        "YAML turned a phone number into another number",
        (
            *of(
                "unit/test_written",
                "a_number_that_arrives_changed_is_found",
            ),
            *of(
                "unit/test_settings",
                "a_mistake_is_one_line_that_names_its_key",
            ),
        ),
    ),
    "E3": Fault(
        "carriage returns of git's settings broke the scripts",
        of(
            "workflows/test_line_endings",
            "no_file_gets_carriage_returns_from_gits_settings",
            "no_file_in_the_repository_has_carriage_returns",
        ),
    ),
    "E4": Fault(
        "a checkout's path with a special character broke BuildKit and the backend",
        of(
            "local/test_values",
            "pulumi_finds_the_state_wherever_the_checkout_is",
            "sockets_get_a_plain_folder_where_the_checkout_has_a_strange_name",
        ),
    ),
    "E5": Fault(
        "another checkout's make local took away a base image that a stack used",
        of(
            "toolchain/test_base_images",
            "a_base_that_changed_is_at_another_path_and_one_that_did_not_at_the_same",
        ),
    ),
    "E6": Fault(
        "after a crash make local said that all is well",
        (
            *of(
                "local/test_after_a_crash",
                "each_row_of_the_table_was_asked",
            ),
            *of(
                "local/test_services_up",
                "an_emulator_that_was_killed_comes_back_on_its_port",
                "where_docker_alone_was_killed_the_emulator_starts_again_too",
            ),
            *of(
                "stack/test_crashes",
                "one_make_local_brings_a_crashed_stack_back",
            ),
        ),
    ),
    "E7": Fault(
        "a file that was cut ended every command",
        (
            *of(
                "local/test_after_a_crash",
                "services_that_cannot_be_read_are_found_again_on_their_ports",
                "every_beginning_of_the_file_is_read_or_found_again",
                "an_environment_that_is_broken_as_well_names_nothing",
            ),
            *of("local/test_services_up", "up_starts_everything_again_changes_nothing_and_down_leaves_nothing"),
            *of(
                "local/test_cut_off",
                "a_record_that_is_cut_off_is_found",
                "a_service_starts_without_data_of_which_a_file_is_cut_off",
            ),
        ),
    ),
    "E8": Fault(
        "make hid the exit code of status",
        of(
            "workflows/test_ops_run",
            "the_exit_code_is_the_programs_own",
            "make_ends_with_2_and_prints_the_code_that_status_ended_with",
        ),
    ),
    "E9": Fault(
        "a dead emulator, a broken database or a full disk was told as a running stack",
        (
            *of(
                "local/test_files_cut_off",
                "a_database_that_cannot_be_read_is_set_aside_and_kept",
            ),
            *of(
                "emulator/test_postgres_after_a_crash",
                "a_folder_that_was_half_made_is_made_again",
                "a_server_that_outlived_its_emulator_is_stopped_and_its_data_is_kept",
                "a_server_carries_the_mark_of_what_started_its_emulator_and_no_secret",
                "on_a_full_disk_it_says_so_and_starts_when_there_is_room",
            ),
            *of(
                "emulator/test_full_disk",
                "a_write_that_does_not_reach_the_file_is_not_remembered",
            ),
            *of(
                "emulator/test_forwarder",
                "a_port_that_is_taken_is_waited_for",
            ),
        ),
    ),
    "E10": Fault(
        "a page in a browser could reach the emulator",
        of(
            "emulator/test_pages_in_a_browser",
            "every_path_is_refused_to_a_page_of_another_site",
            "a_switch_wants_the_token_and_json",
            "alone_it_makes_a_token_of_its_own_and_keeps_it",
            "a_body_that_cannot_be_is_400_and_changes_nothing",
        ),
    ),
    "E11": Fault(
        "a release was checked against a list of the same place alone",
        of(
            "toolchain/test_release",
            "other_bytes_than_the_pinned_ones_are_refused_and_leave_nothing",
            "a_maintainer_pins_every_platform_at_once",
        ),
    ),
}
