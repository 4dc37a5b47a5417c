use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_name_takes_32_octets() {
    assert_eq!(size_of::<Name>(), 32);
}

#[test]
fn text_and_wire_are_two_forms_of_one_name() {
    // RFC 1035 §3.1 and §5.1.
    for (text, wire, display) in [
        (".", &b"\0"[..], "."),
        ("www.example.com", b"\x03www\x07example\x03com\0", "www.example.com."),
        ("www.example.com.", b"\x03www\x07example\x03com\0", "www.example.com."),
        ("a\\.b.c", b"\x03a.b\x01c\0", "a\\.b.c."),
        ("\\000\\255.x", b"\x02\x00\xff\x01x\0", "\\000\\255.x."),
        ("\\*.x", b"\x01*\x01x\0", "*.x."),
    ] {
        let parsed = name(text);
        assert_eq!(parsed.as_wire(), wire, "{text}");
        assert_eq!(parsed.to_string(), display);
        assert_eq!(Name::from_wire(wire).unwrap(), parsed);
    }
}

#[test]
fn text_that_breaks_a_rule_is_refused_with_that_rule() {
    let long_label = "a".repeat(64);
    let long_name = "a.".repeat(128);
    for (text, error) in [
        ("", NameError::Empty),
        ("..", NameError::EmptyLabel),
        (".a", NameError::EmptyLabel),
        ("a..b", NameError::EmptyLabel),
        ("a\\", NameError::BadEscape),
        ("a\\25", NameError::BadEscape),
        ("a\\256", NameError::BadEscape),
        (&long_label, NameError::LabelTooLong),
        (&long_name, NameError::NameTooLong),
    ] {
        assert_eq!(Name::parse(text), Err(error), "{text}");
    }
}

#[test]
fn the_longest_label_and_name_are_accepted() {
    assert_eq!(name(&"a".repeat(63)).label_count(), 1);
    let longest = name(&"a.".repeat(127));
    assert_eq!((longest.wire_len(), longest.label_count()), (255, 127));
    assert_eq!(longest.child(b"b"), Err(NameError::NameTooLong));
    assert!(longest < name(&format!("b.{}", "a.".repeat(126))));
}

#[test]
fn wire_that_breaks_a_rule_is_refused_with_that_rule() {
    for (wire, error) in [
        (&b""[..], NameError::BadEnd),
        (b"\x03ww", NameError::BadEnd),
        (b"\x01a", NameError::BadEnd),
        (b"\0\0", NameError::BadEnd),
        (b"\xc0\x0c", NameError::BadLabelType),
        (b"\x40", NameError::BadLabelType),
    ] {
        assert_eq!(Name::from_wire(wire), Err(error), "{wire:?}");
    }
}

#[test]
fn case_is_kept_and_ignored() {
    // RFC 4343 §3 and §4.
    let (upper, lower) = (name("WWW.Example.COM"), name("www.example.com"));
    assert_eq!(upper, lower);
    assert_eq!(upper.to_string(), "WWW.Example.COM.");
    assert_eq!(upper.to_lowercase().as_wire(), lower.as_wire());
    assert_eq!(BTreeSet::from([upper, lower]).len(), 1);
}

#[test]
fn names_sort_in_canonical_order() {
    // The list of RFC 4034 §6.1.
    let sorted = [
        "example",
        "a.example",
        "yljkjljk.a.example",
        "Z.a.example",
        "zABC.a.EXAMPLE",
        "z.example",
        "\\001.z.example",
        "*.z.example",
        "\\200.z.example",
    ];
    let mut names: Vec<Name> = sorted.iter().rev().map(|text| name(text)).collect();
    names.sort();
    assert_eq!(names, sorted.map(name));
}

#[test]
fn a_suffix_of_octets_is_not_always_a_suffix_of_labels() {
    assert!(name("a.b.c").is_subdomain_of(&name("B.c")));
    assert!(name("b.c").is_subdomain_of(&name("b.c")));
    assert!(name("b.c").is_subdomain_of(&Name::root()));
    assert!(!name("c").is_subdomain_of(&name("b.c")));
    assert!(!name("ab.c").is_subdomain_of(&name("b.c")));
    // The label "x\001b" ends with the octets of the label "b".
    assert!(!name("x\\001b.c").is_subdomain_of(&name("b.c")));
}

#[test]
fn rebase_swaps_the_tail_as_a_dname_does() {
    // RFC 6672 §2.2, table 1.
    let (from, to) = (name("example.com."), name("example.net."));
    assert_eq!(name("a.b.example.com").rebase(&from, &to).unwrap(), name("a.b.example.net"));
    assert_eq!(name("a.x").rebase(&from, &to), Err(NameError::BadEnd));
    let long = name(&format!("{}x.", "a.".repeat(120)));
    assert_eq!(long.rebase(&name("x"), &name(&"b.".repeat(20))), Err(NameError::NameTooLong));
}

#[test]
fn parents_lead_to_the_root() {
    let chain: Vec<String> = name("a.b.c").ancestors().map(|name| name.to_string()).collect();
    assert_eq!(chain, ["a.b.c.", "b.c.", "c.", "."]);
    assert_eq!(name("a.b.c").suffix(2), name("b.c"));
    assert_eq!(name("b.c").suffix(9), name("b.c"));
}

proptest! {
    #[test]
    fn display_and_parse_are_inverse(labels in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 1..20), 0..8)) {
        let mut builder = NameBuilder::new();
        for label in &labels {
            builder.push_label(label).unwrap();
        }
        let name = builder.finish().unwrap();
        let again = Name::parse(&name.to_string()).unwrap();
        prop_assert_eq!(again.as_wire(), name.as_wire());
        prop_assert_eq!(name.label_count(), labels.len());
        prop_assert_eq!(Name::from_wire(name.as_wire()).unwrap(), name);
    }

    #[test]
    fn any_octets_are_a_name_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(name) = Name::from_wire_prefix(&octets) {
            prop_assert_eq!(name.as_wire(), &octets[..name.wire_len()]);
        }
        let _ = Name::parse_octets(&octets, None);
    }

    #[test]
    fn order_agrees_with_ancestry(
        a in "[ab]{1,2}(\\.[ab]{1,2}){0,3}",
        b in "[ab]{1,2}(\\.[ab]{1,2}){0,3}",
    ) {
        let (a, b) = (name(&a), name(&b));
        if a.is_subdomain_of(&b) {
            prop_assert!(b <= a);
        }
        prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
    }
}
