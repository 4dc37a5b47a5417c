use super::{MailboxName, Uid, UidSet};

#[test]
fn ranges_in_any_order_become_one_set() {
    // RFC 9051 §9: `sequence-set` may be given in any order and overlap.
    let check = |ranges: &[(u32, u32)], expect: &str| {
        let set = UidSet::from_ranges(ranges.iter().map(|(first, last)| *first..=*last));
        assert_eq!(set.to_string(), expect);
    };
    check(&[], "");
    check(&[(3, 1)], "1:3");
    check(&[(7, 7), (1, 2), (3, 4)], "1:4,7");
    check(&[(1, 10), (2, 3), (10, 12)], "1:12");
    check(&[(0, 0)], "");
    check(&[(u32::MAX, u32::MAX), (1, u32::MAX)], "1:4294967295");
}

#[test]
fn a_set_contains_what_its_ranges_contain() {
    let set = UidSet::from_ranges([2..=4, 9..=9]);
    let inside = |number| set.contains(Uid::new(number).expect("not 0"));
    let found: Vec<u32> = (1..=10).filter(|number| inside(*number)).collect();
    assert_eq!(found, [2, 3, 4, 9]);
}

#[test]
fn a_name_knows_its_parent_and_what_is_below() {
    // RFC 9051 §5.1: levels are separated by the hierarchy separator.
    let name = |text| MailboxName::parse(text).expect("a mailbox name");
    assert_eq!(name("a/b/c").parent(), Some(name("a/b")));
    assert_eq!(name("a").parent(), None);
    assert!(name("a/b").is_below(&name("a")));
    assert!(!name("ab").is_below(&name("a")) && !name("a").is_below(&name("a")));
    assert_eq!(name("a/b").moved(&name("a"), &name("x/y")), Ok(name("x/y/b")));
    assert_eq!(name("inbox/Old"), name("INBOX/Old"));
}
