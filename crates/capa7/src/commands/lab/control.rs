//! What a running lab does for other commands, through its control socket.
//!
//! | verb | asks for | answer |
//! |---|---|---|
//! | `exec` | a place for a program | the host, its namespaces |
//! | `pcap` | the capture, live | a stream of pcapng |
//! | `why` | the story of a failure | its steps |
//! | `status` | what runs | mode, hosts, events |

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use capa7_dns_proto::Name;
use capa7_dns_proto::resolve::Story;
use capa7_lab::lab::Lab;
use capa7_lab::story::Teller;
use capa7_lab::world::{World, WorldHost};
use capa7_net::control::{Answer, Client, Listener};
use capa7_net::exec::{self, Place};
use capa7_net::export::PcapngWriter;
use capa7_net::publish::Publication;
use capa7_net::{Cause, Host};
use clap::Args;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::live::LiveLab;

/// What `capa7 lab pcap` is told.
#[derive(Debug, Args)]
pub(crate) struct PcapArguments {
    /// File to write, or `-` for standard output:
    /// `capa7 lab pcap - | wireshark -k -i -`
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Which lab, when several run
    #[arg(long)]
    name: Option<String>,
}

/// The lab behind its control socket.
#[derive(Debug)]
pub(crate) struct Control {
    live: Arc<LiveLab>,
    /// The process that last became each host.
    programs: Mutex<BTreeMap<String, u32>>,
}

/// Answers other commands until it is dropped.
pub(crate) async fn serve(control: Arc<Control>, listener: Listener) {
    let handler = move |request: Value| {
        let control = Arc::clone(&control);
        async move { control.answer(&request).await.map_err(|error| format!("{error:#}")) }
    };
    if let Err(error) = listener.serve(handler).await {
        tracing::error!(%error, "the control socket ended");
    }
}

impl Control {
    pub(crate) fn new(live: Arc<LiveLab>) -> Self {
        Self { live, programs: Mutex::default() }
    }

    async fn answer(&self, request: &Value) -> Result<Answer> {
        let text = |key: &str| request.get(key).and_then(Value::as_str);
        match text("do") {
            Some(exec::VERB) => {
                let process = request.get("process").and_then(Value::as_u64);
                self.place(text("as"), process.and_then(|id| u32::try_from(id).ok())).await
            }
            Some("pcap") => {
                let (answer, sender) = Answer::with_stream(json!({}))?;
                let live = Arc::clone(&self.live);
                let machine = Host::machine(capa7_dissect::Room::Lab);
                machine.spawn("pcap", stream(live, sender)).detach();
                Ok(answer)
            }
            Some("why") => self.why(text("name").context("no name")?).await,
            Some("status") => Ok(Answer::new(json!({
                "mode": self.live.mode_name(),
                "hosts": self.live.lab.hosts().entries().len(),
                "events": self.live.lab.network().capture().next_id(),
            }))),
            other => anyhow::bail!("this lab does not know how to do {other:?}"),
        }
    }

    /// A place for a program: the namespace of its host and what it must know.
    async fn place(&self, wanted: Option<&str>, process: Option<u32>) -> Result<Answer> {
        let world = self.live.lab.world();
        let host = match wanted {
            Some(word) => world.meant(word).with_context(|| unknown_host(world, word))?,
            None => self.free_host(world)?,
        };
        if let Some(process) = process {
            let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
            programs.insert(host.name.clone(), process);
        }
        let house = self.live.house().with_context(|| {
            format!("a {} lab has no hosts to be: only a sealed one does", self.live.mode_name())
        })?;
        let mut place = describe(world, host);
        place.authority_pem = self.live.lab.authority().certificate_pem().to_owned();
        let machine = self.live.lab.network().host(&host.name).context("the host has gone")?;
        if self.live.wire.is_some() && self.live.lab.make_room(&machine).await {
            place.warning = Some(format!(
                "the lab's own uppercase servers on {} have ended, to make room for your program; \
                 they are there again when the lab starts anew",
                host.name
            ));
        }
        match &self.live.wire {
            Some(wire) => {
                Ok(place.answer(std::os::fd::AsFd::as_fd(&wire.attach(&machine)?), house.user())?)
            }
            None => {
                place.warning = Some(
                    "this machine has no veth pairs: the program shares one network with the \
                     servers, whose wildcard ports are taken, and it is not slowed"
                        .to_owned(),
                );
                let own = machine.addresses().iter().find_map(|address| match address {
                    std::net::IpAddr::V4(address) => Some(*address),
                    std::net::IpAddr::V6(_) => None,
                });
                if let Some(own) = own {
                    house.set_default_source(own)?;
                }
                Ok(place.answer(house.net(), house.user())?)
            }
        }
    }

    /// The first host for programs that no program is running on.
    fn free_host<'w>(&self, world: &'w World) -> Result<&'w WorldHost> {
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = |host: &&WorldHost| {
            let process = programs.get(&host.name);
            process.is_some_and(|id| PathBuf::from(format!("/proc/{id}")).exists())
        };
        let mut guests = world.hosts.iter().filter(|host| host.foreign);
        let free = guests.clone().find(|host| !runs(host));
        free.or_else(|| guests.next()).context(
            "this world has no host for programs: name one with --as, or give the world a host \
             with `foreign = true`",
        )
    }

    async fn why(&self, name: &str) -> Result<Answer> {
        let name = Name::parse(name)?;
        let mut stories = Vec::new();
        for (host, resolver) in self.live.lab.resolvers() {
            let asked = name.clone();
            let kept = resolver
                .resolving()
                .look(move |machine, _| machine.why(&asked).cloned().collect::<Vec<_>>());
            stories.extend(kept.await?.iter().map(|story| tell_story(host, story)));
        }
        Ok(Answer::new(Value::Array(stories)))
    }
}

