"""What went wrong once between a state and reality."""

from __future__ import annotations

from collections.abc import Mapping

from tests.acceptance.fault import Fault

_MATRIX, _GATE = "tests/railway/test_destroy_matrix.py::", "tests/fleet/test_destroy_gate.py::"
_SECRET, _LOST = "tests/railway/test_random_secret.py::", "tests/adopt/test_lost_state.py::"
_REFERENCES, _RENAMED = "tests/railway/test_references.py::", "tests/fleet/test_renamed_reference.py::"
_PENDING, _CLI = "tests/railway/test_pending_volumes.py::", "tests/fleet/test_what_runs_with_the_cli.py::"
_STATES, _COMBINED = "tests/railway/test_states.py::", "tests/railway/test_combined_states.py::"
_SAYS, _KEYS = "tests/railway/test_status_says.py::", "tests/railway/test_where_keys_go.py::"
_ASKS, _BESIDE = "tests/workflows/test_status_asks_where_it_is_now.py::", "tests/railway/test_others_beside_us.py::"
_AT_ONCE, _SILENT = "tests/railway/test_first_updates_at_once.py::", "tests/railway/test_silent_railway.py::"


FAULTS: Mapping[str, Fault] = {
    "S1": Fault(
        "a destroy deleted what its stack had only taken over",
        (
            f"{_MATRIX}test_destroy_deletes_what_the_stack_made_and_leaves_what_it_took_over",
            f"{_MATRIX}test_a_volume_that_was_added_to_a_service_of_others_stays_with_its_data",
            f"{_GATE}test_a_stack_does_not_destroy_what_it_took_over_from_another_one",
        ),
    ),
    "S2": Fault(
        "a destroy deleted first and refused afterwards",
        (
            f"{_GATE}test_a_refused_destroy_deletes_nothing_whatever_the_reason_and_the_way",
            f"{_MATRIX}test_all_reasons_are_in_one_error",
            f"{_MATRIX}test_after_half_a_destroy_data_is_still_asked_for_before_anything_else_goes",
            f"{_MATRIX}test_without_a_gate_the_environment_of_a_deleted_volume_stays",
        ),
    ),
    "S3": Fault(
        "a first update without its state replaced the database's password",
        (
            f"{_SECRET}test_a_secret_that_is_stored_is_adopted_and_known_in_the_first_preview",
            f"{_SECRET}test_a_sealed_secret_stops_the_first_preview_and_the_error_names_the_key_and_the_stack",
            f"{_SECRET}test_a_value_that_the_config_gives_is_kept_once_it_gives_none_any_more",
            f"{_LOST}test_a_first_update_without_its_state_changes_no_variable_and_the_database_takes_the_password",
        ),
    ),
    "S4": Fault(
        "a renamed service emptied a reference, and everything stayed green",
        (
            f"{_RENAMED}test_a_rename_by_a_colleague_deploys_no_empty_value_and_one_deployment_repairs_an_empty_one",
            f"{_REFERENCES}test_a_reference_that_leads_nowhere_is_refused_in_preview",
            f"{_REFERENCES}test_an_empty_value_that_still_runs_after_a_rename_forth_and_back_is_mended_by_one_deployment",
        ),
    ),
    "S5": Fault(
        "a volume that was being deleted was no drift, and a dead database stopped every refresh",
        (
            f"{_PENDING}test_a_refresh_records_a_pending_deletion_and_says_how_long_it_can_be_restored",
            f"{_PENDING}test_no_empty_volume_comes_in_the_place_of_one_with_data_and_the_way_back_is_said",
            f"{_CLI}test_a_deleted_volume_stops_the_preview_until_it_is_restored_or_its_loss_is_confirmed",
            (
                "tests/schema/test_schema_resource.py::"
                "test_a_database_that_cannot_be_read_keeps_its_record_and_says_why_until_it_can_be_read"
            ),
            (
                "tests/railway/test_refresh_calls.py::"
                "test_a_service_that_vanishes_between_two_reads_costs_its_own_details_alone"
            ),
        ),
    ),
    "S6": Fault(
        "what ran was not what was recorded, and status and preview stayed green",
        (
            f"{_STATES}test_status_refresh_preview_and_up_agree_with_the_environment",
            f"{_SAYS}test_status_says_the_truth_of_every_state",
            f"{_SAYS}test_no_service_is_said_to_run_that_does_not_by_the_emulators_store",
            f"{_COMBINED}test_every_view_of_a_combined_state_agrees_with_the_others",
            f"{_KEYS}test_the_gate_and_the_agents_end_are_asked_where_it_is_now",
            f"{_KEYS}test_a_preview_and_an_update_ask_where_it_is_now",
            f"{_ASKS}test_the_pools_key_is_sent_to_where_it_runs_now_and_not_to_the_stale_url_where_another_answers",
        ),
    ),
    "S7": Fault(
        "a TCP proxy that was made anew never worked",
        (
            f"{_BESIDE}test_what_takes_a_deployment_takes_exactly_one_also_with_a_state_of_an_older_release",
            f"{_BESIDE}test_an_update_that_ended_before_the_deployment_makes_it_the_next_time",
            f"{_STATES}test_status_refresh_preview_and_up_agree_with_the_environment[proxy gone]",
        ),
    ),
    "S8": Fault(
        "two first updates of one project made two projects of one name",
        (
            f"{_AT_ONCE}test_of_projects_made_at_once_exactly_one_remains_and_every_update_uses_it",
            f"{_AT_ONCE}test_of_environments_made_at_once_one_remains_and_both_updates_use_it",
        ),
    ),
    "S9": Fault(
        "a silent Railway held a preview for ever",
        (
            f"{_SILENT}test_a_silent_railway_ends_a_command_however_many_calls_it_makes",
            f"{_SILENT}test_a_deadline_counts_tries_and_pauses",
        ),
    ),
    "S10": Fault(
        "a name that was used twice was taken for one service",
        (f"{_GATE}test_two_services_with_the_same_name_are_refused_in_the_preview",),
    ),
    "S11": Fault(
        "a changed registryPassword stopped every preview of a stack that builds",
        (
            (
                "tests/stack/test_rotate_registry_password.py::"
                "test_a_rotated_registry_password_is_previewed_and_applied_with_the_deployments_that_pull_with_it"
            ),
        ),
    ),
    "S12": Fault(
        "a renamed stack renamed its environment and followed another tag, and nothing said so",
        (
            (
                "tests/adopt/test_renamed_stack.py::"
                "test_a_renamed_stack_says_in_its_preview_that_the_environment_is_renamed_too"
            ),
        ),
    ),
    "S13": Fault(
        "what was told of now was the last update's memory",
        (
            f"{_ASKS}test_a_service_shows_what_serves_and_since_when_and_not_what_the_outputs_remember",
            f"{_ASKS}test_on_railway_the_url_is_the_services_domain_of_this_moment_and_always_by_tls",
            (
                "tests/stack/test_status_command.py::"
                "test_what_others_deployed_or_removed_is_told_as_it_is_and_the_key_goes_to_nobody_else"
            ),
        ),
    ),
    "S14": Fault(
        "what others had stored came to life unannounced",
        (
            f"{_BESIDE}test_what_others_stored_is_named_before_our_deployment_brings_it_to_life",
            f"{_BESIDE}test_taking_back_what_was_only_stored_deploys_nothing_and_brings_nothing_of_others_to_life",
        ),
    ),
    "S15": Fault(
        "messages misled: what going on reverts, sums that read as three, an empty reference told as a broken image",
        (
            f"{_BESIDE}test_the_preview_stops_where_somebody_changed_what_it_is_about_to_change_and_says_what_going_on_does",
            "tests/railway/test_waiting.py::test_a_crash_by_an_empty_reference_is_not_told_as_a_fault_of_the_image",
        ),
    ),
}
