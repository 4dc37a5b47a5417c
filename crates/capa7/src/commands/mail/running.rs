//! Asking the server of a configuration.

use anyhow::{Context as _, Result, bail};
use capa7_mail::config::MailConfig;
use capa7_mail::serve::CONTROL_NAME;
use capa7_net::control::{Client, ControlError};
use serde_json::Value;

use super::Which;

/// What the running server answers.
pub(super) fn ask(which: &Which, verb: &str, arguments: &Value) -> Result<Value> {
    let file = &which.config;
    let config = MailConfig::load(file)?;
    let nothing_runs = || {
        format!(
            "no server runs with {}: start it with `capa7 mail serve --config {0}`",
            file.display()
        )
    };
    if !config.data.exists() {
        bail!(nothing_runs());
    }
    let client = Client::connect_in(&config.data, Some(CONTROL_NAME));
    let mut client = match client {
        Ok(client) => client,
        Err(ControlError::NothingRuns | ControlError::NoSuchName { .. }) => bail!(nothing_runs()),
        Err(ControlError::Broken(error)) => {
            return Err(error).with_context(|| {
                format!(
                    "cannot ask the server that works in {}: check its name and who may enter it",
                    config.data.display()
                )
            });
        }
        Err(error) => return Err(error.into()),
    };
    Ok(client.request(verb, arguments)?.0)
}
