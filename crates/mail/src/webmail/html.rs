//! A message's HTML made harmless.
//!
//! Three fences: what is dangerous is taken out here; the policy sent with it
//! lets nothing run and nothing be fetched; and the page shows it in a frame
//! without the page's rights.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ammonia::{Builder, UrlRelative};
use capa7_http_proto::target::percent_decode_text;

/// Whether images from elsewhere are loaded: that tells their servers that, when
/// and where the message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemoteImages {
    Left,
    Shown,
}

/// What came of a cleaning.
#[derive(Debug)]
pub(crate) struct Cleaned {
    pub(crate) html: String,
    /// Images from elsewhere that were left out.
    pub(crate) left: usize,
}

/// Cleans HTML. `inline` has the addresses of the message's own images by their
/// content identifiers (RFC 2392).
pub(crate) fn clean(
    html: &str,
    inline: &BTreeMap<String, String>,
    remote: RemoteImages,
) -> Cleaned {
    let left = Arc::new(AtomicUsize::new(0));
    let (count, inline) = (Arc::clone(&left), inline.clone());
    let mut builder = Builder::default();
    builder
        .add_tags(["center", "font", "u", "big"])
        .add_generic_attributes(["style", "align", "valign", "bgcolor", "dir"])
        .add_tag_attributes("font", ["color", "face", "size"])
        .add_tag_attributes("table", ["width", "border", "cellpadding", "cellspacing", "height"])
        .add_tag_attributes("td", ["width", "height", "colspan", "rowspan", "nowrap"])
        .add_tag_attributes("th", ["width", "height", "colspan", "rowspan", "nowrap"])
        .add_url_schemes(["cid"])
        .rm_url_schemes(["ftp", "ftps", "magnet", "ipfs", "irc", "geo", "sms", "webcal", "xmpp"])
        .url_relative(UrlRelative::Custom(Box::new(own_image)))
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        .attribute_filter(move |element, attribute, value| match (element, attribute) {
            ("img", "src") => source(value, &inline, remote, &count),
            // Properties that fetch, or that old browsers ran.
            (_, "style") => style(value, remote, &count),
            _ => Some(Cow::Borrowed(value)),
        });
    let html = builder.clean(html).to_string();
    Cleaned { html, left: left.load(Ordering::Relaxed) }
}

fn source<'v>(
    value: &'v str,
    inline: &BTreeMap<String, String>,
    remote: RemoteImages,
    left: &AtomicUsize,
) -> Option<Cow<'v, str>> {
    let value = value.trim();
    if let Some(id) = value.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("cid:")) {
        let written = value.get(id.len()..).unwrap_or_default();
        // RFC 2392 §2: what is %-encoded in the address is not in the field. Some
        // programs encode nothing, so that a `%` may be one.
        let decoded = || inline.get(percent_decode_text(written)?.as_str());
        let address = inline.get(written).or_else(decoded);
        return address.map(|address| Cow::Owned(address.clone()));
    }
    let lower = value.to_ascii_lowercase();
    let elsewhere = lower.starts_with("https://") || lower.starts_with("http://");
    if elsewhere && remote == RemoteImages::Shown {
        return Some(Cow::Borrowed(value));
    }
    left.fetch_add(1, Ordering::Relaxed);
    // The place stays, as large as it would be.
    Some(Cow::Borrowed(LEFT_IMAGE))
}

/// The only addresses without a scheme are those that [`source`] has put there: a
/// message cannot know the key in them.
fn own_image(address: &str) -> Option<Cow<'_, str>> {
    address.starts_with("/cid/").then_some(Cow::Borrowed(address))
}

fn style<'v>(value: &'v str, remote: RemoteImages, left: &AtomicUsize) -> Option<Cow<'v, str>> {
    let lower = value.to_ascii_lowercase();
    // An escape could hide the words that are looked for.
    let hides = lower.contains('\\') || lower.contains("/*");
    if hides || lower.contains("expression") || lower.contains("javascript") {
        return None;
    }
    if lower.contains("url(") || lower.contains("image-set") || lower.contains("@import") {
        if remote == RemoteImages::Shown && !lower.contains("@import") {
            return Some(Cow::Borrowed(value));
        }
        left.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    Some(Cow::Borrowed(value))
}

/// The text of HTML, for a line of preview.
pub(crate) fn plain(html: &str) -> String {
    let spaced =
        BLOCKS.iter().fold(html.to_owned(), |html, tag| html.replace(tag, &format!("\n{tag}")));
    let text = Builder::empty().clean(&spaced).to_string();
    ENTITIES.iter().fold(text, |text, (entity, c)| text.replace(entity, c))
}

/// The document that is shown in the frame.
pub(crate) fn document(cleaned: &str) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>message</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <style>{STYLE}</style></head><body>{cleaned}</body></html>"
    )
}

