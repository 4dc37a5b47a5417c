//! Whose mail, whose password.

use std::path::Path;

use capa7_mail_proto::address::{Address, ReversePath};
use capa7_net::{Host, HostConfig, NetworkConfig, VirtualNetwork};

use capa7_mail_proto::sasl::{ClientExchange, Mechanism, ServerExchange, Step};

use super::*;

const DOMAINS: [&str; 2] = ["ucatolica.edu.co", "urosario.edu.co"];

fn domains() -> Vec<String> {
    DOMAINS.iter().map(|domain| (*domain).to_owned()).collect()
}

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn name(text: &str) -> AccountName {
    text.parse().expect("an account's name")
}

fn password(text: &str) -> Password {
    Password::new(text).expect("a password")
}

fn virtual_host() -> (VirtualNetwork, Host) {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let config = HostConfig { name: "mail".to_owned(), ..HostConfig::default() };
    let host = net.network().add_host(config).expect("a host");
    (net, host)
}

fn lab() -> Users {
    let accounts = ["andrea@ucatolica.edu.co", "carlos@urosario.edu.co"].map(address);
    Users::lab(&domains(), &accounts).expect("two accounts")
}

// RFC 5321 §3.5.3, §4.5.1: an account, an alias, a detail, the postmaster, nobody.
#[test]
fn an_address_leads_to_its_account_and_nowhere_else() {
    let mut book = UserBook::new(domains());
    let mut record = UserRecord::new(Secret::plain("x"));
    record.aliases = vec![address("A.Perez@ucatolica.edu.co")];
    book.add(name("andrea@ucatolica.edu.co"), record).expect("a new one");
    book.add(name("carlos@urosario.edu.co"), UserRecord::new(Secret::plain("x")))
        .expect("a new one");
    book.set_catch_all("urosario.edu.co", name("carlos@urosario.edu.co")).expect("he is there");
    let check =
        |text: &str, expect: Resolved| assert_eq!(book.resolve(&address(text)), expect, "{text}");
    let andrea = || Resolved::Account(name("andrea@ucatolica.edu.co"));
    let carlos = || Resolved::Account(name("carlos@urosario.edu.co"));
    check("andrea@ucatolica.edu.co", andrea());
    check("ANDREA@UCATOLICA.EDU.CO", andrea());
    check("a.perez@ucatolica.edu.co", andrea());
    check("andrea+lists@ucatolica.edu.co", andrea());
    check("nobody@ucatolica.edu.co", Resolved::Unknown);
    check("nobody@urosario.edu.co", carlos());
    check("andrea@elsewhere.test", Resolved::NotOurs);
    let postmaster = Resolved::Account(name("postmaster@ucatolica.edu.co"));
    check("Postmaster@ucatolica.edu.co", postmaster);
}

// RFC 6409 §6.1.
#[test]
fn an_account_sends_as_itself_and_as_its_aliases() {
    let users = lab();
    let may = |from: Option<&str>| {
        users.may_send_as(&name("andrea@ucatolica.edu.co"), &ReversePath(from.map(address)))
    };
    assert!(may(Some("andrea@ucatolica.edu.co")) && may(None));
    assert!(!may(Some("carlos@urosario.edu.co")) && !may(Some("andrea@elsewhere.test")));
}

#[test]
fn an_address_has_one_account() {
    let mut book = UserBook::new(domains());
    book.add(name("andrea@ucatolica.edu.co"), UserRecord::new(Secret::plain("x")))
        .expect("a new one");
    let mut second = UserRecord::new(Secret::plain("x"));
    second.aliases = vec![address("andrea@ucatolica.edu.co")];
    let refused = book.add(name("ana@ucatolica.edu.co"), second).unwrap_err();
    assert!(refused.to_string().contains("andrea@ucatolica.edu.co leads to"), "{refused}");
    assert_eq!(book.accounts().count(), 1);
}

#[test]
fn a_name_that_would_leave_its_folder_is_no_account() {
    for text in ["../x@a.test", ".x@a.test", "a/b@a.test", "x@../..", "x@", "@a.test", "a b@a.test"]
    {
        assert!(text.parse::<AccountName>().is_err(), "{text}");
    }
    let long = format!("{}@a.test", "x".repeat(200));
    assert!(long.parse::<AccountName>().is_err());
    assert_eq!(name("Andrea.Perez-2@A.test").as_str(), "andrea.perez-2@a.test");
}

#[test]
fn a_lab_password_is_the_part_before_the_at() {
    let (net, host) = virtual_host();
    let users = lab();
    let checked = net.run(async {
        (
            users.check_password(&host, "andrea@ucatolica.edu.co", &password("andrea")).await,
            users.check_password(&host, "andrea@ucatolica.edu.co", &password("carlos")).await,
            users.check_password(&host, "nobody@ucatolica.edu.co", &password("nobody")).await,
            // Two domains: the part before the @ says too little.
            users.check_password(&host, "andrea", &password("andrea")).await,
        )
    });
    let andrea = Account { name: name("andrea@ucatolica.edu.co") };
    assert_eq!(checked, Ok((Some(andrea), None, None, None)));
}

#[test]
fn a_hashed_password_is_checked_and_nobody_has_the_decoys() {
    let (net, host) = virtual_host();
    let mut book = UserBook::new(vec!["a.test".to_owned()]);
    let secret = Secret::of_password("correcto", &mut host.rng()).expect("a password");
    assert!(secret.hash().expect("a hash").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!format!("{secret:?}").contains("argon2id"));
    book.add(name("andrea@a.test"), UserRecord::new(secret)).expect("a new one");
    let users = Users::new(book);
    let checked = net.run(async {
        (
            users.check_password(&host, "andrea", &password("correcto")).await.is_some(),
            users.check_password(&host, "andrea", &password("Correcto")).await.is_some(),
            users.check_password(&host, "nobody", &password("nobody")).await.is_some(),
        )
    });
    assert_eq!(checked, Ok((true, false, false)));
    // The decoy is a hash of the usual costs that the verifier reads to its end.
    let decoy = Secret::decoy();
    assert_eq!(Secret::from_texts(decoy.hash().expect("a hash"), None), Ok(decoy.clone()));
    assert!(!decoy.verify(&password(" ")));
}

