//! Stock clients against our server, our client against a stock server.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use capa7_mail::smtp::connection::{ClientSettings, Connection, TlsUse};
use capa7_mail_proto::smtp::client::Outcome;
use capa7_net::Cause;

use super::*;

/// Runs a program to its end without holding up the server.
async fn run(host: &Host, command: Command) -> Output {
    let mut command = command;
    host.blocking(move || command.stdin(Stdio::null()).output().unwrap()).await
}

fn arguments(program: &Path, line: &str) -> Command {
    let mut command = Command::new(program);
    command.args(line.split_whitespace());
    command
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// Swaks sends one message; what it showed, and what arrived.
async fn swaks(host: &Host, sink: &mut Sink, program: &Path, line: &str) -> (String, Taken) {
    let port = sink.server.local_addr().port();
    let line = format!(
        "--server 127.0.0.1 --port {port} --from andrea@x.example --to carlos@x.example \
         --helo swaks.example {line}"
    );
    let output = run(host, arguments(program, &line)).await;
    assert!(output.status.success(), "{line}: {}", said(&output));
    (said(&output), sink.next(host).await)
}

#[test]
fn swaks_delivers_in_clear_and_within_tls() {
    let Some(program) = capa7_peers::need("swaks") else { return };
    if !capa7_peers::need_perl_module("Net::SSLeay") {
        return;
    }
    on_this_machine(|host| async move {
        let mut sink = Sink::start(&host, loopback(), Role::Mx, in_clear);
        let (_, taken) = swaks(&host, &mut sink, &program, "--body .dot").await;
        assert!(String::from_utf8_lossy(&taken.message).contains("\r\n\r\n.dot\r\n"));
        assert!(String::from_utf8_lossy(&taken.message).contains(" with ESMTP id "));
        swaks(&host, &mut sink, &program, "--pipeline --body piped").await;
        let mut sink = Sink::start(&host, loopback(), Role::Mx, starttls);
        let (shown, taken) = swaks(&host, &mut sink, &program, "--tls").await;
        assert!(shown.contains("TLSv1.3") || shown.contains("TLSv1_3"), "{shown}");
        assert!(String::from_utf8_lossy(&taken.message).contains(" with ESMTPS id "));
        let mut sink = Sink::start(&host, loopback(), Role::Mx, implicit);
        swaks(&host, &mut sink, &program, "--tls-on-connect").await;
    });
}

#[test]
fn swaks_logs_in_and_is_refused_without() {
    let Some(program) = capa7_peers::need("swaks") else { return };
    if !capa7_peers::need_perl_module("Net::SSLeay") {
        return;
    }
    on_this_machine(|host| async move {
        let mut sink = Sink::start(&host, loopback(), Role::Submission, starttls);
        for mechanism in ["PLAIN", "LOGIN"] {
            let user = "--auth-user andrea@x.example --auth-password andrea";
            let line = format!("--tls --auth {mechanism} {user}");
            let (shown, taken) = swaks(&host, &mut sink, &program, &line).await;
            assert!(shown.contains("235 2.7.0"), "{shown}");
            assert!(String::from_utf8_lossy(&taken.message).contains(" with ESMTPSA id "));
        }
        let port = sink.server.local_addr().port();
        let line = format!("--server 127.0.0.1 --port {port} --to carlos@x.example --tls");
        let output = run(&host, arguments(&program, &line)).await;
        assert!(!output.status.success() && said(&output).contains("530 5.7.0"));
        let line = format!("{line} --auth PLAIN --auth-user andrea@x.example --auth-password no");
        let output = run(&host, arguments(&program, &line)).await;
        assert!(!output.status.success() && said(&output).contains("535 5.7.8"));
    });
}

#[test]
fn curl_sends_a_file() {
    let Some(program) = capa7_peers::need("curl") else { return };
    on_this_machine(|host| async move {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("message");
        std::fs::write(&file, "Subject: from curl\r\n\r\n.one\r\n..two\r\n").unwrap();
        let mut sink = Sink::start(&host, loopback(), Role::Submission, in_clear);
        let port = sink.server.local_addr().port();
        let line = format!(
            "-sS --url smtp://127.0.0.1:{port}/curl.example --mail-from andrea@x.example \
             --mail-rcpt carlos@x.example --user andrea@x.example:andrea --upload-file {}",
            file.display()
        );
        let output = run(&host, arguments(&program, &line)).await;
        assert!(output.status.success(), "{}", said(&output));
        let taken = sink.next(&host).await;
        let text = String::from_utf8_lossy(&taken.message).into_owned();
        assert!(
            text.ends_with("\r\n\r\n.one\r\n..two\r\n") && text.contains("\r\nDate: "),
            "{text}"
        );
    });
}

#[test]
fn smtplib_sends_several_messages_in_one_session() {
    let Some(program) = capa7_peers::need("python3") else { return };
    on_this_machine(|host| async move {
        let mut sink = Sink::start(&host, loopback(), Role::Submission, starttls);
        let port = sink.server.local_addr().port();
        let script = format!(
            "import smtplib, ssl\n\
             context = ssl._create_unverified_context()\n\
             with smtplib.SMTP('127.0.0.1', {port}, 'python.example') as smtp:\n\
             \x20   smtp.starttls(context=context)\n\
             \x20   smtp.login('andrea@x.example', 'andrea')\n\
             \x20   for n in range(3):\n\
             \x20       smtp.sendmail('andrea@x.example', ['carlos@x.example', 'z@y.example'],\n\
             \x20           'Subject: %d\\r\\n\\r\\nhola' % n)\n\
             \x20   try:\n\
             \x20       smtp.sendmail('andrea@x.example', ['nobody@x.example'], 'x')\n\
             \x20   except smtplib.SMTPRecipientsRefused as refused:\n\
             \x20       assert refused.recipients['nobody@x.example'][0] == 550\n\
             \x20   else:\n\
             \x20       raise SystemExit('nobody was taken')\n"
        );
        let mut command = Command::new(&program);
        command.arg("-c").arg(script);
        let output = run(&host, command).await;
        assert!(output.status.success(), "{}", said(&output));
        for number in 0..3 {
            let taken = sink.next(&host).await;
            assert_eq!(taken.envelope.recipients.len(), 2);
            let text = String::from_utf8_lossy(&taken.message).into_owned();
            assert!(text.contains(&format!("Subject: {number}\r\n")), "{text}");
        }
    });
}

#[test]
fn smtp_source_floods_and_every_message_arrives() {
    let Some(program) = capa7_peers::need("smtp-source") else { return };
    on_this_machine(|host| async move {
        let mut sink = Sink::start(&host, loopback(), Role::Mx, in_clear);
        let port = sink.server.local_addr().port();
        let line = format!(
            "-4 -c -s 10 -m 100 -l 4096 -f andrea@x.example -t carlos@x.example 127.0.0.1:{port}"
        );
        let flood = {
            let (host, program) = (host.clone(), program.clone());
            host.clone()
                .spawn("smtp-source", async move { run(&host, arguments(&program, &line)).await })
        };
        for _ in 0..100 {
            assert!(sink.next(&host).await.message.len() > 4_000);
        }
        let output = flood.await.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        sink.server.stop().await;
    });
}

#[test]
fn our_client_delivers_to_postfix_smtp_sink() {
    let Some(program) = capa7_peers::need("smtp-sink") else { return };
    on_this_machine(|host| async move {
        let port = capa7_peers::free_port();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(&program);
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        command.args(["-u", user.trim(), "-R"]).arg(folder.path()).args(["-d", "dump."]);
        let mut sink = command
            .args([&format!("127.0.0.1:{port}"), "10"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let settings = ClientSettings {
            helo: "a.example".to_owned(),
            tls: TlsUse::Never,
            credentials: None,
            chunking: true,
        };
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut opened = Connection::open(&host, to, settings.clone(), Cause::NONE).await;
        for _ in 0..2_400 {
            if opened.is_ok() {
                break;
            }
            host.sleep(Duration::from_millis(50)).await;
            opened = Connection::open(&host, to, settings.clone(), Cause::NONE).await;
        }
        let mut outcomes = Vec::new();
        if let Ok(connection) = &mut opened {
            for number in 0..2 {
                let text = message(&format!(".{number}"));
                outcomes.push(connection.send(&envelope("b@y.example"), text, Cause::NONE).await);
            }
        }
        let error = opened.as_ref().err().map(ToString::to_string);
        if let Ok(connection) = opened {
            connection.quit().await;
        }
        sink.kill().unwrap();
        sink.wait().unwrap();
        assert_eq!((error, outcomes.len()), (None, 2));
        for outcome in outcomes {
            let outcome = outcome.unwrap().remove(0).outcome;
            assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
        }
        let dumps = std::fs::read_dir(folder.path()).unwrap();
        let texts: Vec<_> =
            dumps.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        assert!(texts.iter().all(|text| text.contains("Subject: hi")), "{texts:?}");
        assert_eq!(texts.len(), 2);
    });
}

#[test]
fn a_session_typed_through_nc_has_the_seven_codes() {
    // Course M5: 220 250 250 250 354 250 221; without -C the reply says what to do.
    let Some(program) = capa7_peers::need("nc") else { return };
    on_this_machine(|host| async move {
        let mut sink = Sink::start(&host, loopback(), Role::Mx, in_clear);
        let port = sink.server.local_addr().port();
        let typed = "HELO crepes.fr\nMAIL FROM: <alice@crepes.fr>\nRCPT TO: <carlos@x.example>\n\
            DATA\nDo you like ketchup?\nHow about pickles?\n.\nQUIT\n";
        for (flags, codes) in [("-C", "220 250 250 250 354 250 221"), ("-n", "220 500")] {
            let mut command = Command::new(&program);
            command.args([flags, "-N", "127.0.0.1", &port.to_string()]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let work = move || {
                let mut child = command.spawn().unwrap();
                let mut keyboard = child.stdin.take().unwrap();
                std::io::Write::write_all(&mut keyboard, typed.as_bytes()).unwrap();
                drop(keyboard);
                child.wait_with_output().unwrap()
            };
            let output = host.blocking(work).await;
            let said = said(&output);
            let seen: Vec<_> = said.lines().filter_map(|line| line.get(..3)).collect();
            assert_eq!(seen.join(" "), codes, "{said}");
        }
        let taken = sink.next(&host).await;
        assert!(taken.message.ends_with(b"Do you like ketchup?\r\nHow about pickles?\r\n"));
    });
}
