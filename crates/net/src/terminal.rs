//! Asking a person at a terminal.

#![expect(unsafe_code, reason = "a terminal's echo has no safe interface")]

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::fd::AsRawFd as _;

/// Asks for a secret. At a terminal what is typed does not appear; otherwise
/// the next line of standard input is taken, without a question.
///
/// # Errors
/// When standard input ends or cannot be read.
pub fn ask_secret(question: &str) -> io::Result<String> {
    let stdin = io::stdin();
    let is_terminal = stdin.is_terminal();
    let _hidden = if is_terminal {
        let mut err = io::stderr().lock();
        write!(err, "{question}: ")?;
        err.flush()?;
        Some(Hidden::begin()?)
    } else {
        None
    };
    let mut line = String::new();
    let count = stdin.lock().read_line(&mut line)?;
    if is_terminal {
        writeln!(io::stderr())?;
    }
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// Whether somebody sits at standard input.
#[must_use]
pub fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// A terminal without echo, until it is dropped.
struct Hidden(libc::termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let input = io::stdin().as_raw_fd();
        // SAFETY: termios is plain data, for which zeros are a value; the call
        // fills it or fails.
        let before = unsafe {
            let mut settings: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(input, &raw mut settings) != 0 {
                return Err(io::Error::last_os_error());
            }
            settings
        };
        let mut quiet = before;
        quiet.c_lflag &= !libc::ECHO;
        // SAFETY: the settings are those of this terminal with one flag less.
        if unsafe { libc::tcsetattr(input, libc::TCSAFLUSH, &raw const quiet) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // SAFETY: these were the terminal's own settings.
        let _ =
            unsafe { libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSAFLUSH, &raw const self.0) };
    }
}
