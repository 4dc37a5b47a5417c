use super::{Update, process};
use crate::message::{Message, Rdata, Record, Soa};
use crate::zone::Zone;
use crate::zone_file::ZoneFile;
use crate::{Name, Rcode, RecordClass, RecordType};

const ZONE: &str = "$ORIGIN com.
$TTL 3600
@ SOA a.gtld-servers.net. hostmaster 7 1800 900 604800 900
@ NS a.gtld-servers.net.
@ NS b.gtld-servers.net.
amazon NS ns1.amazon
ns1.amazon A 205.251.192.27
alias CNAME amazon
";

fn zone() -> Zone {
    Zone::compile(&ZoneFile::read_text("com", ZONE).unwrap()).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn record(owner: &str, rtype: RecordType, data: &str) -> Record {
    let data = crate::rdata::parse_rdata(rtype, data, &Name::root()).unwrap();
    Record::new(name(owner), rtype, 300, Rdata::from_wire(&data))
}

fn com() -> Update {
    Update::of(&name("com"))
}

/// Through the wire, as a server gets it.
fn sent(update: Update) -> Message {
    Message::parse(&update.into_message().write().unwrap()).unwrap()
}

fn done(update: Update) -> Result<Option<Vec<String>>, Rcode> {
    let changed = process(&sent(update), &zone())?;
    Ok(changed.map(|file| {
        let line = |record: crate::zone_file::ZoneFileRecord<'_>| {
            let data =
                crate::rdata::RdataText { record_type: record.record_type, data: record.data };
            format!("{} {} {data}", record.owner, record.record_type)
        };
        file.records().map(line).collect()
    }))
}

fn raw(section: impl FnOnce(&mut Message, Record), of: Record) -> Result<Option<ZoneFile>, Rcode> {
    let mut message = com().into_message();
    section(&mut message, of);
    process(&message, &zone())
}

#[test]
fn a_record_is_added_and_the_serial_rises() {
    // RFC 2136 §3.4.2.2, §3.6
    let lines =
        done(com().with_added(record("new.com", RecordType::NS, "ns1.hosting.net."))).unwrap();
    let lines = lines.unwrap();
    assert!(lines.contains(&"new.com. NS ns1.hosting.net.".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("SOA") && line.contains(" 8 1800")), "{lines:?}");
}

#[test]
fn what_is_there_already_changes_nothing() {
    let mut same = record("ns1.AMAZON.com", RecordType::A, "205.251.192.27");
    same.ttl = 3600;
    assert_eq!(done(com().with_added(same)), Ok(None));
    assert_eq!(done(com().with_deleted_set(&name("nobody.com"), RecordType::A)), Ok(None));
    assert_eq!(done(com()), Ok(None));
}

#[test]
fn prerequisites_are_answered_each_with_its_code() {
    // RFC 2136 §3.2.5
    let any = RecordType::ANY;
    let cases = [
        (com().require_set(&name("nobody.com"), any), Err(Rcode::NXDOMAIN)),
        (com().require_set(&name("amazon.com"), any), Ok(None)),
        (com().require_set(&name("amazon.com"), RecordType::MX), Err(Rcode::NXRRSET)),
        (com().require_set(&name("amazon.com"), RecordType::NS), Ok(None)),
        (com().require_no_set(&name("amazon.com"), any), Err(Rcode::YXDOMAIN)),
        (com().require_no_set(&name("nobody.com"), any), Ok(None)),
        (com().require_no_set(&name("AMAZON.com"), RecordType::NS), Err(Rcode::YXRRSET)),
        (com().require_no_set(&name("amazon.com"), RecordType::MX), Ok(None)),
        (com().require_set(&name("amazon.net"), any), Err(Rcode::NOTZONE)),
    ];
    for (number, (update, expected)) in cases.into_iter().enumerate() {
        assert_eq!(done(update), expected, "case {number}");
    }
}

#[test]
fn a_set_must_be_exactly_what_is_required() {
    // RFC 2136 §2.4.2: whatever the order, the case and the TTLs of the zone.
    let ns = |data| Record { ttl: 0, ..record("com", RecordType::NS, data) };
    let both = |records: &[Record]| {
        let mut message = com().into_message();
        message.answers = records.to_vec();
        process(&message, &zone()).map(|changed| changed.is_some())
    };
    let (a, b) = (ns("A.gtld-servers.net."), ns("b.gtld-servers.net."));
    assert_eq!(both(&[b.clone(), a.clone()]), Ok(false));
    assert_eq!(both(&[a]), Err(Rcode::NXRRSET));
    assert_eq!(both(&[Record { ttl: 5, ..b }]), Err(Rcode::FORMERR));
}

