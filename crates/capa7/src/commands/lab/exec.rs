//! `capa7 lab exec`: any program as a host of the running lab.

use std::ffi::OsString;
use std::process::ExitCode;

use capa7_net::exec;
use clap::Args;

use crate::output;

/// What `capa7 lab exec` is told.
#[derive(Debug, Args)]
pub(crate) struct ExecArguments {
    /// Host to be: its name, its first label, or the person who sits at it;
    /// a free one of the first site otherwise
    #[arg(long = "as", value_name = "HOST")]
    host: Option<String>,
    /// Which lab, when several run
    #[arg(long)]
    name: Option<String>,
    /// The process that started this one: the program ends with it
    #[arg(long, value_name = "PROCESS", hide = true)]
    ends_with: Option<u32>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Becomes the program, or says why not.
pub(crate) fn run(arguments: &ExecArguments) -> ExitCode {
    let (name, host) = (arguments.name.as_deref(), arguments.host.as_deref());
    let parent = arguments.ends_with;
    let error = exec::become_program(name, host, parent, &arguments.command, output::tell);
    let code = ExitCode::from(error.exit_code());
    output::complain(&anyhow::Error::from(error));
    code
}
