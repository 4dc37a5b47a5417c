//! A terminal for programs that want one: tmux, with a server of its own.

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Instant;

use crate::program::{Folder, PATIENCE, Running, Said};

/// A program in a terminal of 100 columns and 30 rows.
pub(super) struct Terminal {
    tmux: PathBuf,
    folder: PathBuf,
    /// tmux's control mode: a line for each change of the screen.
    events: Running,
    _open: ChildStdin,
}

impl Terminal {
    pub(super) fn start(tmux: &Path, folder: &Folder, program: &str) -> Self {
        let mut command = command(tmux, folder.path());
        command.args(["-C", "new-session", "-x", "100", "-y", "30", program]);
        let (events, input) = Running::with_input(command.stdin(Stdio::piped()));
        let folder = folder.path().to_owned();
        Self { tmux: tmux.to_owned(), folder, events, _open: input }
    }

    /// Waits until the screen shows a text; the whole screen.
    pub(super) fn shows(&mut self, text: &str) -> String {
        self.until(&format!("{text:?} is shown"), |screen| screen.contains(text))
    }

    /// Waits until the screen does not show a text.
    pub(super) fn hides(&mut self, text: &str) -> String {
        self.until(&format!("{text:?} is gone"), |screen| !screen.contains(text))
    }

    fn until(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]).out;
            if fits(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && self.events.next_line(left), "until {what}:\n{screen}");
        }
    }

    /// Types a text.
    pub(super) fn types(&self, text: &str) {
        assert_eq!(self.tmux(&["send-keys", "-l", text]).code, Some(0), "{text}");
    }

    /// Presses keys by their names: `Enter`, `C-u`.
    pub(super) fn presses(&self, keys: &[&str]) {
        assert_eq!(self.tmux(&[&["send-keys"], keys].concat()).code, Some(0), "{keys:?}");
    }

    /// Waits for the program's end.
    pub(super) fn ends(mut self) {
        self.events.wait_for("%exit");
    }

    fn tmux(&self, words: &[&str]) -> Said {
        Said::by(command(&self.tmux, &self.folder).args(words).stdin(Stdio::null()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _gone = self.tmux(&["kill-server"]);
    }
}

fn command(tmux: &Path, folder: &Path) -> Command {
    let mut command = Command::new(tmux);
    command.args(["-L", "mutt", "-f", "/dev/null"]).current_dir(folder);
    command.env("TMUX_TMPDIR", folder).env("HOME", folder).env("LC_ALL", "C.UTF-8");
    command.env("TERM", "screen").env_remove("TMUX").env_remove("MAIL");
    command
}
