//! What strangers do to whoever stands behind an MX record: to framing (F), by relaying (R), to
//! resources (D) and to the service (S), and the tests that show that it does not work here.

use crate::threats::{Threat, missing};

/// Rows of the collection that no test stands for yet, so that nobody takes them for tested.
const OPEN: [&str; 11] = [
    "F10", "F11", "F13", "R2", "R10", "D7", "D8", "D9", "S4", "S5", "S6",
];

const INTERNET: &[Threat] = &[
    Threat {
        row: "F1",
        is: "other line ends around a dot are taken for the end of content (VU#302671, CVE-2023-51764)",
        tests: &[
            "crates/smtp/tests/server/smuggling.rs no_other_line_ends_around_a_dot_make_two_messages",
            "crates/smtp/tests/server/smuggling.rs the_true_end_behind_a_bare_cr_ends_one_refused_message",
            "crates/smtp/tests/server/smuggling.rs what_resembles_a_lone_dot_is_text",
            "crates/inbound/tests/inbound/content.rs content_with_bare_line_ends_is_refused_whole",
            "crates/smtp/tests/dialogues/smuggling.txt",
        ],
    },
    Threat {
        row: "F2",
        is: "what came in is sent on with bare CR, LF or NUL",
        tests: &[
            "crates/smtp/src/framing/tests.rs content_holds_no_bare_cr_no_bare_lf_and_no_nul",
            "crates/smtp/src/framing/tests.rs unstuffing_what_was_stuffed_is_the_identity",
            "tests/tests/interop/octets.rs bare_line_ends",
        ],
    },
    Threat {
        row: "F3",
        is: "folding a long line makes a dot stand alone",
        tests: &["crates/smtp/tests/server/smuggling.rs long_lines_are_kept_whole"],
    },
    Threat {
        row: "F4",
        is: "bare CR, LF and NUL in commands make two of one (RFC 5321 §2.3.8)",
        tests: &[
            "crates/smtp/tests/dialogues/bare_line_feed.txt",
            "crates/smtp/tests/dialogues/controls_in_commands.txt",
            "crates/smtp/src/framing/tests.rs a_line_ends_with_crlf_and_nothing_else",
        ],
    },
    Threat {
        row: "F5",
        is: "octets beyond ASCII in commands",
        tests: &[
            "crates/smtp/tests/dialogues/eight_bit.txt",
            "crates/smtp/tests/dialogues/smtputf8.txt",
            "crates/smtp/tests/server/properties.rs any_octets_are_survived",
        ],
    },
    Threat {
        row: "F6",
        is: "lines without end",
        tests: &[
            "crates/smtp/tests/server/bounds.rs a_line_without_end_takes_a_line_of_memory_and_is_cut",
            "crates/smtp/src/framing/tests.rs long_lines_are_thrown_away_and_endless_ones_end_it",
            "crates/smtp/tests/dialogues/long_line.txt",
        ],
    },
    Threat {
        row: "F7",
        is: "chunks of odd sizes, and content of refused chunks run as commands (CVE-2017-16943)",
        tests: &[
            "crates/smtp/tests/dialogues/bdat_of_2_64.txt",
            "crates/smtp/tests/dialogues/bdat_without_size.txt",
            "crates/smtp/tests/dialogues/bdat_too_early.txt",
            "crates/smtp/tests/dialogues/bdat_refused.txt",
            "crates/smtp/tests/dialogues/bdat_reset.txt",
            "crates/smtp/tests/dialogues/bdat_and_data.txt",
            "crates/smtp/tests/dialogues/bdat_splits_a_line_end.txt",
            "crates/smtp/tests/server/bounds.rs a_chunk_of_any_size_is_counted_and_cut",
        ],
    },
    Threat {
        row: "F8",
        is: "commands come before their turn, or in HTTP",
        tests: &[
            "crates/inbound/tests/inbound/sessions.rs who_speaks_before_the_greeting_is_sent_away",
            "crates/smtp/tests/dialogues/pipelining.txt",
            "crates/smtp/tests/dialogues/http.txt",
            "crates/smtp/tests/dialogues/http2.txt",
        ],
    },
    Threat {
        row: "F9",
        is: "a header without end",
        tests: &["crates/inbound/tests/inbound/content.rs a_header_without_end_is_refused"],
    },
    Threat {
        row: "F12",
        is: "sizes and recipients beyond all numbers",
        tests: &[
            "crates/smtp/tests/dialogues/size_declared.txt",
            "crates/smtp/tests/dialogues/size_exceeded.txt",
            "crates/smtp/tests/dialogues/too_many_recipients.txt",
            "crates/smtp/tests/server/bounds.rs a_million_recipients_are_not_remembered",
        ],
    },
    Threat {
        row: "R1",
        is: "strangers have their mail relayed (RFC 2505)",
        tests: &[
            "crates/inbound/tests/inbound/relay.rs strangers_cannot_relay",
            "crates/inbound/tests/inbound/relay.rs strangers_cannot_relay_on_a_relay_listener",
            "crates/inbound/tests/inbound/relay.rs a_listener_for_strangers_trusts_no_address",
            "tests/tests/interop/relaying.rs only_hosts_within_networks_relay",
        ],
    },
    Threat {
        row: "R3",
        is: "XCLIENT and PROXY from anybody",
        tests: &["crates/inbound/tests/inbound/relay.rs nobody_can_pretend_to_be_somewhere_else"],
    },
    Threat {
        row: "R4",
        is: "VRFY and EXPN tell who is here (RFC 5321 §7.3)",
        tests: &["crates/smtp/tests/dialogues/vrfy_expn_help.txt"],
    },
    Threat {
        row: "R5",
        is: "mail in a circle (RFC 5321 §6.3)",
        tests: &["crates/inbound/tests/inbound/content.rs a_message_in_a_loop_is_stopped"],
    },
    Threat {
        row: "D1",
        is: "clients that drip or do not listen",
        tests: &[
            "crates/smtp/src/server/patience.rs a_command_gets_five_minutes_however_it_trickles",
            "crates/smtp/src/server/patience.rs content_must_come_at_the_rate_once_five_minutes_have_passed",
            "crates/smtp/tests/dialogues/trickling_command.txt",
            "crates/smtp/tests/dialogues/trickling_content.txt",
            "crates/tls/src/handshake/tests/failures.rs a_handshake_that_drips_is_given_up",
            "crates/inbound/tests/inbound/limits.rs a_client_that_does_not_listen_is_given_up",
            "crates/inbound/tests/inbound/limits.rs a_client_that_says_nothing_is_sent_away",
        ],
    },
    Threat {
        row: "D2",
        is: "floods of connections, from one address or many",
        tests: &[
            "crates/inbound/tests/inbound/floods.rs partners_get_through_a_flood_of_strangers",
            "crates/inbound/tests/inbound/floods.rs our_own_hosts_get_through_as_well",
            "crates/inbound/tests/inbound/floods.rs a_network_has_so_many_connections",
            "crates/inbound/tests/inbound/floods.rs who_connects_too_often_is_told_so",
            "crates/inbound/tests/inbound/floods.rs who_made_too_many_mistakes_comes_back_later",
            "crates/inbound/tests/inbound/floods.rs mail_and_recipients_are_put_off_and_the_session_goes_on",
        ],
    },
    Threat {
        row: "D3",
        is: "memory",
        tests: &[
            "crates/inbound/tests/inbound/content.rs large_content_goes_by_way_of_a_file_and_stays_as_it_is",
            "crates/inbound/tests/inbound/content.rs content_beyond_the_limit_is_swallowed_and_refused",
        ],
    },
    Threat {
        row: "D4",
        is: "there are no descriptors left",
        tests: &[
            "crates/inbound/tests/descriptors.rs sessions_go_on_and_new_ones_wait_until_there_is_room",
        ],
    },
    Threat {
        row: "D5",
        is: "a next hop that hangs, or answers anything",
        tests: &[
            "crates/outbound/tests/delivery/down.rs thousands_of_messages_for_a_host_that_hangs_slow_nobody_else",
            "crates/smtp/tests/client_dialogues/hostile.rs any_octets_are_survived",
            "crates/smtp/tests/client_dialogues/hostile.rs only_the_right_answers_in_the_right_places_deliver",
        ],
    },
    Threat {
        row: "D6",
        is: "the connection ends behind the content",
        tests: &[
            "crates/outbound/tests/delivery/peers.rs a_connection_that_ends_behind_the_content_has_failed",
            "crates/outbound/tests/delivery/peers.rs what_is_said_to_the_session_counts_for_now",
        ],
    },
    Threat {
        row: "D10",
        is: "nobody reads the log",
        tests: &[
            "crates/postern/tests/cli/daemon.rs nobody_needs_to_read_the_log",
            "crates/postern/src/daemon/log/lines.rs whoever_logs_never_waits_and_what_is_lost_is_told",
        ],
    },
    Threat {
        row: "S1",
        is: "a web page speaks to the daemon",
        tests: &[
            "crates/postern/tests/cli/watching.rs health_is_told_and_nothing_can_be_changed_or_asked_from_elsewhere",
            "crates/admin/src/http/mod.rs only_names_of_this_host_are_answered",
        ],
    },
    Threat {
        row: "S2",
        is: "a slip of the pen in the configuration weakens a rule",
        tests: &[
            "crates/config/tests/config/bad.rs bad_configurations_are_refused_with_every_reason",
            "crates/postern/tests/cli/reload.rs a_bad_file_leaves_the_old_settings",
        ],
    },
    Threat {
        row: "S3",
        is: "a hole in the daemon gives away the host",
        tests: &["crates/postern/tests/cli/service.rs rights_that_are_not_needed_are_given_up"],
    },
    Threat {
        row: "S7",
        is: "a panic takes other sessions with it",
        tests: &["crates/postern/src/daemon/panics.rs a_panic_is_counted_and_stays_in_its_task"],
    },
    Threat {
        row: "S8",
        is: "a stop or a restart loses what was under way, or refuses clients",
        tests: &[
            "crates/postern/tests/cli/daemon.rs a_message_under_way_is_still_taken",
            "crates/postern/tests/cli/service.rs who_connects_during_a_restart_is_served_after_it",
            "crates/postern/tests/cli/systemd.rs systemd_follows_the_life_of_the_daemon",
            "crates/smtp/tests/dialogues/shut_down_idle.txt",
            "crates/smtp/tests/dialogues/shut_down_within_content.txt",
        ],
    },
];

#[test]
fn every_row_is_tested_or_known_to_be_open() {
    let numbered =
        |letter: char, last: u32| (1..=last).map(move |number| format!("{letter}{number}"));
    // Notices, R6 to R9, stand with who wrote a message.
    let relaying =
        numbered('R', 10).filter(|row| !["R6", "R7", "R8", "R9"].contains(&row.as_str()));
    let expected = numbered('F', 13).chain(relaying);
    let mut expected: Vec<_> = expected
        .chain(numbered('D', 10))
        .chain(numbered('S', 8))
        .collect();
    let tested = INTERNET.iter().map(|threat| threat.row.to_owned());
    let mut known: Vec<_> = tested.chain(OPEN.map(str::to_owned)).collect();
    expected.sort();
    known.sort();
    assert_eq!(known, expected);
}

#[test]
fn every_test_that_is_named_exists() {
    let lacking = INTERNET.iter().flat_map(|threat| {
        let lacks = missing(threat.tests).into_iter();
        lacks.map(move |it| format!("{} ({}) lacks {it}", threat.row, threat.is))
    });
    crate::check("what strangers do is tested", &lacking.collect::<Vec<_>>());
}
