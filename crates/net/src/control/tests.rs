//! A folder of sockets, its server and its clients.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::*;

/// A private folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("c7-{}-{test}", std::process::id()));
        private_folder(&path, sys::who_am_i().0).expect("a folder of our own");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn handle(request: Value) -> Result<Answer, String> {
    match request.get("do").and_then(Value::as_str) {
        Some("double") => {
            let number = request.get("number").and_then(Value::as_i64).ok_or("no number")?;
            Ok(Answer::new(json!({ "number": number * 2 })))
        }
        Some("stream") => {
            let (answer, mut sender) =
                Answer::with_stream(json!({})).map_err(|error| error.to_string())?;
            sender.write_all(b"capture").await.map_err(|error| error.to_string())?;
            Ok(answer)
        }
        verb => Err(format!("there is no verb {verb:?}")),
    }
}

#[test]
fn a_request_gets_its_answer_and_a_refusal_its_words() {
    let folder = Folder::new("answer");
    let runtime = runtime();
    let listener = Listener::open_in(&folder.0, "a").expect("open");
    let server = runtime.spawn(async move { listener.serve(handle).await });
    let mut client = Client::connect_in(&folder.0, None).expect("connected");
    assert_eq!(client.name(), "a");
    let (value, descriptors) = client.request("double", &json!({ "number": 21 })).expect("answer");
    assert_eq!(value, json!({ "number": 42 }));
    assert!(descriptors.is_empty());
    let error = client.request("fly", &Value::Null).expect_err("no such verb");
    assert_eq!(error.to_string(), "there is no verb Some(\"fly\")");
    server.abort();
}

#[test]
fn a_stream_of_bytes_comes_through_a_descriptor() {
    let folder = Folder::new("stream");
    let runtime = runtime();
    let listener = Listener::open_in(&folder.0, "a").expect("open");
    runtime.spawn(async move { listener.serve(handle).await });
    let mut client = Client::connect_in(&folder.0, Some("a")).expect("connected");
    let (_, mut descriptors) = client.request("stream", &Value::Null).expect("answer");
    let mut text = String::new();
    fs::File::from(descriptors.pop().expect("one")).read_to_string(&mut text).expect("read");
    assert_eq!(text, "capture");
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let folder = Folder::new("slow");
    let runtime = runtime();
    let listener = Listener::open_in(&folder.0, "a").expect("open");
    runtime.spawn(async move { listener.serve(handle).await });
    let mut slow = UnixStream::connect(folder.0.join("a.sock")).expect("connected");
    slow.write_all(b"{\"do\":\"double\",\"num").expect("half a request");
    let mut client = Client::connect_in(&folder.0, None).expect("connected");
    let (value, _) = client.request("double", &json!({ "number": 1 })).expect("answer");
    assert_eq!(value, json!({ "number": 2 }));
}

#[test]
fn what_is_no_request_is_told_so() {
    let folder = Folder::new("bad");
    let runtime = runtime();
    let listener = Listener::open_in(&folder.0, "a").expect("open");
    runtime.spawn(async move { listener.serve(handle).await });
    for (bad, expected) in [
        ("nonsense\n", "{\"error\":\"not a request: expected"),
        ("{}\n", "{\"error\":\"not a request: it has no verb"),
    ] {
        let mut stream = UnixStream::connect(folder.0.join("a.sock")).expect("connected");
        stream.write_all(bad.as_bytes()).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answer");
        assert!(answer.starts_with(expected), "{answer}");
    }
    let mut stream = UnixStream::connect(folder.0.join("a.sock")).expect("connected");
    let endless = vec![b'x'; LINE_BYTES_MAX + READ_AHEAD];
    let ended = stream.write_all(&endless).and_then(|()| stream.read_to_end(&mut Vec::new()));
    assert!(ended.is_ok_and(|count| count == 0) || true_end(&mut stream));
}

/// More than the server takes beyond the longest line.
const READ_AHEAD: usize = 64 * 1024;

