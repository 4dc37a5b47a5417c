use crate::zone_file::ZoneFile;

const HEAD: &str = "\
$ORIGIN x.
@ 9 IN SOA ns root 1 20 10 40 5
@ 9 NS ns
@ 9 NS ns.y.
ns 9 A 192.0.2.1
";

/// The findings of a zone, its file's name left out.
fn findings(text: &str) -> Vec<String> {
    let file = ZoneFile::read_text("z", text).unwrap_or_else(|errors| panic!("{errors}"));
    file.check().iter().map(|finding| finding.to_string().replacen("z:", "", 1)).collect()
}

/// Expects these findings for lines that follow [`HEAD`].
#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    assert_eq!(findings(&format!("{HEAD}{lines}")), expected, "{lines}");
}

#[test]
fn a_sound_zone_has_no_findings() {
    check(
        "@ 9 MX 10 mail\nmail 9 A 192.0.2.2\nwww 9 CNAME mail\n*.w 9 CNAME mail\n\
         c 9 NS ns.c\nc 9 NS ns\nc 9 DS 1 8 2 AA\nns.c 9 AAAA 2001:db8::1\n\
         d 9 DNAME y.\n@ 9 SRV 0 0 0 .\n_s._tcp 9 SRV 1 1 1 q.w\nq.w 9 A 192.0.2.3\n",
        &[],
    );
}

#[test]
fn a_zone_without_soa_or_servers_is_faulty() {
    assert_eq!(
        findings("a.x. 9 A 192.0.2.1\n"),
        ["1:1: error: no SOA record; add one at the zone's name"]
    );
    assert_eq!(
        findings("x. 9 SOA a.y. b.y. 1 20 30 40 5\n"),
        [
            "1:1: error: x. has no NS record; name its servers",
            "1:1: warning: retry (30 s) is longer than refresh (20 s)",
            "1:1: warning: expire (40 s) is shorter than refresh and retry together; a copy of \
                the zone ends before it is tried again",
        ]
    );
    check("@ 9 SOA ns root 2 20 10 40 5\n", &["6:1: error: a second SOA record; keep one"]);
    check(
        "a.y. 9 A 192.0.2.1\n",
        &["6:1: error: a.y. is not in zone x.; remove it or end it without a dot"],
    );
    check(
        "@ 9 DS 1 8 2 AA\n",
        &["6:1: warning: a DS record at the zone's own name; it belongs into the zone above"],
    );
}

#[test]
fn records_of_one_name_must_agree() {
    check(
        "a 9 CNAME ns\na 9 A 192.0.2.1\n",
        &["7:1: error: a.x. is an alias (CNAME, line 6) and has A data; remove one"],
    );
    check(
        "a 9 CNAME ns\na 9 CNAME b.y.\n",
        &["7:1: error: a.x. has a second CNAME record; keep one"],
    );
    check(
        "a 9 DNAME b.y.\na 9 DNAME c.y.\n",
        &["7:1: error: a.x. has a second DNAME record; keep one"],
    );
    check(
        "a 9 A 192.0.2.1\na 9 A 192.0.2.1\n",
        &["7:1: warning: the same record as in line 6; remove it"],
    );
    check(
        "a 9 A 192.0.2.1\na 8 A 192.0.2.2\n",
        &["7:1: warning: TTL 8 differs from 9 in line 6; records of a set share the lowest"],
    );
}

#[test]
fn aliases_must_lead_somewhere() {
    check(
        "a 9 CNAME b\nb 9 CNAME c\nc 9 CNAME a\n",
        &["6:1: error: aliases in a circle: a.x. -> b.x. -> c.x. -> a.x.; point one at a host"],
    );
    check("a 9 CNAME a\n", &["6:1: error: aliases in a circle: a.x. -> a.x.; point one at a host"]);
    check("a 9 CNAME b\n", &["6:1: warning: a.x. leads to b.x., which does not exist"]);
    check("*.a 9 CNAME b.a\n", &[]);
}

#[test]
fn hosts_must_have_addresses_of_their_own() {
    check(
        "@ 9 MX 1 a\na 9 CNAME ns\n",
        &["6:1: error: MX names a.x., which is an alias (CNAME); name the host itself"],
    );
    check(
        "@ 9 NS a\na 9 TXT t\n",
        &["6:1: error: a.x. is a name server without an address; add one"],
    );
    check("@ 9 NS a\n", &["6:1: error: a.x. is a name server that does not exist; add it"]);
    check("@ 9 MX 1 a\n", &["6:1: warning: MX names a.x., which does not exist"]);
    check(
        "c 9 NS ns.c\n",
        &["6:1: error: c.x. is served by ns.c.x., whose address is missing; add glue"],
    );
    check(
        "@ 9 MX 1 ns.x\n",
        &[
            "6:1: warning: ns.x.x. repeats the zone's name; is the dot at its end missing?",
            "6:1: warning: MX names ns.x.x., which does not exist",
        ],
    );
    check(
        "@ 9 MX 1 192.0.2.1.\n",
        &["6:1: error: MX wants a host's name, not an address; name the host 192.0.2.1. stands \
                for"],
    );
}

#[test]
fn data_that_no_answer_shows_are_named() {
    check(
        "c 9 NS ns\na.c 9 A 192.0.2.1\n",
        &["7:1: warning: a.c.x. A is hidden: c.x. is delegated, and this is no address of a \
                name server"],
    );
    check(
        "c 9 NS ns\nc 9 TXT t\n",
        &["7:1: warning: c.x. TXT is hidden: c.x. is delegated, and this is no address of a \
                name server"],
    );
    check(
        "d 9 DNAME y.\na.d 9 A 192.0.2.1\n",
        &["7:1: warning: a.d.x. is hidden: the DNAME at d.x. redirects it away"],
    );
    check("a 9 DS 1 8 2 AA\n", &["6:1: warning: a DS record, but a.x. has no NS records"]);
}
