//! A list of phone numbers in CSV: one per line, in the first column. A first line without any digit names the columns; empty lines and
//! lines that begin with `#` are left out, and so are further columns.

use domain::Recipient;
use domain::content::FieldError;
use serde_json::{Value, json};

use crate::problem::{Code, Problem};

/// Most lines of one list.
pub const MAX_LINES: usize = 100_000;
/// Most mistakes that are told; the rest is counted.
const MOST_TOLD: usize = 100;

/// Reads a list.
///
/// # Errors
/// With every line that is wrong.
pub fn phone_list(text: &str) -> Result<Vec<Recipient>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // as spreadsheets write it
    let count = text.lines().count();
    if count > MAX_LINES {
        let wrong = FieldError::new(
            "body",
            &json!(count),
            format!("at most {MAX_LINES} lines; send several lists"),
        );
        return Err(Problem::field(Code::PayloadTooLarge, wrong));
    }
    let (mut people, mut wrong) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let cell = line
            .split(',')
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches('"')
            .trim();
        let names_columns = index == 0 && !cell.bytes().any(|byte| byte.is_ascii_digit());
        if line.trim().is_empty() || line.starts_with('#') || names_columns {
            continue;
        }
        match Recipient::parse_any(cell) {
            Ok(person) => people.push(person),
            Err(error) => wrong.push((index + 1, cell, error)),
        }
    }
    let Some((line, cell, error)) = wrong.first() else {
        return Ok(people);
    };
    let expected = |error| format!("a phone number with +, as in +15550001111: it {error}");
    let first = FieldError::new(format!("line {line}"), &Value::from(*cell), expected(error));
    let mut problem = Problem::field(Code::InvalidPhoneNumber, first);
    let told = wrong.iter().take(MOST_TOLD);
    problem.details["errors"] = told
        .map(|(line, cell, error)| json!({"line": line, "value": cell, "expected": expected(error)}))
        .collect();
    problem.details["error_count"] = json!(wrong.len());
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let people = phone_list(text).unwrap();
        people.iter().map(|person| person.as_str().to_owned()).collect()
    }

    #[test]
    fn a_header_remarks_empty_lines_and_further_columns_are_left_out() {
        assert_eq!(
            read("\u{feff}phone,name\r\n+14155550100,Ana\r\n\r\n# a remark\n\"+14155550101\"\n"),
            ["+14155550100", "+14155550101"]
        );
        assert!(read("").is_empty());
    }

    #[test]
    fn every_wrong_line_is_told_by_its_number() {
        let problem = phone_list("+14155550100\n4155550101\n\n+1\n").unwrap_err();

        let lines: Vec<u64> = problem.details["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["line"].as_u64().unwrap())
            .collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(problem.details["error_count"], 2);
        assert_eq!(problem.details["field"], "line 2");
    }

    #[test]
    fn a_list_has_an_end() {
        let long = "+14155550100\n".repeat(MAX_LINES);
        assert_eq!(phone_list(&long).unwrap().len(), MAX_LINES);
        assert_eq!(
            phone_list(&format!("{long}+14155550100")).unwrap_err().code,
            Code::PayloadTooLarge
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = phone_list(&text);
        }
    }
}
