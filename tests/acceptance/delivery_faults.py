"""What went wrong once with images, their retention, and workflows."""

from __future__ import annotations

from collections.abc import Mapping

from tests.acceptance.fault import Fault, of

FAULTS: Mapping[str, Fault] = {
    "R1": Fault(
        "retention deleted children of an image in use",
        (
            *of("railway/test_images_in_use", "an_agents_own_project_is_found_by_its_description_or_its_name"),
            *of("registry/test_retaining", "a_digest_that_is_in_use_under_another_name_of_the_registry_stays"),
            *of(
                "registry/test_retaining_under_faults",
                "a_short_page_is_not_the_last_one",
                "an_index_in_use_that_cannot_be_read_stops_the_run_before_anything_went",
                "an_image_in_use_that_is_gone_stops_the_run_before_anything_went",
                "two_hundred_versions_in_short_pages_lose_nothing_that_is_in_use",
                "a_fault_at_any_request_leaves_everything_in_use",
                "a_tag_that_the_list_of_versions_lacks_stops_the_run",
            ),
        ),
    ),
    "R2": Fault(
        "an old build that was run again deployed its old image",
        (
            *of(
                "workflows/test_deploy_forward",
                "an_old_build_that_is_run_again_is_not_deployed_and_the_job_names_rollback",
                "only_what_lacks_nothing_that_runs_is_deployed",
                "an_old_build_of_the_pool_manager_is_not_deployed_either",
            ),
            *of(
                "workflows/test_image_tags",
                "a_re_run_of_an_old_build_does_not_move_the_branchs_tag_back",
            ),
        ),
    ),
    "R3": Fault(
        "rollback did nothing where Actions may not open pull requests",
        of(
            "workflows/test_rollback",
            "in_an_incident_the_update_is_done_whatever_github_refuses",
            "where_actions_may_not_open_pull_requests_the_setting_and_the_way_by_hand_are_named",
        ),
    ),
    "R4": Fault(
        "nothing built the pool manager's image",
        (
            *of(
                "workflows/test_deploy_for",
                "every_image_has_a_build_that_starts_when_its_folder_changes",
                "a_push_that_changes_the_pool_manager_alone_is_deployed_by_its_build",
            ),
            *of(
                "workflows/test_workflows_run",
                "a_push_of_the_pool_manager_builds_its_image_and_hands_its_digest_to_the_deploy",
            ),
        ),
    ),
    "R5": Fault(
        "no workflow ran the tests on pull requests",
        (
            *of(
                "workflows/test_workflows",
                "the_tests_run_on_every_pull_request_and_run_what_ci_runs",
            ),
            *of(
                "workflows/test_event_table",
                "pull_requests_and_merge_queues_always_run_the_tests",
            ),
        ),
    ),
    "R6": Fault(
        "two builds of one commit wrote the same tag, and the pull request's stack refused it for ever",
        of(
            "workflows/test_pr_stack",
            "a_build_of_the_branch_that_writes_the_same_sha_tag_changes_nothing",
            "it_runs_the_pull_requests_own_image_and_no_older_one",
        ),
    ),
    "R7": Fault(
        "a pull request's stack took another image while its own was built",
        of(
            "workflows/test_pr_stack",
            "a_stack_that_is_asked_for_during_the_first_build_waits_for_it",
            "the_newest_run_of_the_head_tells_how_the_build_ended",
            "a_build_that_failed_makes_no_stack_from_another_image",
        ),
    ),
    "R8": Fault(
        "GitHub was asked once, and a rate limit was told as a missing right",
        of(
            "workflows/test_github_door",
            "a_hiccup_is_tried_again_where_twice_is_once",
            "a_rate_limit_is_waited_for_and_is_no_missing_right",
            "a_renamed_repository_is_followed_with_the_same_method",
        ),
    ),
    "R9": Fault(
        "an owner in capitals, Dependabot and merge queues broke the build",
        (
            *of(
                "workflows/test_workflows_run",
                "an_owner_in_capitals_is_one_in_lower_case_for_the_registry",
            ),
            *of(
                "workflows/test_image_tags",
                "the_command_prints_what_github_output_takes",
                "a_pull_request_of_dependabot_is_built_and_pushed_nowhere_until_somebody_else_pushes_to_it",
            ),
            *of(
                "workflows/test_event_table",
                "each_event_starts_these_jobs_and_no_other",
            ),
        ),
    ),
    "R10": Fault(
        "a tag named like a branch deployed, and a stack in its first update was swept",
        (
            *of(
                "workflows/test_deploy_for",
                "a_tag_that_is_named_like_a_branch_deploys_nothing",
            ),
            *of(
                "workflows/test_event_table",
                "each_event_deploys_this_stack_and_no_other",
            ),
            *of(
                "workflows/test_pr_stack_sweep",
                "a_stack_in_its_first_update_is_not_swept",
            ),
        ),
    ),
    "R11": Fault(
        "a list of tags ended at its first page without a word",
        (
            *of(
                "unit/registry/test_next_link",
                "every_way_to_name_the_next_page_is_followed",
                "a_header_that_cannot_be_read_is_no_last_page",
            ),
            *of(
                "unit/registry/test_login_challenge",
                "challenges_are_read_as_rfc_9110_writes_them",
            ),
            *of(
                "registry/test_misbehaving",
                "a_head_that_names_no_digest_or_is_not_served_is_followed_by_a_get",
            ),
        ),
    ),
    "R12": Fault(
        "private images could not be pulled",
        (
            *of(
                "unit/test_registry_login",
                "canary_and_agents_pull_with_the_login_of_the_config",
            ),
            *of(
                "fleet/test_private_image_login",
                "a_registry_login_is_sent_once_and_encrypted_in_the_state_and_a_new_one_deploys_once",
            ),
        ),
    ),
    "R13": Fault(
        "CI without a passphrase encrypted with an empty one",
        of(
            "workflows/test_empty_passphrase",
            "an_empty_passphrase_is_refused_unless_it_is_meant",
            "no_command_of_a_job_reaches_pulumi_without_its_passphrase",
        ),
    ),
    "R14": Fault(
        "QA fitted the reference runtime alone",
        (
            *of(
                "workflows/test_qa_script",
                "todays_image_is_checked_by_its_own_commands",
                "the_image_gets_what_the_teams_is_started_with",
                "the_smoke_tests_of_the_reference_runtime_pass_with_a_bearer_and_without",
            ),
            *of(
                "runtime/test_image",
                "qa_passes_on_todays_image_with_its_own_commands",
            ),
        ),
    ),
    "R15": Fault(
        "a state folder that cannot be written ended in a stack trace, and an early SIGTERM was lost",
        of(
            "runtime/test_first_moments",
            "root_that_cannot_give_the_state_folder_away_ends_in_one_line",
            "a_read_only_state_folder_ends_it_in_one_line",
            "a_read_only_volume_ends_it_in_one_line",
            "as_process_1_it_obeys_sigterm_in_its_first_moments",
        ),
    ),
    "R16": Fault(
        "an image depended on its builder's umask",
        (
            *of(
                "runtime/test_image",
                "everybody_can_read_what_a_checkout_under_umask_077_gave_the_image",
            ),
            *of(
                "toolchain/test_base_images",
                "a_stand_in_is_the_same_for_every_umask",
            ),
        ),
    ),
    "R17": Fault(
        "a checkout that git refuses to read counted as one without a revision",
        (
            *of(
                "unit/test_checkout_revisions",
                "a_repository_that_git_refuses_to_read_is_an_error_and_not_an_empty_answer",
                "a_broken_repository_and_a_machine_without_git_are_errors",
            ),
            *of(
                "workflows/test_image_tags",
                "a_clone_that_cannot_tell_stops_the_build",
            ),
        ),
    ),
    "R18": Fault(
        "text from outside steered the terminal",
        (
            *of(
                "workflows/test_text_from_outside",
                "what_would_steer_a_terminal_is_shown",
                "no_line_of_another_program_is_a_command_of_the_workflow",
            ),
            *of(
                "workflows/test_status_report_tones",
                "what_comes_from_outside_cannot_steer_the_terminal",
            ),
            *of(
                "workflows/test_pulumi_cli",
                "what_another_system_said_cannot_steer_the_terminal_that_shows_an_error",
            ),
            *of(
                "workflows/test_qa_script",
                "control_characters_of_a_container_are_shown_and_not_sent",
            ),
            *of(
                "workflows/test_github_door",
                "what_github_says_steers_no_terminal",
            ),
        ),
    ),
}
