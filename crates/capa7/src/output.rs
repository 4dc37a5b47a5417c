//! What the program says on standard output and standard error.

use std::io::{IsTerminal as _, Write as _};

use capa7_mail::agent::for_terminal;

/// Prints a line on standard output; a reader that went away is no error.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
}

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

/// Sends what the program's parts log to standard error: warnings by default,
/// what `CAPA7_LOG` says otherwise (`info`, `capa7_dns=debug`). Colours are for
/// terminals; in a file they would be noise, and `NO_COLOR` is against them.
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAPA7_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}
