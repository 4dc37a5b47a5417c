//! A zone of many names and queries for it, the same for every server.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

/// Writes `bench.zone` with `names` owners of mixed kinds (addresses, aliases,
/// mail, delegations, texts, one wildcard) and `queries.txt` for dnsperf, of
/// which a tenth asks for names that do not exist.
pub(crate) fn write(folder: &Path, names: u32, queries: u32) -> Result<()> {
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let mut zone = String::from(APEX);
    let mut asked: Vec<(String, &str)> = Vec::new();
    let mut before = "ns1".to_owned();
    for number in 0..names {
        let length = rng.random_range(3..=11);
        let word: String = (0..length).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
        let owner = format!("{word}{number}");
        let question = add_owner(&mut zone, &owner, &before, number)?;
        asked.push(question);
        before = owner;
    }
    let mut list = String::new();
    for _ in 0..queries {
        match rng.random_range(0..100) {
            0..10 => writeln!(list, "nx{}.bench.test A", rng.random::<u32>())?,
            10..12 => writeln!(list, "a{}.wild.bench.test A", rng.random_range(0..1_000_000))?,
            _ => {
                let (name, rtype) = &asked[rng.random_range(0..asked.len())];
                writeln!(list, "{name}.bench.test {rtype}")?;
            }
        }
    }
    std::fs::write(folder.join("bench.zone"), zone)?;
    std::fs::write(folder.join("queries.txt"), list)?;
    Ok(())
}

/// Adds the records of one owner; returns the question that will be asked of it.
fn add_owner(
    zone: &mut String,
    owner: &str,
    before: &str,
    number: u32,
) -> Result<(String, &'static str)> {
    let address =
        format!("127.{}.{}.{}", 1 + ((number >> 16) & 63), (number >> 8) & 255, number & 255);
    let (name, rtype) = match number % 10 {
        0..5 => {
            writeln!(zone, "{owner} A {address}")?;
            (owner.to_owned(), "A")
        }
        5 => {
            let (high, low) = (number >> 16, number & 0xffff);
            writeln!(zone, "{owner} A {address}\n{owner} AAAA 2001:db8::{high:x}:{low:x}")?;
            (owner.to_owned(), "AAAA")
        }
        6 => {
            writeln!(zone, "{owner} CNAME {before}")?;
            (owner.to_owned(), "A")
        }
        7 => {
            writeln!(zone, "{owner} MX 10 mail\n{owner} MX 20 mail2")?;
            (owner.to_owned(), "MX")
        }
        8 => {
            writeln!(zone, "{owner} NS ns1.{owner}\n{owner} NS ns2.{owner}")?;
            writeln!(zone, "ns1.{owner} A {address}\nns2.{owner} A 127.0.0.9")?;
            (format!("www.{owner}"), "A")
        }
        _ => {
            writeln!(zone, "{owner} TXT \"v=spf1 ip4:{address} -all\"")?;
            (owner.to_owned(), "TXT")
        }
    };
    Ok((name, rtype))
}

const APEX: &str = "$ORIGIN bench.test.
$TTL 3600
@ IN SOA ns1.bench.test. host.bench.test. 1 7200 900 1209600 300
@ NS ns1
@ NS ns2
@ MX 10 mail
@ MX 20 mail2
ns1 A 127.0.0.1
ns2 A 127.0.0.2
mail A 127.0.0.3
mail2 A 127.0.0.4
*.wild A 127.9.9.9
";
