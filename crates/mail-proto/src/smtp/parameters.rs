//! Parameters of `MAIL` and `RCPT` (RFC 5321 §4.1.2): `KEYWORD[=value]`.

use super::command::CommandError;
use super::xtext;
use crate::envelope::{BodyKind, Notify, Returns};

/// What `MAIL` may say beside its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// `SIZE=` (RFC 1870 §6.1).
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152 §2, RFC 3030 §3).
    pub body: Option<BodyKind>,
    /// `SMTPUTF8` (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// `RET=` (RFC 3461 §4.3).
    pub returns: Option<Returns>,
    /// `ENVID=`, decoded (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
    /// `AUTH=`, decoded: who is said to have submitted the message, or `<>`
    /// (RFC 4954 §5).
    pub submitter: Option<String>,
}

/// What `RCPT` may say beside its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParameters {
    /// `NOTIFY=` (RFC 3461 §4.1).
    pub notify: Option<Notify>,
    /// `ORCPT=`, as written (RFC 3461 §4.2).
    pub original: Option<String>,
}

/// Splits parameters into keyword in capitals and value.
fn each(text: &str) -> impl Iterator<Item = (String, Option<&str>)> {
    text.split([' ', '\t']).filter(|word| !word.is_empty()).map(|word| {
        let (keyword, value) = word.split_once('=').map_or((word, None), |(k, v)| (k, Some(v)));
        (keyword.to_ascii_uppercase(), value)
    })
}

/// The text must begin with a blank, or be empty.
fn separated(text: &str, verb: &'static str) -> Result<(), CommandError> {
    if text.is_empty() || text.starts_with([' ', '\t']) {
        return Ok(());
    }
    Err(CommandError::Arguments { verb, problem: "a blank must follow the >" })
}

fn once<T>(place: &mut Option<T>, keyword: &'static str, value: T) -> Result<(), CommandError> {
    if place.replace(value).is_some() {
        return Err(CommandError::Parameter { keyword, problem: "it is there twice" });
    }
    Ok(())
}

/// Reads the parameters of `MAIL`.
///
/// # Errors
/// For an unknown parameter, a wrong value, a repetition.
pub(super) fn mail(text: &str) -> Result<MailParameters, CommandError> {
    separated(text, "MAIL")?;
    let mut parameters = MailParameters::default();
    let mut smtputf8 = None;
    for (keyword, value) in each(text) {
        let wrong = |keyword, problem| CommandError::Parameter { keyword, problem };
        match (keyword.as_str(), value) {
            ("SIZE", value) => {
                let octets = value.and_then(number);
                let octets = octets.ok_or_else(|| wrong("SIZE", "it is a number of octets"))?;
                once(&mut parameters.size, "SIZE", octets)?;
            }
            ("BODY", value) => {
                let kind = value.and_then(body);
                let kind = kind.ok_or_else(|| wrong("BODY", "it is 7BIT or 8BITMIME"))?;
                once(&mut parameters.body, "BODY", kind)?;
            }
            ("SMTPUTF8", None) => once(&mut smtputf8, "SMTPUTF8", ())?,
            ("SMTPUTF8", Some(_)) => return Err(wrong("SMTPUTF8", "it has no value")),
            ("RET", value) => {
                let returns = value.and_then(returns);
                let returns = returns.ok_or_else(|| wrong("RET", "it is FULL or HDRS"))?;
                once(&mut parameters.returns, "RET", returns)?;
            }
            ("ENVID", value) => {
                let id = value.filter(|text| text.len() <= ENVELOPE_ID_OCTETS_MAX).and_then(id);
                let id = id.ok_or_else(|| wrong("ENVID", "it is xtext of 1 to 100 octets"))?;
                once(&mut parameters.envelope_id, "ENVID", id)?;
            }
            ("AUTH", value) => {
                let submitter = value.and_then(id);
                let submitter = submitter.ok_or_else(|| wrong("AUTH", "it is xtext"))?;
                once(&mut parameters.submitter, "AUTH", submitter)?;
            }
            _ => return Err(CommandError::UnknownParameter(keyword)),
        }
    }
    parameters.smtputf8 = smtputf8.is_some();
    Ok(parameters)
}

/// Reads the parameters of `RCPT`.
///
/// # Errors
/// For an unknown parameter, a wrong value, a repetition.
pub(super) fn rcpt(text: &str) -> Result<RcptParameters, CommandError> {
    separated(text, "RCPT")?;
    let mut parameters = RcptParameters::default();
    for (keyword, value) in each(text) {
        let wrong = |keyword, problem| CommandError::Parameter { keyword, problem };
        match keyword.as_str() {
            "NOTIFY" => {
                let notify = value.and_then(notify);
                let problem = "it is NEVER, or some of SUCCESS,FAILURE,DELAY";
                let notify = notify.ok_or_else(|| wrong("NOTIFY", problem))?;
                once(&mut parameters.notify, "NOTIFY", notify)?;
            }
            "ORCPT" => {
                let original = value.filter(|value| is_original(value));
                let problem = "it is a type, ; and an address in xtext";
                let original = original.ok_or_else(|| wrong("ORCPT", problem))?;
                once(&mut parameters.original, "ORCPT", original.to_owned())?;
            }
            _ => return Err(CommandError::UnknownParameter(keyword)),
        }
    }
    Ok(parameters)
}

/// 1 to 20 digits (RFC 1870 §6.1, RFC 3030 §2). A number beyond 64 bits is the
/// largest there is: it is over every limit.
pub(super) fn number(text: &str) -> Option<u64> {
    let fits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn body(text: &str) -> Option<BodyKind> {
    match text.to_ascii_uppercase().as_str() {
        "7BIT" => Some(BodyKind::SevenBit),
        "8BITMIME" => Some(BodyKind::EightBit),
        "BINARYMIME" => Some(BodyKind::Binary),
        _ => None,
    }
}

fn returns(text: &str) -> Option<Returns> {
    match text.to_ascii_uppercase().as_str() {
        "FULL" => Some(Returns::Full),
        "HDRS" => Some(Returns::Headers),
        _ => None,
    }
}

/// xtext that is UTF-8 without control characters.
fn id(text: &str) -> Option<String> {
    let text = String::from_utf8(xtext::decode(text)?).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

/// RFC 3461 §4.1: NEVER stands alone.
fn notify(text: &str) -> Option<Notify> {
    let mut notify = Notify::default();
    if text.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in text.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

fn is_original(text: &str) -> bool {
    let Some((kind, address)) = text.split_once(';') else { return false };
    let is_atom = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_utf8 = kind.eq_ignore_ascii_case("utf-8");
    // RFC 6533 §3: utf-8 addresses travel as UTF-8 itself or in forms of their own.
    let is_address = xtext::decode(address).is_some_and(|bytes| !bytes.is_empty())
        || (is_utf8 && !address.is_empty() && !address.chars().any(char::is_control));
    !kind.is_empty() && is_atom && is_address && text.len() <= ORIGINAL_OCTETS_MAX
}

/// RFC 3461 §4.4.
const ENVELOPE_ID_OCTETS_MAX: usize = 100;
/// RFC 3461 §4.2.
const ORIGINAL_OCTETS_MAX: usize = 500;
