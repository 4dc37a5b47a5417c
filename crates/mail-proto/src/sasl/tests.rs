use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::{any, proptest};

use super::client::{ClientError, ClientExchange};
use super::password::{Password, PrepareError, prepare};
use super::scram::{self, ScramCredentials};
use super::server::{Refusal, ServerExchange, Step};
use super::{MESSAGE_BYTES_MAX, Mechanism, NONCE_BYTES};

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn credentials() -> ScramCredentials {
    ScramCredentials::derive(&password("pencil"), b"a salt of andrea", 4_096)
}

fn scram_server() -> ServerExchange {
    ServerExchange::new(Mechanism::ScramSha256, [7; NONCE_BYTES])
}

/// The server's answer to a first message of SCRAM.
fn first(message: &str) -> Step {
    scram_server().begin(Some(message.as_bytes()))
}

/// The example of RFC 7677 §3: salt, both nonces and the password give the
/// proof and the signature that it prints.
#[test]
fn scram_proofs_are_those_of_the_standard() {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let unproved = format!("c=biws,r={nonce}");
    let messages = format!(
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,{unproved}"
    );
    let (proof, server_key) = scram::prove(&password("pencil"), &salt, 4_096, &messages);
    assert_eq!(STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    let signature = ring::hmac::sign(&server_key, messages.as_bytes());
    let expected = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(STANDARD.encode(signature), expected);

    let kept = ScramCredentials::derive(&password("pencil"), &salt, 4_096);
    assert!(kept.accepts(&proof, &messages));
    assert_eq!(STANDARD.encode(kept.signature(&messages)), expected);
    assert!(!kept.accepts(&proof, &messages.replace("n=user", "n=root")));
}

/// Both sides of each mechanism, with and without an initial response
/// (RFC 4422 §5): what the client says, the server understands.
#[test]
fn client_and_server_agree() {
    for mechanism in Mechanism::ALL {
        for with_command in [true, false] {
            let mut client =
                ClientExchange::new(mechanism, "a,n=ä", &password("pencil"), [1; NONCE_BYTES]);
            let mut server = ServerExchange::new(mechanism, [2; NONCE_BYTES]);
            let initial = with_command.then(|| client.initial_response()).flatten();
            let mut step = server.begin(initial.as_deref());
            let user = loop {
                step = match step {
                    Step::Challenge(challenge) => {
                        server.handle(&client.handle(&challenge).unwrap())
                    }
                    Step::NeedScram { user } => {
                        assert_eq!(user, "a,n=ä");
                        server.give_scram(Some(credentials()))
                    }
                    Step::CheckPassword { user, password, authzid } => {
                        assert_eq!((password.as_str(), authzid), ("pencil", None));
                        break user;
                    }
                    Step::Accepted { user } => break user,
                    Step::Refused(refusal) => panic!("{mechanism:?}: {refusal}"),
                };
            };
            assert_eq!(user, "a,n=ä");
            assert_eq!(client.finish(), Ok(()), "{mechanism:?}");
        }
    }
}

/// A wrong password fails at the proof, an unknown user at the same place with
/// a decoy, whose salt is the same at each question.
#[test]
fn a_wrong_password_looks_like_an_unknown_user() {
    let decoy = ScramCredentials::decoy(b"secret of the server", "eve");
    assert_eq!(decoy, ScramCredentials::decoy(b"secret of the server", "eve"));
    assert_ne!(decoy.salt, ScramCredentials::decoy(b"secret of the server", "bob").salt);
    for kept in [credentials(), decoy] {
        let mut client =
            ClientExchange::new(Mechanism::ScramSha256, "eve", &password("guess"), [1; 18]);
        let mut server = scram_server();
        assert!(matches!(
            server.begin(client.initial_response().as_deref()),
            Step::NeedScram { .. }
        ));
        let Step::Challenge(challenge) = server.give_scram(Some(kept)) else { panic!("no salt") };
        let proof = client.handle(&challenge).unwrap();
        assert_eq!(server.handle(&proof), Step::Refused(Refusal::WrongCredentials));
        assert_eq!(client.finish(), Err(ClientError::ServerUnproved));
    }
}

/// RFC 5802 §6: `p` asks for a binding that was not offered; a flag that was
/// changed on the way is found in the last message.
#[test]
fn channel_binding_is_refused_and_a_changed_flag_is_found() {
    let bare = "n=user,r=abc";
    assert_eq!(
        first(&format!("p=tls-server-end-point,,{bare}")),
        Step::Refused(Refusal::ChannelBinding)
    );
    assert!(matches!(first(&format!("y,,{bare}")), Step::NeedScram { .. }));

    let mut client =
        ClientExchange::new(Mechanism::ScramSha256, "user", &password("pencil"), [1; 18]);
    let sent = String::from_utf8(client.initial_response().unwrap()).unwrap();
    let mut server = scram_server();
    let _ = server.begin(Some(sent.replacen("n,,", "y,,", 1).as_bytes()));
    let Step::Challenge(challenge) = server.give_scram(Some(credentials())) else {
        panic!("no salt")
    };
    let proof = client.handle(&challenge).unwrap();
    assert_eq!(server.handle(&proof), Step::Refused(Refusal::ChannelBinding));
}

/// First messages that break RFC 5802 §5.1 or §7.
#[test]
fn malformed_first_messages_are_refused() {
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "x,,n=u,r=a",
        "n,,r=a,n=u",
        "n,,n=u",
        "n,,n=u,r=",
        "n,,n=,r=a",
        "n,,n=a=b,r=a",
        "n,,n=a=2c,r=a",
        "n,,m=x,n=u,r=a",
        "n,u,n=u,r=a",
        "n,,n=u,r=a b",
        "n,,n=u\u{7},r=a",
    ] {
        assert!(matches!(first(message), Step::Refused(_)), "{message:?}");
    }
    assert_eq!(first("n,a=root,n=u,r=a"), Step::Refused(Refusal::ActsForAnother));
    assert!(matches!(first("n,a=u,n=u,r=a,x=future"), Step::NeedScram { .. }));
    let long = format!("n,,n=u,r={}", "a".repeat(MESSAGE_BYTES_MAX));
    assert!(matches!(first(&long), Step::Refused(Refusal::Malformed(_))));
}

