//! What disks, power and hands do to a queue, and the tests that show that nothing is lost.

use crate::threats::Threat;

pub(crate) const QUEUE: &[Threat] = &[
    Threat {
        row: "Q1",
        is: "the process is killed, anywhere",
        tests: &[
            "tests/tests/torture.rs the_queue_alone_loses_nothing",
            "tests/tests/torture.rs a_daemon_with_a_fault_says_no_false_250",
            "tests/tests/torture.rs the_daemon_killed_under_load_loses_nothing",
            "tests/tests/interop/durability.rs killed_before_the_answer",
            "crates/spool/tests/queue/crash.rs nothing_acknowledged_is_lost_by_kill_9",
        ],
    },
    Threat {
        row: "Q2",
        is: "power fails, and what was not synced is gone (ALICE, OSDI 2014)",
        tests: &[
            "tests/tests/simulation.rs nothing_that_was_promised_is_lost_or_told_to_others",
            "tests/tests/simulation.rs each_mistake_is_found",
        ],
    },
    Threat {
        row: "Q3",
        is: "a sync fails once, and the next one says nothing (fsyncgate, 2018)",
        tests: &[
            "crates/spool/src/local/tests.rs after_a_failed_commit_nothing_is_tried_again",
            "crates/spool/src/local/tests.rs all_that_waits_for_a_failing_commit_fails",
            "crates/postern/tests/cli/daemon.rs a_queue_that_cannot_be_written_ends_the_daemon",
            "tests/tests/torture.rs a_daemon_with_a_fault_says_no_false_250",
        ],
    },
    Threat {
        row: "Q4",
        is: "the disk is full",
        tests: &[
            "tests/tests/torture.rs a_full_disk_refuses_mail_in_time_and_recovers",
            "tests/tests/torture.rs the_queue_alone_loses_nothing",
            "crates/spool/src/local/space.rs a_message_is_refused_before_the_disk_is_full",
        ],
    },
    Threat {
        row: "Q5",
        is: "a record is torn or rots",
        tests: &[
            "crates/spool/tests/queue/damage.rs a_damaged_queue_in_its_journal_opens",
            "crates/spool/tests/queue/damage.rs a_damaged_queue_in_journal_and_tables_opens",
            "crates/spool/tests/queue/damage.rs a_damaged_queue_in_its_tables_opens",
            "crates/spool/tests/queue/damage.rs a_mending_that_was_cut_short_is_begun_again",
            "crates/spool/src/local/record/tests.rs every_flipped_octet_and_every_cut_is_found",
        ],
    },
    Threat {
        row: "Q6",
        is: "calls are interrupted, write less than they were given, or cannot read",
        tests: &[
            "tests/tests/torture.rs a_daemon_with_a_fault_says_no_false_250",
            "tests/tests/torture.rs the_queue_alone_loses_nothing",
            "crates/spool/tests/queue/opening.rs a_file_that_cannot_be_read_fails_the_start_and_changes_nothing",
        ],
    },
    Threat {
        row: "Q7",
        is: "two processes have one queue",
        tests: &[
            "crates/spool/tests/queue/lock.rs a_second_user_of_the_queue_is_refused",
            "crates/postern/tests/cli/daemon.rs a_second_daemon_on_one_queue_is_refused",
        ],
    },
    Threat {
        row: "Q8",
        is: "the id of a message leads out of the queue (CWE-22)",
        tests: &[
            "crates/admin/tests/control/requests.rs what_is_no_id_is_looked_up_nowhere",
            "crates/postern/tests/cli/words.rs wrong_usage_is_status_2",
        ],
    },
    Threat {
        row: "Q9",
        is: "another version has written the queue",
        tests: &[
            "crates/spool/tests/queue/fixture.rs format_1_opens",
            "crates/spool/tests/queue/fixture.rs format_2_opens",
            "crates/spool/tests/queue/fixture.rs format_3_opens",
            "crates/spool/tests/queue/opening.rs the_store_of_a_later_version_is_not_touched",
            "crates/spool/src/local/record/tests.rs an_unknown_version_is_told_apart",
        ],
    },
];
