//! Files of `tests/bad`: each ends with the errors that it must give, as comments that begin
//! with `#:`.

use std::{fs, path::Path};

#[test]
fn bad_configurations_are_refused_with_every_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut count = 0;
    for file in fs::read_dir(&folder).unwrap() {
        check(&file.unwrap().path());
        count += 1;
    }
    assert!(count >= 15, "{count} files in {}", folder.display());
}

#[track_caller]
fn check(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let name = Path::new(file.file_name().unwrap());
    // The name alone, so that the expected lines do not depend on where the tree lies.
    let errors = postern_config::parse(&text, name).expect_err(&name.display().to_string());
    let errors = errors.to_string();
    let told: Vec<_> = errors
        .lines()
        .map(|line| {
            line.strip_prefix(&format!("{}:", name.display()))
                .unwrap_or(line)
        })
        .collect();
    let expected: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#: "))
        .collect();
    assert!(!expected.is_empty(), "{} expects nothing", name.display());
    assert_eq!(told, expected, "{}:\n{}", name.display(), told.join("\n"));
}