/// Whether a proof made with `text` is accepted for `user`.
fn proves(users: &Users, user: &str, text: &str) -> bool {
    let mut server = ServerExchange::new(Mechanism::ScramSha256, [1; 18]);
    let mut client = ClientExchange::new(Mechanism::ScramSha256, user, &password(text), [2; 18]);
    let first = client.initial_response().expect("SCRAM begins with the client");
    let Step::NeedScram { user } = server.begin(Some(&first)) else { panic!("a user is named") };
    let Step::Challenge(challenge) = server.give_scram(Some(users.scram(&user))) else {
        panic!("a salt is told")
    };
    let proof = client.handle(&challenge).expect("a challenge in order");
    // The server proves itself before the exchange is over (RFC 5802 §5).
    match server.handle(&proof) {
        Step::Challenge(last) => {
            let answer = client.handle(&last).expect("the server proves itself");
            matches!(server.handle(&answer), Step::Accepted { .. }) && client.finish().is_ok()
        }
        _ => false,
    }
}

// RFC 5802 §3, RFC 7677: with a lab's passwords, with hashes, after a file.
#[test]
fn a_password_can_be_proved_without_telling_it() {
    let users = lab();
    assert!(proves(&users, "andrea@ucatolica.edu.co", "andrea"));
    assert!(!proves(&users, "andrea@ucatolica.edu.co", "carlos"));
    assert!(!proves(&users, "nobody@ucatolica.edu.co", "nobody"));
    let salt = |user: &str| users.scram(user).salt;
    assert_eq!(salt("nobody@ucatolica.edu.co"), salt("nobody@ucatolica.edu.co"));
    assert_ne!(salt("nobody@ucatolica.edu.co"), salt("niemand@ucatolica.edu.co"));
    let (_net, host) = virtual_host();
    let mut book = UserBook::new(vec!["a.test".to_owned()]);
    let secret = Secret::of_password("correcto", &mut host.rng()).expect("a password");
    let (phc, scram) = (secret.hash().expect("a hash"), secret.scram_text().expect("credentials"));
    assert!(scram.starts_with("SCRAM-SHA-256$10000:"), "{scram}");
    let again = Secret::from_texts(phc, Some(&scram)).expect("what was written");
    assert_eq!(again, secret);
    book.add(name("andrea@a.test"), UserRecord::new(again)).expect("a new one");
    let users = Users::new(book);
    assert!(proves(&users, "andrea", "correcto") && !proves(&users, "andrea", "falso"));
}

#[test]
fn users_survive_their_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.toml");
    let (_net, host) = virtual_host();
    assert_eq!(load_users(&file, &domains()), Ok(UserBook::new(domains())), "no file, no users");
    let mut book = UserBook::new(domains());
    let secret = Secret::of_password("uno", &mut host.rng()).expect("a password");
    let mut record = UserRecord::new(secret);
    record.aliases = vec![address("a.perez@ucatolica.edu.co")];
    book.add(name("andrea@ucatolica.edu.co"), record).expect("a new one");
    book.set_catch_all("ucatolica.edu.co", name("andrea@ucatolica.edu.co")).expect("she is there");
    store_users(&file, &book).expect("stored");
    assert_eq!(load_users(&file, &domains()), Ok(book.clone()));
    let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().expect("it is there"));
    assert_eq!(mode & 0o777, 0o600, "nobody else reads hashes");
    let another = Secret::of_password("dos", &mut host.rng()).expect("a password");
    book.set_secret(&name("andrea@ucatolica.edu.co"), another).expect("she is there");
    store_users(&file, &book).expect("stored again");
    assert_eq!(load_users(&file, &domains()), Ok(book));
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing beside");
}

#[test]
fn a_fault_in_the_file_of_users_has_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.toml");
    let hash = Secret::decoy().hash().expect("a hash").to_owned();
    let check = |text: String, place: &str, words: &str| {
        std::fs::write(&file, text).expect("written");
        let error = load_users(Path::new(&file), &domains()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("users.toml:{place}: ")) && error.contains(words),
            "{error}"
        );
    };
    let head = "[account.\"andrea@ucatolica.edu.co\"]\n";
    check(format!("{head}password = \"secret\"\n"), "2:12", "argon2id");
    check(format!("{head}colour = 1\n"), "2:1", "colour");
    check(format!("[account.\"andrea\"]\npassword = \"{hash}\"\n"), "1:10", "name@domain");
    let elsewhere = format!("[account.\"a@x.test\"]\npassword = \"{hash}\"\n");
    check(elsewhere, "1:10", "no domain of this server");
    let alias = format!("{head}password = \"{hash}\"\naliases = [\"x\"]\n");
    check(alias, "3:12", "no mail address");
    let scram = format!("{head}password = \"{hash}\"\nscram = \"SCRAM-SHA-256$9:x\"\n");
    check(scram, "3:9", "SCRAM-SHA-256");
    let nobody = "[catch_all]\n\"urosario.edu.co\" = \"nobody@urosario.edu.co\"\n";
    check(nobody.to_owned(), "2:21", "no account");
    let costs = hash.replace("m=19456", "m=99999999");
    check(format!("{head}password = \"{costs}\"\n"), "2:12", "costs");
}