/// RFC 4616 §2: three parts, the last two not empty.
#[test]
fn plain_has_three_parts() {
    let plain = |message: &[u8]| {
        ServerExchange::new(Mechanism::Plain, [0; NONCE_BYTES]).begin(Some(message))
    };
    let step = |authzid: Option<&str>| Step::CheckPassword {
        authzid: authzid.map(str::to_owned),
        user: "tim".to_owned(),
        password: password("tanstaaftanstaaf"),
    };
    assert_eq!(plain(b"\0tim\0tanstaaftanstaaf"), step(None));
    assert_eq!(plain(b"tim\0tim\0tanstaaftanstaaf"), step(Some("tim")));
    assert_eq!(plain(b"Ursel\0tim\0x"), Step::Refused(Refusal::ActsForAnother));
    for wrong in [&b""[..], b"tim", b"\0tim", b"\0\0x", b"\0tim\0", b"\0a\0b\0c", b"\0a\0\xFF"] {
        assert!(matches!(plain(wrong), Step::Refused(_)), "{wrong:?}");
    }
}

/// RFC 7677 §4, RFC 5802 §9: too few and too many rounds, and nonces that are
/// not the client's, end the exchange on the client's side.
#[test]
fn a_client_refuses_what_a_lying_server_wants() {
    let answer = |challenge: &dyn Fn(&str) -> String| {
        let mut client = ClientExchange::new(Mechanism::ScramSha256, "u", &password("p"), [1; 18]);
        let first = String::from_utf8(client.initial_response().unwrap()).unwrap();
        let nonce = first.rsplit("r=").next().unwrap();
        client.handle(challenge(nonce).as_bytes())
    };
    let salt = "c2FsdA==";
    assert!(answer(&|nonce| format!("r={nonce}x,s={salt},i=4096")).is_ok());
    let few = answer(&|nonce| format!("r={nonce}x,s={salt},i=4095"));
    assert_eq!(few, Err(ClientError::Iterations(4_095)));
    let many = answer(&|nonce| format!("r={nonce}x,s={salt},i=4000000000"));
    assert_eq!(many, Err(ClientError::Iterations(4_000_000_000)));
    for wrong in
        ["r={},s=c2FsdA==,i=4096", "r=x,s=c2FsdA==,i=4096", "r={}x,i=4096", "r={}x,s=,i=4096"]
    {
        let refused = answer(&|nonce| wrong.replace("{}", nonce));
        assert!(matches!(refused, Err(ClientError::Malformed(_))), "{wrong}");
    }
}

/// RFC 4013 §2: other spaces are spaces, unseen characters go or are refused.
#[test]
fn names_and_passwords_are_brought_into_one_form() {
    assert_eq!(prepare("I\u{AD}X").as_deref(), Ok("IX"));
    assert_eq!(prepare("a\u{A0}b\u{3000}c").as_deref(), Ok("a b c"));
    assert_eq!(prepare("USER").as_deref(), Ok("USER"));
    assert_eq!(prepare("\u{AD}"), Err(PrepareError::Empty));
    for wrong in ["a\u{7}", "a\0", "a\u{202E}b", "a\u{85}"] {
        assert_eq!(prepare(wrong), Err(PrepareError::Control), "{wrong:?}");
    }
    assert_eq!(prepare(&"x".repeat(1_025)), Err(PrepareError::TooLong));
    assert!(!format!("{:?}", password("hush")).contains("hush"));
}

/// RFC 4422 §3.1: names in any case; SCRAM is preferred.
#[test]
fn the_best_mechanism_that_both_know_is_taken() {
    assert_eq!(Mechanism::best(["login", "PLAIN", "GSSAPI"]), Some(Mechanism::Plain));
    assert_eq!(Mechanism::best(["PLAIN", "scram-sha-256"]), Some(Mechanism::ScramSha256));
    assert_eq!(Mechanism::best(["GSSAPI"]), None);
}

proptest! {
    /// Whatever a client sends, the exchange answers and is over in four steps.
    #[test]
    fn no_message_makes_the_server_panic(
        messages in proptest::collection::vec(any::<Vec<u8>>(), 1..4)
    ) {
        for mechanism in Mechanism::ALL {
            let mut server = ServerExchange::new(mechanism, [3; NONCE_BYTES]);
            let _ = server.begin(None);
            for message in &messages {
                if matches!(server.handle(message), Step::NeedScram { .. }) {
                    let _ = server.give_scram(Some(credentials()));
                }
            }
            assert!(!matches!(server.handle(b""), Step::Accepted { .. }));
        }
    }

    #[test]
    fn escaped_names_come_back(name in ".*") {
        assert_eq!(scram::unescape(&scram::escape(&name)).as_deref(), Some(name.as_str()));
    }
}
