//! `capa7 dns check FILE…`: a lint for zone files.

use std::path::PathBuf;
use std::process::ExitCode;

use capa7_dns_proto::zone_file::Severity;

use crate::output;

/// Checks each file; 0 when none has an error, 2 otherwise. Warnings alone are
/// no failure.
pub(crate) fn run(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut errors = 0_usize;
    for path in files {
        let zone = match capa7_dns::read_zone_file(path) {
            Ok(zone) => zone,
            Err(error) => {
                errors += 1;
                output::line(&error.to_string());
                continue;
            }
        };
        let findings = zone.check();
        for finding in &findings {
            output::line(&finding.to_string());
        }
        let faults = findings.iter().filter(|one| one.severity == Severity::Error).count();
        errors += faults;
        if faults == 0 {
            let apex = zone.apex().map(ToString::to_string).unwrap_or_default();
            output::line(&format!(
                "{}: zone {apex} has {} records, {} warnings",
                path.display(),
                zone.len(),
                findings.len()
            ));
        }
    }
    Ok(ExitCode::from(if errors == 0 { 0 } else { 2 }))
}
