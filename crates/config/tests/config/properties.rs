//! Whatever is written, reading it ends with settings or with errors that say where.

use std::path::Path;

use proptest::prelude::*;

fn check(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = postern_config::parse(text, Path::new("postern.toml")) else {
        return Ok(());
    };
    prop_assert!(!errors.problems().is_empty());
    prop_assert_eq!(errors.to_string().lines().count(), errors.problems().len());
    for problem in errors.problems() {
        let position = problem.position().unwrap();
        prop_assert!(position.line <= text.split('\n').count(), "{}", problem);
        prop_assert!(!problem.wrong().is_empty() && !problem.right().is_empty());
    }
    Ok(())
}

/// Words of the configuration's own language, so that chance gets far into the reader.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just(" = ".to_owned()),
        "\\[{1,2}(spool|listener|tls|tls\\.certificate|domain|route|partner)\\]{1,2}\n",
        "\\[(partner\\.(in|out)bound|dns|queue|limits|delivery|log|admin)\\]\n",
        "(hostname|path|address|role|tls|networks|name|domains|next-hop|require|retry) = ",
        "(names|spki-pins|trust|present|hosts|exclusive|servers|lifetime|socket|http) = ",
        "\\[{1,2}(deny|break-glass|mta-sts)\\]{1,2}\n",
        "(except|dane|crl|crl-unknown|spki|serial|issuer|reason|ocsp|profile|dnssec) = ",
        "\\[{1,2}(domain\\.dkim|alias|rewrite|srs|authentication|authentication\\.arc)\\]{1,2}\n",
        "\\[(reports|publish)\\]\n",
        "(selector|key|from|until|domain|to|secret|receive|contact|mx|caa|quarantine) = ",
        "\"(@example|a@example|b@example|2026a|redirect)\"\n?",
        "(partner|direction|allow|approved-by|until|honour|https|mode|mx|max-age) = ",
        "\"(2026-11-30T18:00:00Z|http://crl\\.example/a|enforce|outbound|encrypted|refuse|d4:3a)\"\n?",
        "\"(mx1\\.example|0\\.0\\.0\\.0:25|relay|none|any|authenticated|5d|50MiB|\\*)\"\n?",
        "\\[?(1|true|-5|0x10|1\\.5|2026-01-01|\\{\\}|\"\"|\\[\\])\\]?\n?",
        "[\\PC\n\\x00\"'\\[\\]{}#=.,]{0,4}",
    ]
}

proptest! {
    #[test]
    fn any_text_gives_settings_or_errors(text in "[\\PC\n\r\t\\x00]{0,200}") {
        check(&text)?;
    }

    #[test]
    fn any_arrangement_of_its_words_gives_settings_or_errors(
        fragments in prop::collection::vec(fragment(), 0..40),
    ) {
        check(&fragments.concat())?;
    }

    #[test]
    fn the_sample_with_a_piece_replaced_gives_settings_or_errors(
        at in any::<prop::sample::Index>(),
        length in 0..40_usize,
        piece in fragment(),
    ) {
        let sample: Vec<char> = postern_config::sample().replace("\n#", "\n").chars().collect();
        let at = at.index(sample.len());
        let (before, rest) = sample.split_at(at);
        let after = rest.iter().skip(length);
        let text: String = before.iter().copied().chain(piece.chars()).chain(after.copied()).collect();
        check(&text)?;
    }
}
