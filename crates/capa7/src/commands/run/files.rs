//! The files that a run writes: JUnit, events as lines of JSON, packets.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use capa7_lab::run::{RunReport, Skipped, junit};
use capa7_lab::story::{Teller, run_line};
use capa7_lab::text::Language;
use capa7_net::export::write_pcapng;

use super::RunArgs;

/// Files that wait for the end of the run, opened before it.
#[derive(Debug)]
pub(super) struct Files {
    junit: Option<Output>,
    events: Option<Output>,
    packets: Option<Output>,
}

#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: File,
}

impl Files {
    /// Opens what was asked for; what was in a file stays until the end.
    ///
    /// # Errors
    /// When one cannot be written, or packets of several scenarios are wanted.
    pub(super) fn open(args: &RunArgs, scenarios: usize) -> anyhow::Result<Self> {
        anyhow::ensure!(
            args.pcap.is_none() || scenarios == 1,
            "--pcap takes one scenario, not `all`"
        );
        let open = |path: &Option<PathBuf>| path.as_deref().map(Output::open).transpose();
        Ok(Self {
            junit: open(&args.junit)?,
            events: open(&args.events)?,
            packets: open(&args.pcap)?,
        })
    }

    /// Writes all of them.
    ///
    /// # Errors
    /// When the disk does not take one.
    pub(super) fn write(
        self,
        reports: &[RunReport],
        skipped: &[Skipped],
        language: Language,
    ) -> anyhow::Result<()> {
        if let Some(output) = self.junit {
            let text = junit(reports, skipped, language);
            output.write(|out| out.write_all(text.as_bytes()))?;
        }
        if let Some(output) = self.events {
            output.write(|out| {
                reports.iter().try_for_each(|report| {
                    let mut events = report.events.iter();
                    events.try_for_each(|event| writeln!(out, "{}", run_line(&report.id, event)))
                })
            })?;
        }
        if let (Some(output), Some(report)) = (self.packets, reports.first()) {
            let mut teller = Teller::new();
            output.write(|out| {
                let told = |event: &_| {
                    Some(teller.tell(event).summary).filter(|summary| !summary.is_empty())
                };
                write_pcapng(&report.network, out, told).map(|_| ())
            })?;
        }
        Ok(())
    }
}

impl Output {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn write(
        self,
        content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let written = (|| {
            // A pipe or a device has no length.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            let mut out = BufWriter::new(&self.file);
            content(&mut out)?;
            out.flush()
        })();
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
