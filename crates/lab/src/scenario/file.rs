//! `scenario.toml` as written. `labs/README.md` describes it for authors.

use capa7_dns_proto::RecordType;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::deeds::{Action, Fault};
use crate::filter::Filter;
use crate::text::Bilingual;
use crate::units::Span;
use crate::world::file::Parts;

/// A whole `scenario.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    pub(crate) id: Spanned<String>,
    pub(crate) title: Bilingual,
    /// Rows or statements of the course: `D4`, `D4.2`.
    #[serde(default)]
    pub(crate) course: Vec<Spanned<String>>,
    /// A world that the binary carries, or the path of one beside this file.
    #[serde(default = "default_world")]
    pub(crate) world: Spanned<String>,
    pub(crate) seed: Option<u64>,
    /// Whether it also runs on real sockets in tests.
    #[serde(default)]
    pub(crate) live: bool,
    /// Whether it names hosts by their true addresses, which the loopback mode moves.
    #[serde(default)]
    pub(crate) true_addresses: bool,
    /// The longest that it may run.
    pub(crate) limit: Option<Span>,
    #[serde(default)]
    pub(crate) change: Parts,
    #[serde(default)]
    pub(crate) step: Vec<StepFile>,
    #[serde(default)]
    pub(crate) measure: Vec<MeasureFile>,
    #[serde(default)]
    pub(crate) check: Vec<CheckFile>,
    #[serde(default)]
    pub(crate) statement: Vec<StatementFile>,
    #[serde(default)]
    pub(crate) sabotage: Vec<SabotageFile>,
}

fn default_world() -> Spanned<String> {
    Spanned::new(0..0, "internet".to_owned())
}

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepFile {
    pub(crate) id: Spanned<String>,
    /// Not before this time of the run.
    pub(crate) at: Option<Span>,
    /// After the step before it, and then this long.
    pub(crate) pause: Option<Span>,
    /// What must have happened before it begins.
    pub(crate) wait: Option<WaitFile>,
    #[serde(default)]
    pub(crate) fault: Vec<Fault>,
    #[serde(default)]
    pub(crate) act: Vec<Action>,
    /// Whether the actions begin all at once.
    #[serde(default)]
    pub(crate) together: bool,
    /// Of actions that begin at once: each so much later than the one before.
    pub(crate) apart: Option<Span>,
    pub(crate) predict: Option<PredictFile>,
}

/// Something to wait for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitFile {
    pub(crate) until: FilterText,
    pub(crate) within: Span,
}

/// A question to the student before a step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictFile {
    pub(crate) question: Bilingual,
    pub(crate) measure: Spanned<String>,
    /// How far off a right answer may be: 0.1 is a tenth.
    #[serde(default)]
    pub(crate) tolerance: f64,
}

/// A figure that the run gives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeasureFile {
    pub(crate) id: Spanned<String>,
    pub(crate) name: Bilingual,
    #[serde(default)]
    pub(crate) unit: String,
    #[serde(rename = "in")]
    pub(crate) during: Option<Spanned<String>>,
    pub(crate) because_of: Option<Spanned<String>>,
    pub(crate) value: MeasureValue,
}

/// How a figure is found.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeasureValue {
    /// How many events pass a filter.
    Count(FilterText),
    /// Seconds from the first event of one kind to the next of another.
    Time(FromTo),
    /// Seconds that the actions of a step took; for a load the mean of all
    /// answers.
    Took(Spanned<String>),
    /// Of the queries of a step, the share that was answered.
    Answered(Spanned<String>),
    /// The share of `among` that is also `of`.
    Share(Share),
    /// The sum of a field.
    Sum(OfField),
    /// The mean of a field.
    Mean(OfField),
    /// The largest value of a field.
    Max(OfField),
    /// The smallest value of a field: of travels the one that nothing held up.
    Min(OfField),
    /// How many different values a field has.
    Distinct(OfField),
    /// Of the values of a field, the one that most events have: how many.
    Most(Most),
    /// Mean seconds from a query to its reply; what was not answered does not
    /// count.
    MeanWait(FilterText),
    /// Longest time from a query to its reply.
    MaxWait(FilterText),
    /// A number of the lecture.
    Number(f64),
    /// One figure over another.
    Ratio([Spanned<String>; 2]),
    /// One figure less another.
    Difference([Spanned<String>; 2]),
    /// One figure times another.
    Product([Spanned<String>; 2]),
    /// One figure times a number.
    Times(Scaled),
    /// Nanoseconds of processor time that one query costs, measured on this
    /// machine while the scenario runs; not part of the digest.
    CostPerQuery(Cost),
}

