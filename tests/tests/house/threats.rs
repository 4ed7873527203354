//! What is known to have been done to mail systems at STARTTLS (T), to the question of who the peer
//! is (P) or who wrote a message (A), and by way of notices and of fields that are added (R), and the
//! tests that show that it does not work here; and the same of what happens to queues (Q, in
//! [`QUEUE`]).
//!
//! The rows are those of the project's collection of attacks; each says in a few words what is done,
//! with the place that tells more.

use std::fs;
use std::path::Path;

use postern_tests::programs::project;

use crate::check;
use crate::queue_threats::QUEUE;

/// An attack or a pitfall.
pub(crate) struct Threat {
    pub(crate) row: &'static str,
    pub(crate) is: &'static str,
    /// Tests, each as `FILE FUNCTION`, where FILE is below `crates` or `tests`; a script of a
    /// dialogue stands for itself.
    pub(crate) tests: &'static [&'static str],
}

const THREATS: &[Threat] = &[
    Threat {
        row: "T1",
        is: "commands behind STARTTLS in clear count inside (CVE-2011-0411)",
        tests: &[
            "tests/tests/interop/starttls.rs octets_behind_starttls",
            "crates/inbound/tests/inbound/tls.rs octets_behind_starttls_end_the_session",
            "crates/inbound/tests/inbound/tls.rs octets_that_wait_in_the_kernel_are_noticed_too",
            "crates/tls/src/channel/tests.rs octets_in_clear_do_not_survive_the_handshake",
            "crates/smtp/tests/dialogues/starttls_injection.txt",
            "crates/smtp/tests/dialogues/starttls_injection_of_a_part.txt",
            "crates/smtp/tests/dialogues/starttls_injection_of_a_transaction.txt",
            "crates/smtp/tests/dialogues/starttls_bare_line_feed.txt",
            "crates/smtp/tests/dialogues/starttls_late_octets.txt",
        ],
    },
    Threat {
        row: "T2",
        is: "replies behind the consent to STARTTLS count inside (CVE-2021-38371)",
        tests: &[
            "tests/tests/interop/hostile_hosts.rs stripped",
            "crates/smtp/tests/client_dialogues/scripts/starttls.txt",
        ],
    },
    Threat {
        row: "T3",
        is: "replies come before STARTTLS was said",
        tests: &[
            "tests/tests/interop/hostile_hosts.rs stripped",
            "crates/outbound/tests/delivery/peers.rs \
             a_host_that_answers_before_it_is_asked_is_given_nothing",
        ],
    },
    Threat {
        row: "T4",
        is: "STARTTLS is taken away on the way (RFC 3207 §6)",
        tests: &[
            "crates/outbound/tests/delivery/stripping.rs a_partner_that_demands_tls_is_told_nothing_in_clear",
            "crates/outbound/tests/delivery/stripping.rs a_destination_that_publishes_a_policy_is_told_nothing_in_clear",
            "tests/tests/interop/hostile_hosts.rs stripped",
            "tests/tests/interop/outbound_enforcement.rs no_starttls",
            "tests/tests/interop/outbound_enforcement.rs broken_handshake",
            "crates/policy/tests/policy/outbound.rs there_is_no_plaintext_to_an_enforced_partner",
        ],
    },
    Threat {
        row: "T5",
        is: "what was said in clear is remembered inside (RFC 3207 §4.2)",
        tests: &[
            "crates/inbound/tests/inbound/tls.rs nothing_survives_the_handshake",
            "crates/smtp/tests/server/properties.rs what_came_in_clear_is_never_promised_tls",
            "crates/smtp/tests/dialogues/starttls.txt",
        ],
    },
    Threat {
        row: "T6",
        is: "a listener that demands TLS takes commands in clear (RFC 3207 §4)",
        tests: &[
            "tests/tests/interop/starttls.rs required_and_implicit",
            "crates/smtp/tests/server/properties.rs \
             without_tls_nothing_is_kept_where_tls_is_required",
            "crates/smtp/tests/dialogues/starttls_required.txt",
        ],
    },
    Threat {
        row: "T7",
        is: "a handshake that fails falls through to the session in clear",
        tests: &[
            "tests/tests/interop/starttls.rs no_handshake",
            "crates/inbound/tests/inbound/tls.rs what_is_no_handshake_ends_the_connection",
            "crates/tls/src/handshake/tests/failures.rs \
             what_is_no_handshake_gets_an_alert_at_most",
        ],
    },
    Threat {
        row: "T8",
        is: "content cut short passes for whole (RFC 8446 §6.1)",
        tests: &[
            "tests/tests/interop/starttls.rs truncated",
            "crates/tls/src/channel/tests.rs an_end_without_close_notify_is_an_error",
            "crates/smtp/tests/pair/main.rs \
             a_connection_cut_at_every_octet_loses_and_doubles_nothing_it_need_not",
        ],
    },
    Threat {
        row: "T9",
        is: "another protocol's client is made to speak SMTP (ALPACA)",
        tests: &[
            "crates/smtp/tests/dialogues/http.txt",
            "crates/smtp/tests/dialogues/http2.txt",
            "crates/tls/src/handshake/tests/floods.rs clients_that_name_protocols_must_name_smtp",
        ],
    },
    Threat {
        row: "T10",
        is: "renegotiation, floods of key updates, empty and tiny records",
        tests: &[
            "crates/tls/src/handshake/tests/floods.rs nothing_is_renegotiated",
            "crates/tls/src/handshake/tests/floods.rs \
             a_flood_of_key_updates_ends_the_connection_and_fills_no_buffer",
            "crates/tls/src/handshake/tests/floods.rs \
             empty_records_are_passed_over_as_long_as_they_are_few",
            "crates/tls/src/handshake/tests/floods.rs records_of_one_octet_are_read",
            "crates/tls/src/handshake/tests/failures.rs \
             a_hello_in_records_of_one_octet_does_no_harm",
            "crates/tls/src/handshake/tests/floods.rs \
             behind_the_end_there_is_nothing_however_often_one_asks",
        ],
    },
    Threat {
        row: "T11",
        is: "early data is replayed (RFC 8446 §8)",
        tests: &["crates/tls/src/handshake/tests/parameters.rs nothing_is_there_to_resume"],
    },
    Threat {
        row: "T12",
        is: "versions, algorithms and keys that are too weak (RFC 8996)",
        tests: &[
            "tests/tests/interop/hostile_hosts.rs weak_versions",
            "crates/tls/src/handshake/tests/hello.rs \
             servers_of_old_versions_and_weak_suites_are_refused",
            "crates/tls/src/pkix/tests.rs keys_and_signatures_stay_within_the_bounds",
            "crates/tls/src/pkix/tests.rs issuers_keys_stay_within_the_bounds",
        ],
    },
    Threat {
        row: "T13",
        is: "chains that cost more to look at than to make",
        tests: &[
            "crates/tls/src/pkix/tests.rs entangled_chains_are_given_up_soon",
            "crates/tls/src/handshake/tests/floods.rs huge_chains_of_clients_cost_little",
            "crates/tls/src/tlsa/tests.rs long_chains_and_long_sets_are_little_work",
        ],
    },
    Threat {
        row: "P1",
        is: "the name to be proven is taken from unsigned DNS",
        tests: &[
            "crates/policy/tests/policy/outbound.rs the_name_of_an_mx_host_authenticates_nobody",
            "tests/tests/interop/outbound_enforcement.rs another_name",
        ],
    },
    Threat {
        row: "P2",
        is: "common names, wildcards, addresses and odd octets in certificates (RFC 9525)",
        tests: &[
            "crates/tls/src/pkix/tests.rs the_common_name_names_nobody",
            "crates/tls/src/pkix/tests.rs names_match_whole_or_by_a_whole_left_label",
            "crates/tls/src/pkix/tests.rs a_wildcard_stands_for_one_label_and_not_for_none",
            "crates/tls/src/pkix/tests.rs addresses_are_not_names",
            "crates/tls/src/pkix/tests.rs names_with_odd_octets_match_nothing",
        ],
    },
    Threat {
        row: "P3",
        is: "chains that lead nowhere (RFC 5280)",
        tests: &[
            "crates/tls/src/pkix/tests.rs a_path_leads_to_an_anchor_of_this_demand",
            "crates/tls/src/pkix/tests.rs what_a_certificate_may_do_is_kept",
            "crates/tls/src/pkix/tests.rs dates_are_kept",
            "crates/tls/src/pkix/tests.rs usages_are_kept",
            "tests/tests/interop/outbound_enforcement.rs another_authority",
            "tests/tests/interop/outbound_enforcement.rs expired",
        ],
    },
    Threat {
        row: "P4",
        is: "one partner's certificate speaks for another partner",
        tests: &[
            "crates/inbound/tests/inbound/partners.rs \
             only_its_certificate_speaks_for_an_enforced_partner",
            "crates/policy/tests/policy/inbound.rs one_partner_does_not_speak_for_another",
            "crates/policy/tests/policy/judgement.rs every_client_at_every_level_and_stage",
        ],
    },
    Threat {
        row: "P5",
        is: "a TLS 1.3 server refuses us after we believed in the handshake",
        tests: &[
            "crates/tls/src/handshake/tests/failures.rs \
             a_refusal_of_our_certificate_comes_with_the_first_read",
            "crates/outbound/tests/delivery/partner.rs \
             a_server_that_rejects_us_after_the_handshake_is_a_failed_handshake",
        ],
    },
    Threat {
        row: "P6",
        is: "resumption skips authentication (CVE-2025-23419)",
        tests: &[
            "crates/tls/src/handshake/tests/resumption.rs \
             an_attempt_that_proves_or_shows_anything_resumes_nothing",
            "crates/tls/src/handshake/tests/resumption.rs sessions_are_a_client_s_own",
            "crates/tls/src/handshake/tests/resumption.rs \
             a_session_is_good_for_the_server_that_it_was_made_with",
            "crates/tls/src/handshake/tests/parameters.rs nothing_is_there_to_resume",
        ],
    },
    Threat {
        row: "P7",
        is: "a revoked certificate goes on (RFC 5280 §6.3)",
        tests: &[
            "tests/tests/interop/revocation.rs servers",
            "tests/tests/interop/revocation.rs clients",
            "crates/tls/src/revocation/tests.rs \
             every_certificate_below_the_anchor_is_looked_up",
            "crates/tls/src/revocation/tests.rs a_list_that_ran_out_shows_nothing_to_be_good",
            "crates/tls/src/revocation/tests.rs a_source_that_gave_nothing_yet_is_named",
            "crates/tls/src/revocation/tests.rs a_list_by_another_key_says_nothing",
            "crates/tls/src/revocation/tests.rs lists_are_about_their_scope",
            "crates/tls/src/revocation/tests.rs a_list_is_replaced_under_a_thousand_judgements",
        ],
    },
    Threat {
        row: "P8",
        is: "certificates are replaced while they are in use",
        tests: &[
            "crates/tls/src/certificate/tests.rs no_handshake_fails_while_pairs_are_replaced",
            "crates/tls/src/certificate/tests.rs a_pair_that_does_not_pass_leaves_the_old_one",
            "crates/tls/src/certificate/tests.rs the_end_is_announced_two_weeks_before",
        ],
    },
    Threat {
        row: "P9",
        is: "DNS answers that are bogus or do not come open the way to clear text (RFC 7672 §2.1)",
        tests: &[
            "crates/outbound/tests/delivery/dane.rs trouble_with_records_is_never_taken_for_none",
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
            "crates/dns/tests/network/signed.rs what_signatures_do_not_bear_out_is_not_known",
            "crates/dns/tests/network/trouble.rs \
             a_zone_whose_signatures_do_not_hold_is_never_an_answer",
            "crates/dns/tests/network/trouble.rs a_server_in_trouble_is_never_an_answer",
        ],
    },
    Threat {
        row: "P10",
        is: "MX records, addresses or aliases without signatures (RFC 7672 §2.2.1, §2.2.2)",
        tests: &[
            "crates/outbound/tests/delivery/dane.rs records_count_only_where_all_before_them_is_secure",
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
            "crates/dns/tests/network/signed.rs a_chain_is_as_good_as_its_worst_step",
            "crates/dns/tests/network/hostile.rs \
             an_unsigned_alias_in_a_signed_zone_is_never_secure",
        ],
    },
    Threat {
        row: "P11",
        is: "TLSA records that nobody can use (RFC 7672 §2.2, §3.1.3)",
        tests: &[
            "crates/outbound/tests/delivery/dane.rs records_of_no_use_demand_tls_with_anybody",
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
            "crates/tls/src/tlsa/tests.rs records_that_cannot_be_used_are_named",
            "crates/tls/src/tlsa/tests.rs only_records_that_can_be_used_count",
        ],
    },
    Threat {
        row: "P12",
        is: "names and dates where they do not count, and none where they do (RFC 7672 §3.1)",
        tests: &[
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
            "crates/tls/src/tlsa/tests.rs \
             an_end_entity_needs_neither_name_nor_date_nor_authority",
            "crates/tls/src/tlsa/tests.rs an_authority_is_found_among_what_was_sent",
            "crates/tls/src/tlsa/tests.rs below_an_authority_names_count",
            "crates/tls/src/tlsa/tests.rs a_leaf_may_be_its_own_authority",
        ],
    },
    Threat {
        row: "P13",
        is: "weaker digests decide, or a rollover fails (RFC 7671 §8.1, §9)",
        tests: &[
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
            "crates/tls/src/tlsa/tests.rs the_strongest_digest_of_a_usage_and_selector_decides",
        ],
    },
    Threat {
        row: "P14",
        is: "the server is not told which certificate is meant (RFC 7672 §8.1)",
        tests: &[
            "crates/outbound/tests/delivery/dane.rs the_base_domain_is_indicated",
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
        ],
    },
    Threat {
        row: "P15",
        is: "somebody else claims to have validated (the AD bit)",
        tests: &[
            "tests/tests/interop/dane/mod.rs a_validating_resolver_makes_no_difference",
            "crates/dns/tests/network/plain.rs nobody_is_believed_to_have_validated",
        ],
    },
    Threat {
        row: "P16",
        is: "validation is made expensive (CVE-2023-50387, CVE-2023-50868)",
        tests: &[
            "crates/dns/tests/network/bounds.rs \
             many_keys_of_one_tag_and_many_signatures_cost_little",
            "crates/dns/tests/network/bounds.rs many_nsec3_iterations_are_not_counted",
        ],
    },
    Threat {
        row: "P17",
        is: "a policy of MTA-STS comes from elsewhere, or without end (RFC 8461 §3.3)",
        tests: &[
            "crates/fetch/src/http/tests.rs answers_that_are_none",
            "crates/fetch/src/http/tests.rs what_is_too_long_is_not_read",
            "crates/fetch/src/http/tests.rs what_is_too_slow_is_not_waited_for",
            "crates/fetch/src/http/tests.rs names_do_not_lead_into_our_own_network",
            "crates/fetch/src/sts/tests.rs a_policy_host_must_prove_to_be_it",
            "crates/fetch/src/sts/tests.rs a_fetch_that_fails_changes_nothing",
            "crates/policy/src/mta_sts/tests.rs what_is_no_policy_is_refused_with_the_line",
            "crates/policy/src/mta_sts/tests.rs max_age_is_bounded_from_above",
            "tests/tests/interop/mta_sts.rs policies_that_do_not_count",
        ],
    },
    Threat {
        row: "P18",
        is: "patterns of MTA-STS match too much (RFC 8461 §4.1)",
        tests: &[
            "tests/tests/interop/mta_sts.rs policies_decide",
            "crates/policy/src/hosts.rs a_wildcard_stands_for_one_label",
        ],
    },
    Threat {
        row: "P19",
        is: "a policy of MTA-STS is forgotten (RFC 8461 §3.1, §5)",
        tests: &[
            "crates/fetch/src/sts/tests.rs a_policy_survives_its_record_and_its_host",
            "crates/fetch/src/sts/tests.rs another_id_brings_another_policy",
            "crates/fetch/src/sts/tests.rs renewing_looks_at_the_policy_itself",
            "crates/fetch/src/sts/store.rs at_every_moment_the_old_policy_or_the_new_one_is_there",
            "crates/outbound/tests/delivery/mta_sts.rs a_newer_policy_is_looked_for_before_the_old_one_stops_mail",
            "tests/tests/interop/mta_sts.rs a_policy_outlives_its_host",
            "crates/policy/src/mta_sts/tests.rs one_record_counts",
        ],
    },
    Threat {
        row: "P20",
        is: "a policy of MTA-STS that is only tested stops mail (RFC 8461 §5)",
        tests: &[
            "crates/outbound/tests/delivery/mta_sts.rs a_policy_in_testing_mode_is_only_measured",
            "tests/tests/interop/mta_sts.rs policies_decide",
        ],
    },
    Threat {
        row: "P21",
        is: "MTA-STS makes up for DANE, or the other way (RFC 8461 §2)",
        tests: &[
            "crates/outbound/tests/delivery/mta_sts.rs dane_and_mta_sts_must_both_be_met",
            "crates/policy/tests/policy/network.rs dane_and_mta_sts_must_both_be_met",
            "crates/policy/tests/policy/network.rs who_waives_tls_waives_what_others_demand_and_nothing_of_ours",
            "tests/tests/interop/mta_sts.rs policies_decide",
        ],
    },
    Threat {
        row: "P22",
        is: "a forged MX record goes before the true ones (RFC 8461 §10)",
        tests: &[
            "crates/outbound/tests/delivery/mta_sts.rs hosts_that_the_policy_does_not_list_are_passed_over",
            "crates/outbound/tests/delivery/mta_sts.rs forged_hosts_do_not_get_mail_returned",
            "crates/outbound/tests/delivery/denials.rs what_anybody_may_have_said_returns_no_mail_that_is_guarded",
            "tests/tests/interop/mta_sts.rs policies_decide",
        ],
    },
    Threat {
        row: "P23",
        is: "another way to the same domain asks for less",
        tests: &[
            "tests/tests/interop/dane/mod.rs mail_is_handed_over_as_the_records_allow",
            "crates/outbound/tests/delivery/opportunistic.rs \
             a_domain_that_dns_cannot_find_out_is_tried_again",
            "crates/outbound/tests/delivery/notices.rs a_notice_to_a_partner_is_held_to_its_rule",
            "crates/outbound/tests/delivery/reload.rs \
             a_kept_connection_of_a_stranger_is_not_good_for_a_partner",
            "tests/tests/interop/outbound_enforcement.rs two_recipients",
        ],
    },
    Threat {
        row: "P24",
        is: "mail for a domain that takes none (RFC 7505)",
        tests: &[
            "crates/outbound/src/host/tests.rs mx_hosts_by_preference",
            "tests/tests/interop/hostile_zones.rs null_mx",
            "tests/tests/interop/authentication.rs null_mx",
            "crates/inbound/tests/inbound/judgement.rs a_domain_without_mail_sends_none",
            "crates/outbound/tests/delivery/denials.rs what_anybody_may_have_said_returns_no_mail_that_is_guarded",
        ],
    },
    Threat {
        row: "P25",
        is: "MX records lead to ourselves or behind our firewall",
        tests: &[
            "crates/outbound/src/host/tests.rs dns_cannot_send_us_behind_our_own_firewall",
            "tests/tests/interop/hostile_zones.rs private_targets",
            "tests/tests/interop/hostile_zones.rs ourselves",
        ],
    },
    Threat {
        row: "P26",
        is: "mail that requires TLS goes without (RFC 8689)",
        tests: &[
            "crates/outbound/tests/delivery/requiretls.rs mail_that_no_host_will_carry_on_so_goes_back",
            "crates/outbound/tests/delivery/requiretls.rs mail_to_a_host_that_nothing_proves_goes_back",
            "crates/outbound/tests/delivery/requiretls.rs a_notice_does_not_share_the_fate_of_mail",
            "crates/outbound/tests/delivery/requiretls.rs a_notice_waits_for_a_channel_that_is_good_enough",
            "tests/tests/interop/wishes.rs required",
            "tests/tests/interop/wishes.rs handed_on",
            "crates/smtp/tests/dialogues/requiretls_in_clear.txt",
            "crates/smtp/tests/dialogues/requiretls_not_offered.txt",
            "crates/smtp/tests/client_dialogues/scripts/requiretls.txt",
        ],
    },
    Threat {
        row: "A1",
        is: "records of SPF cost look-ups without end (RFC 7208 §4.6.4)",
        tests: &[
            "crates/authentication/src/spf/tests.rs ten_terms_cause_look_ups_and_not_more",
            "crates/authentication/src/spf/tests.rs two_look_ups_may_find_nothing_and_not_more",
            "crates/authentication/src/spf/tests.rs ten_hosts_take_mail_and_not_more",
            "crates/authentication/src/spf/tests.rs of_eleven_names_of_an_address_ten_are_looked_at",
            "crates/authentication/src/spf/tests.rs one_record_counts_and_several_are_an_error",
        ],
    },
    Threat {
        row: "A2",
        is: "one message makes us ask a victim's name servers (RFC 7208 §11.1)",
        tests: &[
            "crates/authentication/src/verifier/tests.rs a_message_causes_no_more_look_ups_than_the_settings_allow",
            "crates/authentication/src/verifier/tests.rs nobody_uses_up_the_look_ups_of_the_author_domain",
            "crates/authentication/src/verifier/tests.rs many_verifications_wait_side_by_side",
            "crates/dns/tests/network/plain.rs a_denial_is_remembered",
        ],
    },
    Threat {
        row: "A3",
        is: "macros and odd texts of SPF break the reader (CVE-2021-20314)",
        tests: &[
            "crates/authentication/src/spf/names.rs macros_stand_for_what_the_rfc_says",
            "crates/authentication/src/spf/names.rs a_name_that_is_too_long_loses_labels_from_the_left",
            "crates/authentication/src/spf/grammar.rs what_is_no_macro_is_refused",
            "crates/authentication/src/spf/tests.rs no_record_makes_a_panic",
        ],
    },
    Threat {
        row: "A4",
        is: "text is added to what a signature covers with l= (RFC 6376 §8.2)",
        tests: &[
            "crates/authentication/src/dkim/tests.rs a_signature_for_a_part_of_the_body_never_counts",
            "tests/tests/interop/signing.rs behind_postfix",
        ],
    },
    Threat {
        row: "A5",
        is: "fields are added to signed mail (RFC 6376 §8.15)",
        tests: &[
            "crates/authentication/src/sign/tests.rs what_matters_is_signed_once_more_than_it_is_there",
            "crates/authentication/src/dkim/tests.rs fields_that_come_on_top_are_not_the_signed_ones",
            "crates/authentication/tests/own_mail.rs what_is_added_to_signed_mail_breaks_it",
            "tests/tests/interop/signing.rs behind_postfix",
        ],
    },
    Threat {
        row: "A6",
        is: "weak keys and algorithms, and signatures without end (RFC 8301)",
        tests: &[
            "crates/authentication/src/dkim/tests.rs keys_are_judged",
            "crates/authentication/src/dkim/tests.rs times_are_minded",
            "crates/authentication/src/dkim/tests.rs signatures_that_are_not_well_formed_are_errors",
            "crates/authentication/src/dkim/tests.rs ten_signatures_are_looked_at_from_the_top",
            "tests/tests/interop/authentication.rs disowned",
        ],
    },
    Threat {
        row: "A7",
        is: "an author is shown that is not the one who was checked (Composition Kills, 2020)",
        tests: &[
            "crates/authentication/src/dmarc/tests.rs no_form_of_from_passes_for_two",
            "crates/authentication/src/dmarc/tests.rs no_author_is_a_bad_author",
            "crates/authentication/src/authors/tests.rs two_fields_are_none_however_they_are_hidden",
            "crates/authentication/src/authors/tests.rs every_mailbox_of_every_field_counts",
            "crates/authentication/src/dkim/tests.rs a_domain_with_odd_characters_is_an_error",
            "tests/tests/interop/authentication.rs authors",
        ],
    },
    Threat {
        row: "A8",
        is: "records of DMARC with faults, and reports to those who want none (RFC 9990 §4)",
        tests: &[
            "crates/authentication/src/dmarc/tests.rs faulty_records_are_as_the_rfc_says",
            "crates/authentication/src/dmarc/tests.rs organisations_end_where_records_say",
            "crates/authentication/src/dmarc/record.rs what_is_no_record_is_passed_over",
            "crates/reports/src/destination/tests.rs another_organization_must_want_them",
            "tests/tests/interop/reports.rs aggregate",
        ],
    },
    Threat {
        row: "A9",
        is: "a DNS that fails on purpose gets mail through, or holds it up for ever",
        tests: &[
            "crates/inbound/src/deferrals.rs mail_is_put_off_for_its_time_and_no_longer",
            "crates/inbound/src/deferrals.rs a_network_that_names_many_domains_is_put_off_no_more",
            "crates/authentication/src/dkim/tests.rs keys_that_cannot_be_got_are_temporary_errors",
            "crates/authentication/src/verifier/tests.rs a_dns_that_never_answers_costs_the_time_of_the_settings_and_no_more",
            "tests/tests/interop/authentication.rs put_off",
        ],
    },
    Threat {
        row: "A10",
        is: "chains of ARC that do not fit together, or without end (RFC 8617 §5.2)",
        tests: &[
            "crates/authentication/src/arc/tests.rs chains_pass_up_to_fifty_sets",
            "crates/authentication/src/arc/tests.rs sets_must_fit_together",
            "crates/authentication/src/arc/tests.rs seals_must_be_well_formed",
            "crates/authentication/src/arc/tests.rs a_trusted_sealer_outweighs_dmarc_and_nobody_else",
        ],
    },
    Threat {
        row: "A11",
        is: "answers of the DNS that nobody asked for, or that do not end (RFC 5452 §6)",
        tests: &[
            "crates/dns/tests/network/hostile.rs records_off_the_chain_of_aliases_do_not_count",
            "crates/dns/tests/network/plain.rs aliases_are_followed_to_a_bound_and_never_in_a_circle",
            "crates/dns/tests/network/plain.rs a_truncated_answer_is_fetched_over_tcp",
            "crates/dns/tests/network/trouble.rs records_changed_on_the_way_are_never_an_answer",
        ],
    },
    Threat {
        row: "R6",
        is: "notices go to those who wrote nothing (RFC 3834 §2, RFC 5321 §6.2)",
        tests: &[
            "crates/inbound/tests/inbound/judgement.rs failures_are_told_to_no_victim",
            "crates/outbound/tests/delivery/notices.rs who_has_nothing_to_do_with_a_message_is_not_told_of_it",
            "crates/outbound/tests/delivery/notices.rs one_address_gets_so_many_notices_and_no_more",
            "tests/tests/interop/notices.rs forged",
        ],
    },
    Threat {
        row: "R7",
        is: "notices about notices (RFC 5321 §4.5.5)",
        tests: &["crates/outbound/tests/delivery/notices.rs nobody_is_told_about_mail_from_nobody"],
    },
    Threat {
        row: "R8",
        is: "one message makes many notices, or large ones (RFC 3461 §6.1)",
        tests: &[
            "crates/outbound/tests/delivery/notices.rs all_fates_of_an_attempt_are_told_in_one_notice",
            "crates/outbound/tests/delivery/notices.rs one_address_gets_so_many_notices_and_no_more",
            "crates/reports/tests/notice/structure.rs only_the_header_is_returned_unless_all_is_asked_for",
            "crates/reports/tests/notice/structure.rs a_long_header_is_cut_between_fields",
            "tests/tests/interop/notices.rs failures",
        ],
    },
    Threat {
        row: "R9",
        is: "results in our name come with the mail (RFC 8601 §5)",
        tests: &[
            "crates/authentication/src/results/tests.rs claims_are_taken_out",
            "crates/authentication/src/results/tests.rs every_spelling_of_an_internationalised_name_is_one_name",
            "crates/authentication/src/results/tests.rs nothing_that_claims_to_be_ours_remains",
            "crates/inbound/tests/inbound/judgement.rs results_in_our_name_are_taken_out_and_all_else_stays",
            "tests/tests/interop/authentication.rs signed",
        ],
    },
];

