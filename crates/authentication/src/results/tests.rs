use postern_mail::header::fields;

use super::*;

const US: &str = "mx1.example.org";

#[test]
fn nothing_evaluated() {
    assert_eq!(
        &AuthenticationResults::none(US)[..],
        b"Authentication-Results: mx1.example.org; none\r\n"
    );
    assert_eq!(fields(&AuthenticationResults::none(US)).count(), 1);
}
