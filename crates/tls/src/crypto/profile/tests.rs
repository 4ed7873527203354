use super::*;
use crate::Contradiction;

#[test]
fn names_read_back() {
    for name in ProfileName::ALL {
        assert_eq!(name.to_string().parse(), Ok(*name));
        assert_eq!(Profile::named(*name).name(), *name);
    }
    assert_eq!("Modern".parse::<ProfileName>(), Err(ProfileNameError));
}

#[test]
fn every_profile_can_be_kept() {
    for name in ProfileName::ALL {
        let bounds = Profile::named(*name).bounds();
        assert_eq!(bounds.contradiction(), None, "{name}");
    }
}

#[track_caller]
fn check_joint(a: ProfileName, b: ProfileName, expected: Option<Contradiction>) {
    let joint = Profile::named(a)
        .bounds()
        .intersect(Profile::named(b).bounds());
    assert_eq!(joint.contradiction(), expected, "{a} and {b}");
}

#[test]
fn profiles_that_cannot_be_joined_say_why() {
    use ProfileName::{Foundation, Intermediate, Modern, SuiteB128};
    check_joint(Modern, Intermediate, None);
    check_joint(Intermediate, SuiteB128, None);
    check_joint(Intermediate, Foundation, None);
    check_joint(Modern, SuiteB128, Some(Contradiction::Version));
    check_joint(SuiteB128, Foundation, Some(Contradiction::Suite));
}
