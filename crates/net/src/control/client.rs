//! The asking side, without a runtime: a command that is about to enter a
//! namespace must have one thread.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Map, Value};

use super::{ControlError, LINE_BYTES_MAX, folder, rights, running_in, socket_path};

/// Bytes asked from the kernel at once.
const READ_BYTES: usize = 16 * 1024;

/// A line to a running lab.
#[derive(Debug)]
pub struct Client {
    name: String,
    stream: UnixStream,
    unread: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Client {
    /// Calls the lab of this name, or the only one that runs.
    ///
    /// # Errors
    /// When none runs, when several run and none is named, when the named one
    /// does not run; each error says what does.
    pub fn connect(name: Option<&str>) -> Result<Self, ControlError> {
        Self::connect_in(&folder()?, name)
    }

    /// Calls what listens in a folder of its own: see [`super::Listener::open_in`].
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_in(folder: &Path, name: Option<&str>) -> Result<Self, ControlError> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => only(running_in(folder)?)?,
        };
        let path = socket_path(folder, &name)?;
        match UnixStream::connect(path) {
            Ok(stream) => Ok(Self { name, stream, unread: Vec::new(), descriptors: Vec::new() }),
            Err(error) => {
                let running = running_in(folder)?;
                let absent = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                    .contains(&error.kind());
                Err(match running.is_empty() {
                    _ if !absent => ControlError::Broken(error),
                    true => ControlError::NothingRuns,
                    false => ControlError::NoSuchName { name, running },
                })
            }
        }
    }

    /// The name of the lab that answers.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks for `verb` with the fields of `arguments` (an object or null) and
    /// waits for the answer and its descriptors.
    ///
    /// # Errors
    /// The lab's refusal in its words, a line that breaks, an answer that is
    /// not as agreed.
    pub fn request(
        &mut self,
        verb: &str,
        arguments: &Value,
    ) -> Result<(Value, Vec<OwnedFd>), ControlError> {
        let mut fields = Map::new();
        fields.insert("do".into(), verb.into());
        if let Value::Object(arguments) = arguments {
            fields.extend(arguments.clone());
        }
        let mut line = Value::Object(fields).to_string().into_bytes();
        line.push(b'\n');
        self.stream.write_all(&line)?;
        let line = self.read_line()?;
        let unclear = || ControlError::BadAnswer(String::from_utf8_lossy(&line).into_owned());
        let Ok(Value::Object(mut answer)) = serde_json::from_slice(&line) else {
            return Err(unclear());
        };
        if let Some(Value::String(why)) = answer.get("error") {
            return Err(ControlError::Refused(why.clone()));
        }
        let value = answer.remove("ok").ok_or_else(unclear)?;
        Ok((value, std::mem::take(&mut self.descriptors)))
    }

    fn read_line(&mut self) -> Result<Vec<u8>, ControlError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(end + 1);
                self.unread.pop();
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            if self.unread.len() > LINE_BYTES_MAX {
                return Err(ControlError::BadAnswer("a line without an end".into()));
            }
            let (count, descriptors) = rights::receive(self.stream.as_fd(), &mut buffer)?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.unread.extend(buffer.iter().take(count));
            self.descriptors.extend(descriptors);
        }
    }
}

fn only(mut running: Vec<String>) -> Result<String, ControlError> {
    match running.len() {
        0 | 1 => running.pop().ok_or(ControlError::NothingRuns),
        _ => Err(ControlError::Several(running)),
    }
}