/// From one event to another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromTo {
    pub(crate) from: FilterText,
    pub(crate) to: FilterText,
}

/// A part of a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) of: FilterText,
    pub(crate) among: FilterText,
}

/// The field of some events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfField {
    pub(crate) of: FilterText,
    pub(crate) field: String,
}

/// The events that agree in a field.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Most {
    pub(crate) of: FilterText,
    pub(crate) field: String,
    /// Instead of how many: the sum of this field over them.
    pub(crate) sum: Option<String>,
}

/// A figure times a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scaled {
    pub(crate) of: Spanned<String>,
    pub(crate) by: f64,
}

/// What is timed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cost {
    /// The zone whose names are asked for.
    pub(crate) zone: Spanned<String>,
    /// How many queries.
    pub(crate) queries: u32,
}

/// A claim.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckFile {
    pub(crate) id: Spanned<String>,
    /// What is claimed, in a sentence.
    pub(crate) says: Bilingual,
    #[serde(default = "one")]
    pub(crate) weight: u32,
    pub(crate) hint: Bilingual,
    /// The row of the course, or the section of a standard.
    pub(crate) source: Option<String>,
    /// Only events from the beginning of this step to the next.
    #[serde(rename = "in")]
    pub(crate) during: Option<Spanned<String>>,
    /// Only what happened because of the actions of this step.
    pub(crate) because_of: Option<Spanned<String>>,
    pub(crate) that: Claim,
}

/// The forms of claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Claim {
    /// There is an event for each filter, in this order.
    Sequence(Vec<FilterText>),
    /// There is an event for the last filter, and among what caused it one for
    /// each before, in this order.
    Chain(Vec<FilterText>),
    /// The messages are these and no others, in this order.
    Exactly(Vec<FilterText>),
    /// So many events pass.
    Count(Counted),
    /// No event passes.
    None(FilterText),
    /// Every event that passes `of` also passes `is`, and there is one.
    Every(Every),
    /// Every event that passes has the same value in a field as the event
    /// because of which it happened.
    Same(Same),
    /// The action of a step was answered so.
    Answer(AnswerClaim),
    /// A resolver knows this when the step `at` ends.
    Cache(CacheClaim),
    /// A zone holds this when the step `at` ends.
    Zone(ZoneClaim),
    /// A person's mailbox holds this when the step `at` ends.
    Mailbox(MailboxClaim),
    /// So many messages wait in a server's queue when the step `at` ends.
    Queue(QueueClaim),
    /// A figure lies within bounds.
    Measure(MeasureClaim),
}

/// So many events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    pub(crate) of: FilterText,
    pub(crate) is: Option<u64>,
    pub(crate) at_least: Option<u64>,
    pub(crate) at_most: Option<u64>,
}

/// All of some.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Every {
    pub(crate) of: FilterText,
    pub(crate) is: FilterText,
}

/// A field that is as in the cause.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Same {
    pub(crate) of: FilterText,
    pub(crate) field: String,
}

/// The result of an action.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerClaim {
    pub(crate) of: Spanned<String>,
    pub(crate) rcode: Option<String>,
    /// Values that the answer has, as data of records, or the text received.
    #[serde(default)]
    pub(crate) has: Vec<String>,
    /// Values that it has not.
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    pub(crate) authoritative: Option<bool>,
    /// Whether there was any answer.
    pub(crate) answered: Option<bool>,
    pub(crate) at_most: Option<Span>,
    /// The text of a failure contains this.
    pub(crate) fails: Option<String>,
}