/// The policy of the frame: nothing runs, nothing is fetched but images of the
/// message itself, and what the reader asked for.
pub(crate) const fn policy(remote: RemoteImages) -> &'static str {
    match remote {
        RemoteImages::Left => {
            "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
             style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'self'"
        }
        RemoteImages::Shown => {
            "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
             style-src 'unsafe-inline'; img-src 'self' https: http:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'self'"
        }
    }
}

/// What stands for an image that is not loaded: a transparent point.
pub(crate) const LEFT_IMAGE: &str = "/cid/left";
/// Messages are written for white paper.
const STYLE: &str = "html{background:#fff;color:#1b2330;color-scheme:light}\
    body{margin:18px 20px;font:15px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;\
    overflow-wrap:anywhere}img{max-width:100%;height:auto}\
    img[src=\"/cid/left\"]{background:#eef1f6;border-radius:4px}\
    img[src=\"/cid/left\"]:not([width]):not([height]){width:28px;height:20px}table{max-width:100%}\
    pre{white-space:pre-wrap}a{color:#1560c8}\
    blockquote{margin:.6em 0;padding-left:1em;border-left:3px solid #d6dde8;color:#536079}";
/// Tags at which a line begins or ends, as almost all programs write them.
const BLOCKS: [&str; 9] =
    ["<br", "</p>", "</div>", "</tr>", "</td>", "</li>", "</h1>", "</h2>", "</h3>"];
const ENTITIES: [(&str, &str); 5] =
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(html: &str) -> Cleaned {
        let inline = BTreeMap::from([("logo@x".to_owned(), "/cid/KEY?uid=1".to_owned())]);
        clean(html, &inline, RemoteImages::Left)
    }

    /// RFC 2392 §2: the identifier with and without its %-encoding.
    #[test]
    fn own_images_are_found_however_they_are_written() {
        for (id, written) in
            [("a+b@x", "a%2Bb@x"), ("a%b@x", "a%25b@x"), ("a%b@x", "a%b@x"), ("ñ@x", "%C3%B1@x")]
        {
            let inline = BTreeMap::from([(id.to_owned(), "/cid/KEY?uid=1".to_owned())]);
            let html = format!("<img src=\"CID:{written}\">");
            let cleaned = clean(&html, &inline, RemoteImages::Left);
            assert!(cleaned.html.contains("src=\"/cid/KEY?uid=1\""), "{id}: {}", cleaned.html);
        }
    }

    #[test]
    fn what_runs_is_taken_out() {
        for bad in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\" java\nscript:alert(1)\">x</a>",
            "<svg onload=alert(1)><script>alert(1)</script></svg>",
            "<iframe src=\"https://evil.example/\"></iframe>",
            "<object data=x></object><embed src=x>",
            "<form action=\"https://evil.example/\"><input name=a></form>",
            "<meta http-equiv=refresh content=\"0;url=https://evil.example/\">",
            "<base href=\"https://evil.example/\">",
            "<style>@import 'https://evil.example/';</style>",
            "<link rel=stylesheet href=\"https://evil.example/\">",
            "<p style=\"background:url(https://evil.example/)\">x</p>",
            "<p style=\"background:u\\72l(https://evil.example/)\">x</p>",
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        ] {
            let html = cleaned(bad).html.to_lowercase();
            for word in ["alert", "evil", "script", "<form", "<iframe", "onerror", "<style"] {
                // Text that is shown as text is harmless: `<` is escaped there.
                assert!(!html.contains(word), "{bad} → {html}");
            }
        }
    }

    #[test]
    fn images_from_elsewhere_wait_for_the_reader() {
        let html = "<p><img src=\"https://tracker.example/1.gif\"><img src=\"cid:logo@x\">Hola</p>";
        let left = cleaned(html);
        assert_eq!(left.left, 1);
        assert!(!left.html.contains("tracker"), "{}", left.html);
        assert!(left.html.contains(LEFT_IMAGE), "its place stays: {}", left.html);
        assert!(left.html.contains("/cid/KEY?uid=1") && left.html.contains("Hola"));
        let shown = clean(html, &BTreeMap::new(), RemoteImages::Shown);
        assert!(shown.html.contains("tracker") && shown.left == 0);
    }

    #[test]
    fn links_open_elsewhere_without_telling_from_where() {
        let html = cleaned("<a href=\"https://www.umass.edu/\">x</a>").html;
        assert!(html.contains("target=\"_blank\"") && html.contains("noreferrer"), "{html}");
    }

    #[test]
    fn a_preview_has_no_tags() {
        assert_eq!(plain("<p>a &lt;b&gt; <b>c</b><style>x{}</style></p>").trim(), "a <b> c");
    }
}