fn true_end(stream: &mut UnixStream) -> bool {
    stream.read(&mut [0; 1]).is_ok_and(|count| count == 0) || stream.write_all(b"x").is_err()
}

#[test]
fn none_and_several_are_errors_that_list_them() {
    let folder = Folder::new("several");
    let none = Client::connect_in(&folder.0, None).expect_err("nothing runs");
    assert!(matches!(none, ControlError::NothingRuns), "{none}");
    let _b = Listener::open_in(&folder.0, "b").expect("open");
    let _a = Listener::open_in(&folder.0, "a").expect("open");
    let several = Client::connect_in(&folder.0, None).expect_err("two run").to_string();
    assert_eq!(several, "several labs are running (a, b): choose one with --name");
    let absent = Client::connect_in(&folder.0, Some("c")).expect_err("no c").to_string();
    assert_eq!(absent, "no lab named \"c\" is running; running: a, b");
}

#[test]
fn a_name_is_taken_while_it_runs_and_free_after_a_crash() {
    let folder = Folder::new("stale");
    let first = Listener::open_in(&folder.0, "a").expect("open");
    let second = Listener::open_in(&folder.0, "a").expect_err("taken");
    assert!(matches!(second, ControlError::Taken(_)), "{second}");
    drop(first);
    assert_eq!(fs::read_dir(&folder.0).expect("a list").count(), 0, "all goes with its owner");
    // What a crash leaves: a socket that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(folder.0.join("a.sock")).expect("bind"));
    assert!(running_in(&folder.0).expect("a list").is_empty());
    let again = Listener::open_in(&folder.0, "a").expect("a stale socket is removed");
    assert_eq!(again.name(), "a");
}

/// A killed process drops nothing; the kernel drops its locks.
#[test]
fn what_killed_labs_left_is_swept_and_what_runs_stays() {
    let folder = Folder::new("sweep");
    let running = Listener::open_in(&folder.0, "running").expect("open");
    for left in ["run-1.lock", "run-1.sock", "run-2.lock", "note.txt"] {
        fs::write(folder.0.join(left), "").expect("written");
    }
    server::sweep(&folder.0);
    let mut names: Vec<_> =
        fs::read_dir(&folder.0).expect("a list").map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["note.txt", "running.lock", "running.sock"]);
    drop(running);
}

/// The lock's file goes away with its owner: who had opened it before has the
/// lock of nothing, and must not believe that the name is its own.
#[test]
fn of_many_that_want_a_name_at_once_one_has_it() {
    let folder = Arc::new(Folder::new("many"));
    let held = Arc::new(AtomicUsize::new(0));
    let runtime = runtime();
    let tasks = (0..8).map(|_| {
        let (folder, held) = (Arc::clone(&folder), Arc::clone(&held));
        runtime.spawn_blocking(move || {
            for _ in 0..200 {
                let Ok(listener) = Listener::open_in(&folder.0, "a") else { continue };
                assert_eq!(held.fetch_add(1, Ordering::SeqCst), 0, "two have the name");
                assert!(folder.0.join("a.sock").exists());
                held.fetch_sub(1, Ordering::SeqCst);
                drop(listener);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        runtime.block_on(task).expect("one owner at a time");
    }
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    let folder = Folder::new("names");
    for bad in ["", "../a", "a/b", ".hidden", "a b", &"x".repeat(NAME_BYTES_MAX + 1)] {
        let error = Listener::open_in(&folder.0, bad).expect_err("no name");
        assert!(matches!(error, ControlError::BadName(_)), "{bad:?}: {error}");
    }
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let folder = Folder::new("open");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).expect("ours");
    let error = private_folder(&folder.0, sys::who_am_i().0).expect_err("open to others");
    assert!(error.to_string().contains("0700"), "{error}");
    let foreign = private_folder(Path::new("/proc"), u32::MAX).expect_err("not ours");
    assert!(foreign.to_string().contains("belongs to user 0"), "{foreign}");
}
