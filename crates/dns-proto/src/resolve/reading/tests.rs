use super::*;
use crate::message::{Question, Soa};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A record from owner, type and data.
fn record(line: &str) -> Record {
    let words: Vec<&str> = line.split(' ').collect();
    let [owner, rtype, data] = words[..] else { panic!("{line}") };
    let rtype: RecordType = rtype.parse().unwrap();
    let rdata = match rtype {
        RecordType::A => Rdata::a(data.parse().unwrap()),
        RecordType::SOA => {
            let mname = name(data);
            let rname = mname.clone();
            let (serial, refresh, retry, expire, minimum) = (1, 2, 3, 4, 5);
            Rdata::soa(&Soa { mname, rname, serial, refresh, retry, expire, minimum })
        }
        _ => Rdata::name(&name(data)),
    };
    Record::new(name(owner), rtype, 60, rdata)
}

/// What the servers of `example` mean when asked for A of `www.a.example`.
fn read(aa: bool, rcode: Rcode, answers: &[&str], authorities: &[&str]) -> Reading {
    let asked = name("www.a.example");
    let question = Question::new(asked.clone(), RecordType::A);
    let mut reply = Message::query(1, question).reply(rcode);
    reply.header.aa = aa;
    reply.answers = answers.iter().map(|line| record(line)).collect();
    reply.authorities = authorities.iter().map(|line| record(line)).collect();
    reply.additionals = vec![record("ns.b.example A 192.0.2.1"), record("ns.other A 192.0.2.2")];
    let zone = name("example");
    Reading::of(
        Instant::default(),
        &reply,
        Asked { zone: &zone, name: &asked, rtype: RecordType::A },
    )
}

/// The kind of a verdict and the name that it is about.
fn gist(reading: &Reading) -> String {
    match &reading.verdict {
        Verdict::Answer(sets) => format!("answer of {} sets", sets.len()),
        Verdict::Alias(sets, target) => format!("alias of {} sets to {target}", sets.len()),
        Verdict::NoData(sets, absence) => {
            format!("no data after {} at {}", sets.len(), absence.name)
        }
        Verdict::NoName(sets, absence) => format!("no name after {}: {}", sets.len(), absence.name),
        Verdict::NameTooLong(_) => "name too long".to_owned(),
        Verdict::Referral(to, _) => format!("referral to {}", to.zone),
        Verdict::Lame => "lame".to_owned(),
        Verdict::Failed(rcode) => format!("failed with {rcode}"),
    }
}

/// AA, response code, answer section, authority section, and the meaning.
type Case = (bool, Rcode, &'static [&'static str], &'static [&'static str], &'static str);

#[test]
fn every_kind_of_reply_has_its_meaning() {
    // Goal: RFC 1034 §5.3.3 step 4, RFC 2308 §2, RFC 6672 §3.2, RFC 6604 §3.
    const A: &str = "www.a.example A 192.0.2.7";
    const ALIAS: &str = "www.a.example CNAME x.example";
    const SOA: &str = "example SOA ns.example";
    let (ok, no) = (Rcode::NOERROR, Rcode::NXDOMAIN);
    let cases: [Case; 20] = [
        (true, ok, &[A], &[], "answer of 1 sets"),
        (false, ok, &[A], &[], "lame"),
        (true, ok, &[ALIAS], &[], "alias of 1 sets to x.example."),
        (true, ok, &[ALIAS, "x.example A 192.0.2.7"], &[], "answer of 2 sets"),
        (
            true,
            ok,
            &["www.a.example CNAME x.other", "x.other A 6.6.6.6"],
            &[],
            "alias of 1 sets to x.other.",
        ),
        (true, no, &[ALIAS], &[SOA], "no name after 1: x.example."),
        (true, ok, &[ALIAS], &[SOA], "no data after 1 at x.example."),
        (true, ok, &["a.example DNAME b.example"], &[], "alias of 2 sets to www.b.example."),
        (
            true,
            ok,
            &["a.example DNAME b.example", "www.a.example CNAME evil.example"],
            &[],
            "alias of 2 sets to www.b.example.",
        ),
        (true, no, &[], &[SOA], "no name after 0: www.a.example."),
        (true, no, &[], &[], "no name after 0: www.a.example."),
        (false, no, &[], &[], "lame"),
        (true, ok, &[], &[SOA], "no data after 0 at www.a.example."),
        (true, ok, &[], &[], "no data after 0 at www.a.example."),
        (true, ok, &[], &["other SOA ns.other"], "no data after 0 at www.a.example."),
        (false, ok, &[], &["a.example NS ns.b.example"], "referral to a.example."),
        (false, ok, &[], &["example NS ns.b.example"], "lame"),
        (false, ok, &[], &["b.example NS ns.b.example"], "lame"),
        (false, ok, &[], &["example NS x.example", ". NS a.root"], "lame"),
        (false, Rcode::REFUSED, &[], &[], "failed with REFUSED"),
    ];
    for (aa, rcode, answers, authorities, expect) in cases {
        let reading = read(aa, rcode, answers, authorities);
        assert_eq!(gist(&reading), expect, "{aa} {rcode} {answers:?} {authorities:?}");
    }
}

#[test]
fn glue_is_taken_from_the_asked_zone_only() {
    // Goal: a sibling's address below the asked zone helps, one from elsewhere is no glue.
    let servers = ["a.example NS ns.b.example", "a.example NS ns.other"];
    let reading = read(false, Rcode::NOERROR, &[], &servers);
    let Verdict::Referral(delegation, 60) = reading.verdict else { panic!("{reading:?}") };
    let glue: Vec<usize> = delegation.servers.iter().map(|one| one.addresses.len()).collect();
    assert_eq!(glue, [1, 0]);
    assert_eq!(reading.out_of_zone, Some((name("ns.other"), 1)));
}

#[test]
fn a_long_name_under_a_redirection_is_too_long() {
    // Goal: RFC 6672 §2.2.
    let long = format!("a.example DNAME {}abc.example", "abcdefghi.".repeat(24));
    let reading = read(true, Rcode::NOERROR, &[&long], &[]);
    assert_eq!(gist(&reading), "name too long");
}
