use super::*;
use crate::message::Soa;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn origin(rank: Rank) -> Origin {
    Origin { server: None, rank, learned: Cause(3) }
}

fn address(last: u8) -> Arc<[Rdata]> {
    [Rdata::a([192, 0, 2, last].into())].into()
}

fn soa(ttl: u32, minimum: u32) -> Record {
    let soa = Soa {
        mname: name("ns.example"),
        rname: name("root.example"),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum,
    };
    Record::new(name("example"), RecordType::SOA, ttl, Rdata::soa(&soa))
}

fn at(seconds: u64) -> Instant {
    Instant::from_seconds(seconds)
}

fn cache() -> Cache {
    Cache::new(CacheLimits::default(), 1)
}

/// Stores one A record for `www.example` and says whether it was kept.
fn store(cache: &mut Cache, now: Instant, ttl: u32, last: u8, rank: Rank) -> bool {
    let key = (&name("www.example"), RecordType::A);
    cache.store_set(now, key, ttl, address(last), origin(rank))
}

fn seen(cache: &mut Cache, now: Instant) -> Option<Arc<[Rdata]>> {
    match cache.look(now, &name("WWW.example"), RecordType::A) {
        Known::Records(set) => Some(set.data),
        _ => None,
    }
}

#[test]
fn a_record_lives_until_its_ttl_to_the_nanosecond() {
    // Goal: course D6: kept until the TTL ends, and not a moment longer.
    let mut cache = cache();
    assert!(store(&mut cache, at(10), 60, 1, Rank::AuthoritativeAnswer));
    assert!(seen(&mut cache, Instant(at(70).0 - 1)).is_some());
    assert_eq!(seen(&mut cache, at(70)), None);
    assert!(cache.has_expired(at(70), &name("www.example"), RecordType::A));
    assert_eq!(at(70).seconds_left(at(10)), 60);
    assert_eq!(at(70).seconds_left(Instant(at(10).0 + 1)), 59, "a copy never lives longer");
}

#[test]
fn a_ttl_of_zero_is_not_kept_and_a_huge_one_is_capped() {
    // Goal: RFC 1035 §3.2.1 and RFC 8767 §4.
    let mut cache = cache();
    assert!(!store(&mut cache, at(0), 0, 1, Rank::AuthoritativeAnswer));
    assert!(store(&mut cache, at(0), 2_000_000_000, 1, Rank::AuthoritativeAnswer));
    assert!(seen(&mut cache, at(7 * 86_400 - 1)).is_some());
    assert_eq!(seen(&mut cache, at(7 * 86_400)), None);
}

#[test]
fn a_lower_rank_never_replaces_a_higher_one() {
    // Goal: RFC 2181 §5.4.1, every pair of ranks.
    let ranks = [
        Rank::Glue,
        Rank::Referral,
        Rank::NonAuthoritativeAnswer,
        Rank::AuthoritySection,
        Rank::AuthoritativeAnswer,
    ];
    for (index, first) in ranks.into_iter().enumerate() {
        for (other, second) in ranks.into_iter().enumerate() {
            let mut cache = cache();
            assert!(store(&mut cache, at(0), 60, 1, first));
            let replaced = store(&mut cache, at(1), 60, 2, second);
            assert_eq!(replaced, other >= index, "{first:?} then {second:?}");
            assert!(store(&mut cache, at(60), 60, 3, second), "what has expired is replaced");
        }
    }
}

#[test]
fn glue_answers_nobody() {
    // Goal: RFC 2181 §5.4.1: the least trusted data is never returned as an answer.
    let mut cache = cache();
    for rank in [Rank::Glue, Rank::Referral] {
        store(&mut cache, at(0), 60, 1, rank);
        assert_eq!(seen(&mut cache, at(1)), None, "{rank:?}");
    }
}

#[test]
fn an_absence_lives_for_the_lesser_of_ttl_and_minimum() {
    // Goal: RFC 2308 §5, with its cap of three hours.
    for (ttl, minimum, lives) in [(60, 30, 30), (20, 30, 20), (99_999, 99_999, 3 * 3600)] {
        let mut cache = cache();
        let key = (&name("www.example"), Some(RecordType::A));
        let kept = cache.store_absence(at(0), key, &soa(ttl, minimum), origin(Rank::Referral));
        assert!(kept);
        let look = |cache: &mut Cache, second| cache.look(at(second), key.0, RecordType::A);
        assert!(matches!(look(&mut cache, lives - 1), Known::NoData(_)));
        assert_eq!(look(&mut cache, lives), Known::Nothing);
        assert_eq!(cache.look(at(0), key.0, RecordType::MX), Known::Nothing);
    }
}