fn all() -> impl Iterator<Item = &'static Threat> {
    THREATS.iter().chain(QUEUE)
}

#[test]
fn every_threat_has_a_row() {
    let rows: Vec<&str> = all().map(|threat| threat.row).collect();
    let starttls = (1..=13).map(|number| format!("T{number}"));
    let peers = (1..=26).map(|number| format!("P{number}"));
    let authors = (1..=11).map(|number| format!("A{number}"));
    let notices = (6..=9).map(|number| format!("R{number}"));
    let queue = (1..=9).map(|number| format!("Q{number}"));
    let expected = starttls.chain(peers).chain(authors);
    let expected = expected.chain(notices).chain(queue);
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

#[test]
fn every_threat_is_tested() {
    let untested = |threat: &Threat| {
        let lacks = missing(threat.tests);
        let none = threat.tests.is_empty().then(|| "any test".to_owned());
        let lacks = none.into_iter().chain(lacks);
        lacks
            .map(|it| format!("{} ({}) lacks {it}", threat.row, threat.is))
            .collect::<Vec<_>>()
    };
    check(
        "every threat is tested",
        &all().flat_map(untested).collect::<Vec<_>>(),
    );
}

#[test]
fn missing_tests_are_noticed() {
    let here = "tests/tests/house/threats.rs";
    let is_missing = |test: &str| !missing(&[&format!("{here} {test}")]).is_empty();
    assert!(!is_missing("missing_tests_are_noticed"));
    assert!(is_missing("is_a_test"), "a function that is no test");
    assert!(is_missing("missing_tests"));
    assert_eq!(missing(&["tests/nowhere.txt"]), ["tests/nowhere.txt"]);
    assert!(is_a_test("run: played,\n}\nfn played() {}", "played"));
    assert!(!is_a_test("fn played() {}", "played"));
}

/// Those of `tests` that do not exist.
pub(crate) fn missing(tests: &[&str]) -> Vec<String> {
    let exists = |test: &&&str| {
        let (file, name) = test.split_once(' ').unwrap_or((test, ""));
        match fs::read_to_string(project().join(file)) {
            Ok(text) if Path::new(file).extension().is_some_and(|it| it == "rs") => {
                is_a_test(&text, name)
            }
            Ok(_) => name.is_empty(),
            Err(_) => false,
        }
    };
    let missing = tests.iter().filter(|test| !exists(test));
    missing.map(|test| (*test).to_owned()).collect()
}

/// Whether `name` is a test in `text`, or the function of a scenario, or a trial.
fn is_a_test(text: &str, name: &str) -> bool {
    if text.contains(&format!("run: {name},")) {
        return text.contains(&format!("fn {name}("));
    }
    if text.contains(&format!("Trial::test(\"{name}\",")) {
        return true;
    }
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else {
        return false;
    };
    // Attributes and comments stand between a test's mark and its name; a closed brace does not.
    let mark = before.rfind("#[test]").max(before.rfind("#[tokio::test"));
    mark.is_some_and(|mark| {
        before
            .get(mark..)
            .is_some_and(|between| !between.contains("\n}"))
    })
}
