//! Functions of the engine that would give another answer than `opa` to some arguments: those are refused.

use super::{Answer, Wrong, argument, string};
use regorus::unstable::{BUILTINS, Expr, Ref, Span};
use regorus::{Source, Value};

/// Digits of an exponent that a quantity may have.
const EXPONENT_DIGITS_MAX: usize = 4;

/// Asks the engine's own function. Where the call stands is said by the caller.
fn own(name: &str, values: &[Value]) -> Answer {
    let (function, _) = BUILTINS.get(name).ok_or_else(|| Wrong::new("the engine has no such function"))?;
    let source = Source::from_contents(name.to_owned(), " ".to_owned()).map_err(Wrong::new)?;
    let span = Span { source, line: 1, col: 1, start: 0, end: 1 };
    let parameter = |_: &Value| Ref::new(Expr::Null { span: span.clone(), value: Value::Null, eidx: 0 });
    let parameters: Vec<_> = values.iter().map(parameter).collect();
    function(&span, &parameters, values, true).map_err(|error| {
        let text = error.to_string();
        Wrong::new(text.rsplit("error: ").next().unwrap_or(&text).trim())
    })
}

/// The engine takes no alternative for none that is empty.
pub(super) fn glob_match(values: &[Value]) -> Answer {
    let pattern = string(values, 0)?;
    if ["{,", ",}", ",,"].iter().any(|empty| pattern.contains(empty)) {
        return Err(Wrong::new("an alternative that is empty is not supported: write two patterns"));
    }
    own("glob.match", values)
}

pub(super) fn units_parse(values: &[Value]) -> Answer {
    small_exponent(values)?;
    own("units.parse", values)
}

pub(super) fn units_parse_bytes(values: &[Value]) -> Answer {
    small_exponent(values)?;
    own("units.parse_bytes", values)
}

/// What is beyond all numbers would be greater than any limit, or as great as another such.
fn small_exponent(values: &[Value]) -> Result<(), Wrong> {
    let Value::String(text) = argument(values, 0)? else { return Ok(()) };
    let exponent = text.split(['e', 'E']).nth(1).unwrap_or_default().trim_start_matches(['+', '-']);
    if exponent.chars().take_while(char::is_ascii_digit).count() > EXPONENT_DIGITS_MAX {
        return Err(Wrong::new("exponent too large"));
    }
    Ok(())
}

pub(super) fn yaml_is_valid(values: &[Value]) -> Answer {
    one_document(values)?;
    own("yaml.is_valid", values)
}

pub(super) fn yaml_unmarshal(values: &[Value]) -> Answer {
    one_document(values)?;
    own("yaml.unmarshal", values)
}

/// The engine looks at the first document only.
fn one_document(values: &[Value]) -> Result<(), Wrong> {
    let Value::String(text) = argument(values, 0)? else { return Ok(()) };
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']));
    if lines.next().is_some() && lines.any(|line| line.starts_with("---")) {
        return Err(Wrong::new("text of more than one YAML document is not supported"));
    }
    Ok(())
}
