//! Paragraphs of `text/plain; format=flowed` (RFC 3676): what was broken for old
//! screens becomes one line again.

/// How lines that flow are put together (RFC 3676 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftSpace {
    /// The space at the end of a line stays: between words.
    Kept,
    /// `DelSp=yes`: it is there for the break alone.
    Deleted,
}

/// One line to each paragraph, ended by LF, with `>` for each level of quotation as
/// other text has it. Only lines of one level flow together (RFC 3676 §4.5).
#[must_use]
pub fn unflow(text: &str, space: SoftSpace) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let rest = line.trim_start_matches('>');
        let depth = line.len() - rest.len();
        // RFC 3676 §4.4: one space may be stuffed in front.
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        // RFC 3676 §4.3: the mark of a signature never flows.
        let is_mark = rest == SIGNATURE;
        if open.is_some_and(|before| before != depth || is_mark) {
            out.push('\n');
            open = None;
        }
        if open.is_none() && depth > 0 {
            out.extend(std::iter::repeat_n('>', depth));
            out.push(' ');
        }
        let flows = rest.ends_with(' ') && !is_mark;
        let deleted = flows && space == SoftSpace::Deleted;
        out.push_str(if deleted { rest.strip_suffix(' ').unwrap_or(rest) } else { rest });
        if flows {
            open = Some(depth);
        } else {
            out.push('\n');
            open = None;
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

const SIGNATURE: &str = "-- ";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(unflow(text, SoftSpace::Kept), expected, "{text:?}");
    }

    // RFC 3676 §4.5, its example of levels: a line of another level ends a paragraph.
    #[test]
    fn lines_of_one_level_flow_together() {
        check("a fox \r\njumps \r\nhigh\r\nand far\r\n", "a fox jumps high\nand far\n");
        check(
            ">> Who is \r\n>> it?\r\n> I do \r\n> not know\r\nNor \r\n>do I\r\n",
            ">> Who is it?\n> I do not know\nNor \n> do I\n",
        );
    }

    // RFC 3676 §4.4.
    #[test]
    fn a_stuffed_space_is_taken_away_once() {
        check(
            " From here\r\n >not a quotation\r\n  indented\r\n",
            "From here\n>not a quotation\n indented\n",
        );
        check(">  indented \r\n> on\r\n", ">  indented on\n");
    }

    // RFC 3676 §4.3.
    #[test]
    fn a_signature_stays_apart() {
        check("Yours, \r\n-- \r\nAndrea \r\nof Boston\r\n", "Yours, \n-- \nAndrea of Boston\n");
        check("> one \r\n> -- \r\n> two\r\n", "> one \n> -- \n> two\n");
    }

    #[test]
    fn with_delsp_the_space_of_a_break_goes() {
        assert_eq!(unflow("日本 \r\n語\r\n", SoftSpace::Deleted), "日本語\n");
        assert_eq!(unflow("two  \r\nwords\r\n-- \r\nx", SoftSpace::Deleted), "two words\n-- \nx\n");
    }

    #[test]
    fn an_empty_line_and_an_end_without_a_line_end_are_kept() {
        check("a \n\nb", "a \nb\n");
        check("a\n\nb ", "a\n\nb \n");
        check("", "");
    }
}