/// What a resolver knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheClaim {
    pub(crate) resolver: Spanned<String>,
    pub(crate) at: Spanned<String>,
    pub(crate) name: Spanned<String>,
    #[serde(rename = "type", default = "type_a", deserialize_with = "record_type")]
    pub(crate) record_type: RecordType,
    #[serde(default = "yes")]
    pub(crate) has: bool,
    pub(crate) ttl_at_most: Option<u32>,
    pub(crate) ttl_at_least: Option<u32>,
}

/// What a zone holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneClaim {
    pub(crate) zone: Spanned<String>,
    pub(crate) at: Spanned<String>,
    pub(crate) name: Spanned<String>,
    #[serde(rename = "type", default = "type_a", deserialize_with = "record_type")]
    pub(crate) record_type: RecordType,
    pub(crate) has: Vec<String>,
}

/// What a mailbox holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailboxClaim {
    /// Whose.
    pub(crate) of: Spanned<String>,
    pub(crate) at: Spanned<String>,
    #[serde(default = "inbox")]
    pub(crate) folder: Spanned<String>,
    /// How many messages.
    pub(crate) count: Option<u64>,
    /// Subjects that are there, with the flags after them when they matter:
    /// `Hola \\Seen`.
    #[serde(default)]
    pub(crate) has: Vec<String>,
    /// Subjects that are not.
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    /// Lines of the messages' texts, decoded.
    #[serde(default)]
    pub(crate) text: Vec<String>,
    /// One message has these parts and no others, in this order, multiparts
    /// not counted: `text/plain`, `image/png museum.png`.
    #[serde(default)]
    pub(crate) parts: Vec<String>,
}

/// What waits in a queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueClaim {
    /// Whose.
    pub(crate) host: Spanned<String>,
    pub(crate) at: Spanned<String>,
    /// How many recipients still wait.
    pub(crate) count: Option<u64>,
    /// Recipients that wait.
    #[serde(default)]
    pub(crate) has: Vec<String>,
}

/// Bounds of a figure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeasureClaim {
    pub(crate) of: Spanned<String>,
    pub(crate) is: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) at_most: Option<f64>,
    /// Another figure that this one is to equal.
    pub(crate) equals: Option<Spanned<String>>,
    /// How far off it may be: 0.05 is a twentieth.
    #[serde(default)]
    pub(crate) tolerance: f64,
}

/// What the run says about a statement of the course.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatementFile {
    /// `D4.2`.
    pub(crate) id: Spanned<String>,
    /// The checks that show it.
    pub(crate) checks: Vec<Spanned<String>>,
    /// What was measured; `{messages}` stands for the figure `messages`.
    pub(crate) measured: Bilingual,
}

/// A deliberate fault that makes certain checks fail, and no others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SabotageFile {
    pub(crate) id: Spanned<String>,
    /// The step before whose actions it happens; the first when not given.
    pub(crate) at: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) fault: Vec<Fault>,
    #[serde(default)]
    pub(crate) act: Vec<Action>,
    #[serde(default)]
    pub(crate) change: Parts,
    pub(crate) fails: Vec<Spanned<String>>,
}

/// A filter within a document.
#[derive(Clone, Debug)]
pub struct FilterText(pub Filter);

impl<'de> Deserialize<'de> for FilterText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let filter = Filter::parse(&text).map_err(|error| {
            serde::de::Error::custom(format!("in the filter `{text}`, {error}"))
        })?;
        Ok(Self(filter))
    }
}

pub(super) fn record_type<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<RecordType, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "`{text}` is not a type of records: write A, MX, TYPE65280"
        ))
    })
}

pub(super) const fn type_a() -> RecordType {
    RecordType::A
}

pub(super) const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}

/// Where messages arrive.
pub(super) fn inbox() -> Spanned<String> {
    Spanned::new(0..0, "INBOX".to_owned())
}

/// The port of the lecture's programs (course K1).
pub(super) const fn uppercase_port() -> u16 {
    capa7_sockets::PORT
}

/// The bytes that a text in hexadecimal stands for; spaces may part them.
pub(crate) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |pair: &[char]| match pair {
        [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}
