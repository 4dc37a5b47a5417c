//! Answers of the page's interface: JSON, also when something is refused.

use axum::Json;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::source::{SourceError, parse_toml};
use crate::text::Bilingual;

/// Why a request was not answered, for the person at the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    status: StatusCode,
    text: String,
    /// The same in Spanish, where it is ours to say.
    spanish: Option<String>,
}

/// What handlers return.
pub(super) type Answer<T> = Result<Json<T>, Refused>;

impl Refused {
    /// There is no such thing.
    pub(super) fn missing(text: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, text: text.into(), spanish: None }
    }

    /// The request makes no sense.
    pub(super) fn bad(text: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.to_string(), spanish: None }
    }

    /// The request cannot be met as things are, and this is what to do instead.
    pub(super) fn for_now(text: Bilingual) -> Self {
        Self { status: StatusCode::CONFLICT, text: text.en, spanish: Some(text.es) }
    }

    /// A scenario or world cannot be read.
    pub(super) fn missing_source(error: SourceError) -> Self {
        Self::missing(error.to_string())
    }

    /// Something of ours failed.
    pub(super) fn broken(text: impl ToString) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, text: text.to_string(), spanish: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        let mut told = json!({ "error": self.text });
        if let Some(spanish) = self.spanish {
            told["error_es"] = spanish.into();
        }
        (self.status, Json(told)).into_response()
    }
}

/// A value in the words of scenarios (an action, a fault), as the page sends it.
///
/// The page speaks JSON and scenarios are TOML; both have the same tables, so
/// the value is written as TOML and read by the scenarios' own reader, which
/// checks units, filters and names.
///
/// # Errors
/// When it is not in the words of scenarios.
pub(super) fn in_words_of_scenarios<T: DeserializeOwned>(value: &Value) -> Result<T, Refused> {
    #[derive(Serialize)]
    struct Outer<'a> {
        it: &'a Value,
    }
    #[derive(serde::Deserialize)]
    struct Inner<T> {
        it: T,
    }
    let value = without_nulls(value);
    let text = toml::to_string(&Outer { it: &value }).map_err(Refused::bad)?;
    let read: Inner<T> =
        parse_toml("request", &text).map_err(|error| Refused::bad(error.problem))?;
    Ok(read.it)
}

/// TOML has no null: what is not given is left out.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Action, Fault};

    #[test]
    fn the_page_asks_in_the_words_of_scenarios() {
        let query = json!({"query": {"from": "Carlos", "name": "www.ibm.com", "server": null}});
        assert!(matches!(in_words_of_scenarios(&query), Ok(Action::Query(_))));
        let drop = json!({"drop": {"of": "dns && to:root", "count": 1}});
        assert!(matches!(in_words_of_scenarios(&drop), Ok(Fault::Drop(_))));
    }

    #[test]
    fn what_is_no_word_of_scenarios_is_refused_with_its_reason() {
        let unknown = json!({"explode": {"of": "dns"}});
        let refused = in_words_of_scenarios::<Fault>(&unknown).unwrap_err();
        assert!(refused.text.contains("explode"), "{}", refused.text);
        let filter = json!({"drop": {"of": "dns &&"}});
        assert!(in_words_of_scenarios::<Fault>(&filter).is_err());
    }
}
