use proptest::prelude::*;

use super::*;

fn check(text: &str, expect: Result<(&str, &str), &str>) {
    let seen = text.parse::<Address>();
    let seen = seen.as_ref().map(|a| (a.local(), a.domain())).map_err(|error| error.problem);
    match expect {
        Ok(parts) => assert_eq!(seen, Ok(parts), "{text}"),
        Err(word) => {
            let problem = seen.expect_err(text);
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}

#[test]
fn every_form_of_a_mailbox_is_read() {
    // RFC 5321 §4.1.2, §4.1.3; RFC 6531 §3.3.
    check("Carlos@URosario.edu.CO", Ok(("Carlos", "urosario.edu.co")));
    check("a.b+c@x", Ok(("a.b+c", "x")));
    check("\"two words\"@x.example", Ok(("two words", "x.example")));
    check(r#""a\"b\\c"@x.example"#, Ok((r#"a"b\c"#, "x.example")));
    check("\"a@b\"@x.example", Ok(("a@b", "x.example")));
    check("a@[192.0.2.1]", Ok(("a", "[192.0.2.1]")));
    check("a@[IPv6:2001:DB8:0::1]", Ok(("a", "[IPv6:2001:db8::1]")));
    check("josé@méxico.example", Ok(("josé", "xn--mxico-bsa.example")));
    check("用户@例え.jp", Ok(("用户", "xn--r8jz45g.jp")));
}

#[test]
fn what_is_no_mailbox_is_refused_with_the_reason() {
    check("carlos", Err("no @"));
    check("@x", Err("nothing stands before"));
    check("a@", Err("nothing stands after"));
    check("a..b@x", Err("dot"));
    check(".a@x", Err("dot"));
    check("\"a@x", Err("do not end"));
    check("\"a\u{7}\"@x", Err("control"));
    check("\"\"@x", Err("nothing stands before"));
    check("a@-x.example", Err("no domain name"));
    check("a@x..example", Err("no domain name"));
    check("a@x_y.example", Err("no domain name"));
    check("a@x.example.", Err("no domain name"));
    check("a@[192.0.2]", Err("literal"));
    check("a@[X:1]", Err("literal"));
    check("a b@x", Err("no @"));
    check("a@x>", Err("follows"));
}

#[test]
fn the_bounds_of_domain_and_path_hold_and_the_local_part_has_what_is_left() {
    // RFC 5321 §4.5.3.1.1 to §4.5.3.1.3.
    let domain = |octets: usize| {
        let label = "x".repeat(50);
        let mut domain = vec![label; octets / 51].join(".");
        let rest = octets - domain.len();
        domain.push('.');
        domain.push_str(&"y".repeat(rest - 1));
        domain
    };
    assert!(Address::new(&"a".repeat(244), "x.example").is_ok(), "a path of 256 octets");
    assert!(Address::new(&"a".repeat(245), "x.example").is_err(), "a path of 257 octets");
    let within = domain(252);
    assert_eq!(within.len(), 252);
    assert!(Address::new("a", &within).is_ok(), "a path of 256 octets");
    assert!(Address::new("aa", &within).is_err(), "a path of 257 octets");
    assert!(Address::new("a", &domain(256)).is_err());
    assert!(Address::new("a", &"x".repeat(64)).is_err(), "a label of 64 octets");
}

#[test]
fn a_source_route_is_read_and_ignored() {
    // RFC 5321 §4.1.1.3, §F.2.
    let (path, rest) = read_path("<@one.example,@two.example:joe@three.example> SIZE=1").unwrap();
    assert_eq!(path, PathText::Mailbox("joe@three.example".parse().unwrap()));
    assert_eq!(rest, " SIZE=1");
    assert!(read_path("<@one.example joe@x>").is_err());
    assert!(read_path("<@one.example,two:joe@x>").is_err());
}

#[test]
fn a_path_may_be_null_or_the_postmaster() {
    // RFC 5321 §4.5.5, §4.5.1.
    assert_eq!(read_path("<> X").unwrap(), (PathText::Null, " X"));
    assert_eq!(read_path("<PostMaster>").unwrap(), (PathText::Postmaster, ""));
    assert!(read_path("a@b").is_err());
    assert!(read_path("<a@b").is_err());
    assert!(read_path("<a>").is_err());
    let quoted = read_path("<\"a>b\"@x.example>").unwrap();
    assert_eq!(quoted, (PathText::Mailbox(Address::new("a>b", "x.example").unwrap()), ""));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        local in "[^\\p{Cc}]{1,16}",
        domain in "[a-z0-9]{1,9}(\\.[a-z]{2,5}){0,3}",
    ) {
        let address = Address::new(&local, &domain).unwrap();
        prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address.clone()));
        let path = ForwardPath(address.clone()).to_string();
        prop_assert_eq!(read_path(&path), Ok((PathText::Mailbox(address), "")));
    }

    #[test]
    fn no_text_makes_the_reader_fail(text in ".{0,80}") {
        let _ = text.parse::<Address>();
        let _ = read_path(&text);
    }
}