/// A story as JSON: each step with its time and an English sentence.
fn tell_story(resolver: &str, story: &Story) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let steps = story.steps.iter().map(|step| {
        let meaning = step.note.meaning().into_iter().find(|(language, _)| *language == "en");
        let says = meaning.map(|(_, sentence)| sentence).unwrap_or_default();
        json!({ "at_ms": step.at.0 as f64 / 1e6, "kind": step.note.kind(), "says": says })
    });
    json!({
        "resolver": resolver,
        "name": story.name,
        "rtype": story.rtype,
        "reason": story.reason,
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn unknown_host(world: &World, word: &str) -> String {
    let (guests, others): (Vec<_>, Vec<_>) =
        world.hosts.iter().partition(|host| host.foreign || host.person.is_some());
    let names: Vec<&str> = guests.iter().map(|host| host.name.as_str()).collect();
    format!(
        "no host or person `{word}` in this world; programs can be {}; {} hosts more are on the \
         page's map",
        names.join(", "),
        others.len()
    )
}

/// What a program must know of the host that it becomes.
fn describe(world: &World, host: &WorldHost) -> Place {
    let site = host.site.as_deref().and_then(|id| world.site(id));
    let resolver = world.resolver_of(host).or_else(|| {
        let first = world.sites.first()?.resolver.as_deref()?;
        world.host(first)
    });
    Place {
        host: host.public_name.clone(),
        addresses: host.addresses.clone(),
        resolvers: resolver.map(|host| host.addresses.clone()).unwrap_or_default(),
        search: site.and_then(|site| site.search.clone()).into_iter().collect(),
        ..Place::default()
    }
}

/// The host that published services are used as: the last of those for
/// programs from outside.
pub(crate) fn relay_host(live: &LiveLab, what: &Publication) -> Result<Host> {
    let world = live.lab.world();
    let guest = world.hosts.iter().rev().find(|host| host.foreign).with_context(|| {
        format!("{} cannot be published: the world has no host with `foreign = true`", what.host)
    })?;
    live.lab.network().host(&guest.name).context("the host has gone")
}

/// `capa7 lab pcap`: writes the capture of a running lab until it ends.
pub(crate) fn pcap(arguments: &PcapArguments) -> Result<ExitCode> {
    let mut client = Client::connect(arguments.name.as_deref())?;
    let (_, mut descriptors) = client.request("pcap", &json!({}))?;
    let stream = descriptors.pop().context("the lab sent no stream")?;
    let mut stream = std::fs::File::from(stream);
    let copied = if arguments.file.as_os_str() == "-" {
        std::io::copy(&mut stream, &mut std::io::stdout().lock())
    } else {
        let mut file = std::fs::File::create(&arguments.file)
            .with_context(|| format!("cannot write {}", arguments.file.display()))?;
        std::io::copy(&mut stream, &mut file)
    };
    match copied {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).with_context(|| format!("cannot write {}", arguments.file.display()))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes everything that is captured to a pipe, until its reader goes away.
async fn stream(live: Arc<LiveLab>, mut to: tokio::net::unix::pipe::Sender) {
    let Ok(mut packets) = Packets::begin(&live.lab) else { return };
    loop {
        let bytes = packets.take();
        if to.write_all(&bytes).await.is_err() || packets.more(&live.lab).await.is_err() {
            return;
        }
    }
}

/// Writes everything that is captured to a file.
pub(crate) async fn record(live: Arc<LiveLab>, mut file: std::fs::File) {
    let Ok(mut packets) = Packets::begin(&live.lab) else { return };
    loop {
        if let Err(error) = file.write_all(&packets.take()) {
            tracing::error!(%error, "the capture file cannot be written any more");
            return;
        }
        if packets.more(&live.lab).await.is_err() {
            return;
        }
    }
}

/// A capture turned into pcapng, piece by piece.
struct Packets {
    writer: PcapngWriter<Vec<u8>>,
    teller: Teller,
    last: Cause,
}

impl Packets {
    fn begin(lab: &Lab) -> std::io::Result<Self> {
        let network = lab.network();
        let gone = network.capture().evicted();
        let missing = (gone > 0).then(|| {
            format!(
                "The first {gone} events are missing here: they are not kept any more. \
                 `capa7 lab --pcap FILE` records all of a running lab."
            )
        });
        let mut writer =
            PcapngWriter::with_comment(Vec::new(), lab.world().start, missing.as_deref())?;
        let world = lab.world();
        let names = world.hosts.iter().flat_map(|host| {
            host.addresses.iter().map(|address| (*address, host.public_name.as_str()))
        });
        writer.names(names)?;
        let last = Cause(network.capture().first_id().0.saturating_sub(1));
        Ok(Self { writer, teller: Teller::new(), last })
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.output())
    }

    /// Waits for further events and turns them into packets.
    async fn more(&mut self, lab: &Lab) -> std::io::Result<()> {
        let capture = lab.network().capture();
        capture.wait_past(self.last).await;
        for event in capture.since(self.last, EVENTS_AT_ONCE) {
            self.last = event.id;
            let view = self.teller.tell(&event);
            self.writer.event(&event, Some(&view.summary))?;
        }
        Ok(())
    }
}

/// Events turned into packets before they are written.
const EVENTS_AT_ONCE: usize = 256;
