//! What does not compile: every way around the one door to a permit.

#[test]
fn there_is_no_other_way_to_a_permit() {
    trybuild::TestCases::new().compile_fail("tests/compile-fail/*.rs");
}