#[test]
fn nothing_exists_below_a_name_that_does_not() {
    // Goal: RFC 8020 §2; and what exists refutes the older proof.
    let mut cache = cache();
    let proof = origin(Rank::AuthoritySection);
    cache.store_absence(at(0), (&name("no.example"), None), &soa(60, 60), proof);
    let below = name("a.b.no.example");
    assert!(matches!(cache.look(at(1), &below, RecordType::A), Known::NoName(_)));
    assert_eq!(cache.look(at(1), &name("ano.example"), RecordType::A), Known::Nothing);
    cache.store_set(at(2), (&below, RecordType::A), 60, address(1), proof);
    assert!(matches!(cache.look(at(3), &below, RecordType::A), Known::Records(_)));
    assert_eq!(cache.look(at(3), &name("c.no.example"), RecordType::A), Known::Nothing);
}

#[test]
fn an_alias_and_a_redirection_are_found_for_other_types() {
    let mut cache = cache();
    let data: Arc<[Rdata]> = [Rdata::name(&name("x.example"))].into();
    let answer = origin(Rank::AuthoritativeAnswer);
    let alias = name("www.example");
    cache.store_set(at(0), (&alias, RecordType::CNAME), 60, data.clone(), answer);
    cache.store_set(at(0), (&name("old.example"), RecordType::DNAME), 60, data, answer);
    assert!(matches!(cache.look(at(1), &alias, RecordType::A), Known::Alias(_)));
    assert!(matches!(cache.look(at(1), &alias, RecordType::CNAME), Known::Records(_)));
    let below = cache.look(at(1), &name("a.old.example"), RecordType::A);
    assert!(matches!(below, Known::Redirection(owner, _) if owner == name("old.example")));
    assert_eq!(cache.look(at(1), &name("old.example"), RecordType::A), Known::Nothing);
}

#[test]
fn a_failure_is_kept_longer_each_time() {
    // Goal: RFC 9520 §3.2: back off, at most five minutes.
    let mut cache = cache();
    let failed = name("www.example");
    let mut now = at(0);
    for expect in [5, 10, 20, 40, 80, 160, 300, 300] {
        cache.store_failure(now, &failed, RecordType::A, 22);
        let failure = cache.failure(now, &failed, RecordType::A).unwrap();
        assert_eq!(failure.expires.seconds_left(now), expect);
        now = failure.expires;
        assert_eq!(cache.failure(now, &failed, RecordType::A), None);
    }
    store(&mut cache, now, 60, 1, Rank::AuthoritativeAnswer);
    cache.store_failure(now, &failed, RecordType::A, 22);
    let failure = cache.failure(now, &failed, RecordType::A).unwrap();
    assert_eq!(failure.failures, 1, "an answer in between starts over");
}

#[test]
fn the_childs_records_do_not_lengthen_its_delegation() {
    // Goal: a name that its parent has taken back vanishes when the delegation's TTL ends,
    // whatever NS records the child keeps sending (course D10).
    let mut cache = cache();
    let zone = name("example");
    let servers = vec![NameServer { name: name("ns.example"), addresses: Vec::new() }];
    let delegation = Arc::new(Delegation { zone: zone.clone(), servers });
    cache.store_cut(at(0), delegation, 60, origin(Rank::Referral));
    let data: Arc<[Rdata]> = [Rdata::name(&name("ns.example"))].into();
    let answer = origin(Rank::AuthoritativeAnswer);
    cache.store_set(at(59), (&zone, RecordType::NS), 86_400, data, answer);
    assert!(cache.closest_cut(at(59), &name("www.example")).is_some());
    assert_eq!(cache.closest_cut(at(60), &name("www.example")), None);
}

#[test]
fn flushing_a_name_drops_all_below_it() {
    let mut cache = cache();
    store(&mut cache, at(0), 60, 1, Rank::AuthoritativeAnswer);
    let other = (&name("www.other"), RecordType::A);
    cache.store_set(at(0), other, 60, address(2), origin(Rank::AuthoritativeAnswer));
    assert_eq!(cache.entries(at(1)).count(), 2);
    assert_eq!(cache.flush(&name("example")), 1);
    let rows: Vec<CacheEntry> = cache.entries(at(1)).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].name, rows[0].learned), (other.0, Cause(3)));
    cache.clear();
    assert!(cache.is_empty());
    assert_eq!(cache.octets(), 0);
}

#[test]
fn the_cache_stays_within_its_octets() {
    let limits = CacheLimits { octets_max: 50_000, ..CacheLimits::default() };
    let mut cache = Cache::new(limits, 1);
    for number in 0..5000_u32 {
        let owner = name(&format!("host{number}.example"));
        let key = (&owner, RecordType::A);
        cache.store_set(at(0), key, 60, address(1), origin(Rank::AuthoritativeAnswer));
        assert!(cache.octets() <= 50_000);
    }
    assert!(cache.evicted() > 4000);
    let last = cache.look(at(1), &name("host4999.example"), RecordType::A);
    assert!(matches!(last, Known::Records(_)));
}
