use super::{Book, Refusal, ServerEntry};
use crate::message::Message;
use crate::registry::Date;
use crate::{Name, RecordClass, RecordType};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn server(host: &str, address: Option<&str>) -> ServerEntry {
    ServerEntry { name: name(host), address: address.map(|text| text.parse().unwrap()) }
}

fn book() -> Book {
    let mut book = Book::new(name("com"));
    book.inherit(name("amazon.com"), vec![server("ns1.amazon.com", Some("205.251.192.27"))]);
    book
}

fn today() -> Date {
    Date::of(1_619_031_600)
}

fn order(domain: &str, servers: &[ServerEntry]) -> Result<(), Refusal> {
    book().reserve(&name(domain), "MACCSHINE", 1, servers, today()).map(|_| ())
}

#[test]
fn a_registration_runs_for_the_years_that_were_ordered() {
    // course D9: MACCSHINE gives the names and addresses of its two servers.
    let mut book = book();
    let servers = [
        server("dns1.maccshine.com", Some("212.212.212.1")),
        server("dns2.maccshine.com", Some("212.212.212.2")),
    ];
    let reserved = book.reserve(&name("maccshine.com"), " MACCSHINE ", 2, &servers, today());
    let held = book.enter(reserved.unwrap());
    assert_eq!(held.registrant, "MACCSHINE");
    assert_eq!(held.expires.unwrap().to_string(), "2023-04-21");
    assert_eq!(book.find(&name("MACCSHINE.com")), Some(&held));
    assert_eq!(book.registrations().count(), 2);
}

#[test]
fn a_name_is_sold_once_also_while_it_is_being_entered() {
    let mut book = book();
    let servers = [server("ns1.hosting.net", None)];
    let taken = book.reserve(&name("Amazon.com"), "X", 1, &servers, today()).unwrap_err();
    assert_eq!(taken, Refusal::Taken(name("amazon.com")));
    let first = book.reserve(&name("new.com"), "X", 1, &servers, today()).unwrap();
    assert!(book.find(&name("new.com")).is_none());
    assert!(book.reserve(&name("new.com"), "Y", 1, &servers, today()).is_err());
    book.release(&first);
    assert!(book.reserve(&name("new.com"), "Y", 1, &servers, today()).is_ok());
}

#[test]
fn names_are_one_label_of_letters_digits_and_hyphens() {
    // RFC 1123 §2.1
    let servers = [server("ns1.hosting.net", None)];
    for wrong in ["com", "a.b.com", "x.net", "-x.com", "x-.com", "x_y.com", "*.com"] {
        assert!(order(wrong, &servers).is_err(), "{wrong}");
    }
    for right in ["x.com", "3m.com", "xn--maana-pta.com"] {
        assert_eq!(order(right, &servers), Ok(()), "{right}");
    }
}

#[test]
fn glue_is_for_servers_inside_the_domain_and_only_for_them() {
    // RFC 9471 §2.1; an address for somebody else's server would be poison.
    let refused = |host, address| order("maccshine.com", &[server(host, address)]).unwrap_err();
    let outside = refused("ns1.amazon.com", Some("6.6.6.6"));
    assert_eq!(outside, Refusal::GlueOutside(name("ns1.amazon.com")));
    let missing = refused("dns1.maccshine.com", None);
    assert_eq!(missing, Refusal::GlueMissing(name("dns1.maccshine.com")));
    let nowhere = refused("dns1.maccshine.com", Some("0.0.0.0"));
    assert!(matches!(nowhere, Refusal::BadAddress(_)));
}

#[test]
fn servers_years_and_registrants_are_bounded() {
    assert_eq!(order("x.com", &[]), Err(Refusal::ServerCount(0)));
    let many: Vec<_> = (0..14).map(|n| server(&format!("ns{n}.hosting.net"), None)).collect();
    assert_eq!(order("x.com", &many), Err(Refusal::ServerCount(14)));
    let one = server("ns1.hosting.net", None);
    assert!(matches!(order("x.com", &[one.clone(), one.clone()]), Err(Refusal::ServerTwice(_))));
    for years in [0, 11] {
        let refused =
            book().reserve(&name("x.com"), "X", years, std::slice::from_ref(&one), today());
        assert_eq!(refused.unwrap_err(), Refusal::Years(years));
    }
    for registrant in ["", "  ", &"x".repeat(201)] {
        let refused =
            book().reserve(&name("x.com"), registrant, 1, std::slice::from_ref(&one), today());
        assert_eq!(refused.unwrap_err(), Refusal::Registrant);
    }
}

#[test]
fn the_update_enters_servers_and_glue_if_the_name_is_free() {
    // course D9; RFC 2136 §2.4.3
    let servers =
        [server("dns1.maccshine.com", Some("212.212.212.1")), server("ns1.hosting.net", None)];
    let reserved = book().reserve(&name("maccshine.com"), "X", 1, &servers, today()).unwrap();
    let message: Message = reserved.update(&name("com")).into_message();
    let [free] = message.answers.as_slice() else { panic!("{message:?}") };
    assert_eq!((free.rtype, free.class), (RecordType::NS, RecordClass::NONE));
    let kinds: Vec<_> = message.authorities.iter().map(|record| record.rtype).collect();
    assert_eq!(kinds, [RecordType::NS, RecordType::A, RecordType::NS]);
}
