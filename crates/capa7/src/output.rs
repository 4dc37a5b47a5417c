//! What the program says on standard output and standard error.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use capa7_mail::agent::for_terminal;

/// Prints a line on standard output. A reader that went away is no error; what
/// else goes wrong, such as a full disk, is told by [`finish`].
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first failure is the one that is told.
        let _told_already = FAILURE.set(error.to_string());
    }
}

/// Why standard output did not take everything.
static FAILURE: OnceLock<String> = OnceLock::new();

/// The exit code of the program: that of the command, unless its output is not
/// complete.
pub(crate) fn finish(code: ExitCode) -> ExitCode {
    let Some(reason) = FAILURE.get() else { return code };
    tell(&format!("standard output did not take everything: {reason}"));
    ExitCode::from(2)
}

/// The columns of the terminal: what the shell says in `COLUMNS`, else what the
/// terminal says, else 120.
pub(crate) fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let size = || terminal_size::terminal_size_of(std::io::stdout());
    said.or_else(|| size().map(|(width, _)| usize::from(width.0))).unwrap_or(PIPE_COLUMNS)
}

const PIPE_COLUMNS: usize = 120;

/// Prints one JSON document on standard output.
pub(crate) fn document(value: &impl serde::Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Says on standard error what went wrong and what led to it. A server's words
/// may be among it: they do not command the terminal.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "capa7: {}", for_terminal(&error.to_string()));
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors carry their cause's words already.
        if !said.contains(&cause) {
            let _ = writeln!(err, "  because: {}", for_terminal(&cause));
        }
        said = cause;
    }
}

/// Tells the operator of a server something, on standard error.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "capa7: {}", for_terminal(text));
}

/// Tells somebody who waits at a terminal what happens meanwhile, on standard
/// error; a file or another program has no use for it.
pub(crate) fn tell_who_waits(text: &str) {
    if std::io::stderr().is_terminal() {
        tell(text);
    }
}

/// Sends what the program's parts log to standard error: warnings by default,
/// what `CAPA7_LOG` says otherwise (`info`, `capa7_dns=debug`). Colours are for
/// terminals that have them; `NO_COLOR` is against them.
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAPA7_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(obeys_escapes() && !no_color)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}

/// Whether standard error is a terminal in which escape sequences do something; in a file
/// and in one that calls itself `dumb` they are noise.
pub(crate) fn obeys_escapes() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