#[test]
fn a_failed_prerequisite_leaves_everything() {
    // RFC 2136 §3.7: all or nothing.
    let update = com().require_no_set(&name("amazon.com"), RecordType::NS).with_added(record(
        "new.com",
        RecordType::NS,
        "ns1.hosting.net.",
    ));
    assert_eq!(done(update), Err(Rcode::YXRRSET));
    let update = com()
        .with_added(record("new.com", RecordType::NS, "ns1.hosting.net."))
        .with_added(record("new.net", RecordType::NS, "ns1.hosting.net."));
    assert_eq!(done(update), Err(Rcode::NOTZONE));
}

#[test]
fn the_top_of_the_zone_keeps_its_soa_and_a_name_server() {
    // RFC 2136 §3.4.2.3, §3.4.2.4
    let apex = name("com");
    assert_eq!(done(com().with_deleted_set(&apex, RecordType::ANY)), Ok(None));
    assert_eq!(done(com().with_deleted_set(&apex, RecordType::NS)), Ok(None));
    assert_eq!(done(com().with_deleted_set(&apex, RecordType::SOA)), Ok(None));
    let update = com()
        .with_deleted(record("com", RecordType::NS, "a.gtld-servers.net."))
        .with_deleted(record("com", RecordType::NS, "b.gtld-servers.net."));
    let lines = done(update).unwrap().unwrap();
    let servers: Vec<_> = lines.iter().filter(|line| line.starts_with("com. NS")).collect();
    assert_eq!(servers, ["com. NS b.gtld-servers.net."]);
}

#[test]
fn names_sets_and_single_records_are_deleted() {
    let gone = |update: Update, line: &str| {
        let lines = done(update).unwrap().unwrap();
        assert!(!lines.iter().any(|known| known == line), "{lines:?}");
    };
    let glue = "ns1.amazon.com. A 205.251.192.27";
    gone(com().with_deleted_set(&name("ns1.amazon.com"), RecordType::ANY), glue);
    gone(com().with_deleted_set(&name("ns1.amazon.com"), RecordType::A), glue);
    gone(com().with_deleted(record("ns1.amazon.com", RecordType::A, "205.251.192.27")), glue);
    assert_eq!(
        done(com().with_deleted(record("ns1.amazon.com", RecordType::A, "1.1.1.1"))),
        Ok(None)
    );
}

#[test]
fn an_alias_and_other_data_do_not_meet() {
    // RFC 2136 §3.4.2.2: such an addition is passed over.
    assert_eq!(done(com().with_added(record("alias.com", RecordType::A, "10.0.0.1"))), Ok(None));
    assert_eq!(
        done(com().with_added(record("amazon.com", RecordType::CNAME, "ibm.com."))),
        Ok(None)
    );
    let lines = done(com().with_added(record("alias.com", RecordType::CNAME, "ibm.com."))).unwrap();
    let aliases: Vec<_> = lines.unwrap().into_iter().filter(|l| l.contains("CNAME")).collect();
    assert_eq!(aliases, ["alias.com. CNAME ibm.com."]);
}

#[test]
fn an_soa_is_taken_only_when_it_is_newer() {
    // RFC 2136 §3.4.2.2, RFC 1982 §3.2
    let soa = |serial| {
        let (mname, rname) = (name("a.gtld-servers.net"), name("hostmaster.com"));
        let data = Soa { mname, rname, serial, refresh: 1, retry: 2, expire: 3, minimum: 4 };
        Record::new(name("com"), RecordType::SOA, 900, Rdata::soa(&data))
    };
    let serial = |update| done(update).map(|lines| lines.is_some());
    assert_eq!(serial(com().with_added(soa(7))), Ok(false));
    assert_eq!(serial(com().with_added(soa(7_u32.wrapping_sub(1)))), Ok(false));
    let lines = done(com().with_added(soa(100))).unwrap().unwrap();
    assert!(lines.iter().any(|line| line.contains(" 100 1 2 3 4")), "{lines:?}");
}

#[test]
fn malformed_updates_are_told_so() {
    // RFC 2136 §3.4.1.3
    let a = record("x.com", RecordType::A, "10.0.0.1");
    let put = |message: &mut Message, record| message.authorities.push(record);
    let wrong = [
        Record { class: RecordClass::ANY, ttl: 0, ..a.clone() },
        Record { class: RecordClass::NONE, ..a.clone() },
        Record { class: RecordClass::CH, ..a.clone() },
        Record { rtype: RecordType::ANY, ..a.clone() },
        Record { rtype: RecordType::AXFR, ..a.clone() },
        Record { rdata: Rdata::from_wire(&[1]), ..a.clone() },
    ];
    for record in wrong {
        assert_eq!(raw(put, record.clone()).err(), Some(Rcode::FORMERR), "{record:?}");
    }
    let mut two_zones = com().into_message();
    two_zones.questions.push(two_zones.questions[0].clone());
    assert_eq!(process(&two_zones, &zone()).err(), Some(Rcode::FORMERR));
    let other = Update::of(&name("net")).into_message();
    assert_eq!(process(&other, &zone()).err(), Some(Rcode::NOTAUTH));
}
