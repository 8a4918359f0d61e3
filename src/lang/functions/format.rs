//! `format` and `formatlist`: Go's verbs.

use super::json::encode;
use super::string::string;
use super::{Call, CallError, Function, Param, argument, failed, list_of_string_result, string_result, text};
use crate::lang::eval::{Exhausted, VALUE_BYTES_MAX};
use crate::lang::value::{Form, Kind, Number, Refinement, Type, Value, convert, graphemes, known_prefix};

/// Widths and precisions beyond this are an error: Go's own limit.
const WIDTH_MAX: usize = 1_000_000;

const ARGS: Param = Param::any("args").nullable().unknown();

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "format",
        &[Param::string("format")],
        "A string made of a format and the values for its verbs, as `printf` does it.",
        string_result,
        format_one,
    )
    .variadic(ARGS),
    Function::new(
        "formatlist",
        &[Param::string("format")],
        "A list of strings made of a format, one for each element of the lists among the values.",
        list_of_string_result,
        format_list,
    )
    .variadic(ARGS),
];

fn format_one(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let (format, values) = (text(args, 0), args.get(1..).unwrap_or(&[]));
    if !values.iter().all(Value::is_wholly_known) {
        let prefix = format.split_once('%').and_then(|(prefix, _)| known_prefix(prefix));
        return Ok(Value::unknown_with(Type::String, Refinement { prefix, ..Refinement::default() }));
    }
    write(format, values).map(|text| string(&text)).map_err(CallError::showing_values)
}

fn format_list(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (format, values) = (text(args, 0), args.get(1..).unwrap_or(&[]));
    let mut length = None;
    for (at, value) in values.iter().enumerate() {
        let own = match value.kind() {
            Kind::Unknown(Type::Tuple(types), _) => types.len(),
            Kind::Unknown(ty, _) if !ty.is_primitive() => {
                return Ok(Value::unknown(Type::list(Type::String)));
            }
            Kind::Set(..) if !value.is_wholly_known() => return Ok(Value::unknown(Type::list(Type::String))),
            _ => match value.as_items() {
                Some(items) => items.len(),
                None => continue,
            },
        };
        match length {
            Some((first, wanted)) if wanted != own => {
                let problem = format!("it has {own} elements, but argument {first} has {wanted}");
                return Err(argument(at + 1, problem));
            }
            Some(_) => {}
            None => length = Some((at + 1, own)),
        }
    }
    if values.iter().any(|value| matches!(value.kind(), Kind::Unknown(ty, _) if !ty.is_primitive())) {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    let length = length.map_or(1, |(_, length)| length);
    let mut all = Vec::with_capacity(length);
    for turn in 0..length {
        let each =
            |value: &Value| value.as_items().and_then(|items| items.get(turn)).unwrap_or(value).clone();
        let values: Vec<_> = values.iter().map(each).collect();
        if !values.iter().all(Value::is_wholly_known) {
            all.push(Value::unknown_not_null(Type::String));
            continue;
        }
        let text = write(format, &values).map_err(|error| match error {
            CallError::Failed(problem) => failed(format!("with element {turn}: {problem}")),
            other => other,
        });
        let text = text.map_err(CallError::showing_values)?;
        call.meter.bytes(text.len() as u64)?;
        all.push(string(&text));
    }
    Ok(Value::list(Type::String, all))
}

/// `%[flags][width][.precision][[index]]letter`
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag of the syntax")]
struct Verb<'f> {
    raw: &'f str,
    offset: usize,
    letter: char,
    index: usize,
    zero: bool,
    sharp: bool,
    plus: bool,
    minus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

fn write(format: &str, values: &[Value]) -> Result<String, CallError> {
    let mut out = String::new();
    let (mut next, mut highest) = (1, 0);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (before, verb) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = verb.strip_prefix("%%") {
            out.push('%');
            rest = after;
            continue;
        }
        let verb = parse_verb(verb, format.len() - verb.len(), next)?;
        highest = highest.max(verb.index);
        next = verb.index + 1;
        let value = verb.index.checked_sub(1).and_then(|at| values.get(at));
        let value = value.ok_or_else(|| {
            let problem = format!("needs value {}, but there are {}", verb.index, values.len());
            failed(format!("`{}` at {} {problem}", verb.raw, verb.offset))
        })?;
        out.push_str(&verb.write(value)?);
        if out.len() as u64 > VALUE_BYTES_MAX {
            return Err(Exhausted::Bytes.into());
        }
        rest = format.get(verb.offset + verb.raw.len()..).unwrap_or("");
    }
    out.push_str(rest);
    if highest < values.len() {
        let used = if highest == 0 { "no value".to_owned() } else { format!("only {highest}") };
        return Err(argument(highest + 1, format!("it is one value too many; the format uses {used}")));
    }
    Ok(out)
}

fn parse_verb(text: &str, offset: usize, next: usize) -> Result<Verb<'_>, CallError> {
    let mut verb = Verb { offset, index: next, ..Verb::default() };
    let mut rest = text.get(1..).unwrap_or("");
    let unrecognised = |rest: &str| {
        let at = offset + text.len() - rest.len();
        match rest.chars().next() {
            Some(character) => {
                failed(format!("the format has a `{character}` at offset {at} that it should not have"))
            }
            None => failed(format!("the format ends within a verb at offset {at}")),
        }
    };
    loop {
        match rest.chars().next() {
            Some('0') => verb.zero = true,
            Some('#') => verb.sharp = true,
            Some('-') => verb.minus = true,
            Some('+') => verb.plus = true,
            Some(' ') => verb.space = true,
            _ => break,
        }
        rest = rest.get(1..).unwrap_or("");
    }
    let number = |rest: &mut &str| -> Result<Option<usize>, CallError> {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (digits, after) = rest.split_at(digits);
        *rest = after;
        if digits.is_empty() {
            return Ok(None);
        }
        let value = digits.parse().ok().filter(|value| *value <= WIDTH_MAX);
        value.map(Some).ok_or_else(|| failed(format!("`{digits}` in the format is more than {WIDTH_MAX}")))
    };
    verb.width = number(&mut rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        verb.precision = Some(number(&mut rest)?.unwrap_or(0));
    }
    if let Some(after) = rest.strip_prefix('[') {
        rest = after;
        verb.index = number(&mut rest)?.filter(|index| *index > 0).ok_or_else(|| unrecognised(rest))?;
        rest = rest.strip_prefix(']').ok_or_else(|| unrecognised(rest))?;
    }
    verb.letter = rest.chars().next().filter(char::is_ascii_alphabetic).ok_or_else(|| unrecognised(rest))?;
    verb.raw = text.get(..text.len() - rest.len() + 1).unwrap_or("");
    Ok(verb)
}

impl Verb<'_> {
    fn write(&self, value: &Value) -> Result<String, CallError> {
        if self.letter != 'v' && value.is_null() {
            return Err(self.unsuitable("null has no format"));
        }
        match self.letter {
            'v' => self.as_is(value),
            't' => {
                let value =
                    convert(value, &Type::Bool).map_err(|error| self.unsuitable(&error.to_string()))?;
                Ok(value.as_bool().unwrap_or(false).to_string())
            }
            's' | 'q' => {
                let value =
                    convert(value, &Type::String).map_err(|error| self.unsuitable(&error.to_string()))?;
                self.text(value.as_str().unwrap_or(""))
            }
            'b' | 'd' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'g' | 'G' => {
                let value =
                    convert(value, &Type::Number).map_err(|error| self.unsuitable(&error.to_string()))?;
                let number = value.as_number().ok_or_else(|| self.unsuitable("it is not a number"))?;
                match self.letter {
                    'b' | 'd' | 'o' | 'x' | 'X' => self.whole(number),
                    _ => Ok(self.float(number)),
                }
            }
            other => Err(failed(format!(
                "there is no verb `{other}`, as in `{}` at offset {}",
                self.raw, self.offset
            ))),
        }
    }

    fn unsuitable(&self, why: &str) -> CallError {
        failed(format!("unsuitable value for `{}` at {}: {why}", self.raw, self.offset))
    }

    fn as_is(&self, value: &Value) -> Result<String, CallError> {
        let text = match value.kind() {
            Kind::String(text) if !self.sharp => text.to_string(),
            Kind::Number(number) if !self.sharp => number.format(Form::General, None),
            _ => encode(value).map_err(|error| self.unsuitable(&error.to_string()))?,
        };
        Ok(self.pad(text))
    }

    fn text(&self, text: &str) -> Result<String, CallError> {
        let kept: String = match self.precision {
            Some(precision @ 1..) => graphemes(text).take(precision).collect(),
            _ => text.to_owned(),
        };
        if self.letter == 's' {
            return Ok(self.pad(kept));
        }
        let quoted = encode(&Value::string(kept)).map_err(|error| self.unsuitable(&error.to_string()))?;
        Ok(self.pad(quoted))
    }

    /// To the width, counted in characters.
    fn pad(&self, text: String) -> String {
        let Some(width) = self.width else { return text };
        let padding = width.saturating_sub(graphemes(&text).count());
        let padding = if self.zero { "0" } else { " " }.repeat(padding);
        if self.minus { text + &padding } else { padding + &text }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    /// As Go's `big.Int` formats itself.
    fn whole(&self, number: &Number) -> Result<String, CallError> {
        let (base, prefix) = match self.letter {
            'b' => (2, "0b"),
            'o' => (8, "0"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let digits =
            number.format_whole(base).ok_or_else(|| self.unsuitable("a whole number is required"))?;
        let digits = digits.trim_start_matches('-');
        let digits = if self.letter == 'X' { digits.to_uppercase() } else { digits.to_owned() };
        if digits == "0" && self.precision == Some(0) {
            return Ok(String::new());
        }
        let prefix = if self.sharp { prefix } else { "" };
        let sign = self.sign(number.is_negative());
        let mut zeros = self.precision.unwrap_or(0).saturating_sub(digits.len());
        let length = sign.len() + prefix.len() + zeros + digits.len();
        let padding = self.width.unwrap_or(0).saturating_sub(length);
        let (mut left, mut right) = (0, 0);
        match () {
            () if self.minus => right = padding,
            () if self.zero && self.precision.is_none() => zeros = padding,
            () => left = padding,
        }
        let repeat = |text: &str, count: usize| text.repeat(count);
        Ok([&repeat(" ", left), sign, prefix, &repeat("0", zeros), &digits, &repeat(" ", right)].concat())
    }

    /// As Go's `big.Float` formats itself.
    fn float(&self, number: &Number) -> String {
        let (form, digits) = match self.letter {
            'e' | 'E' => (Form::Exponent, Some(self.precision.unwrap_or(6))),
            'f' => (Form::Fixed, Some(self.precision.unwrap_or(6))),
            _ => (Form::General, self.precision),
        };
        let written = number.format(form, digits);
        let written = if self.letter.is_ascii_uppercase() { written.to_uppercase() } else { written };
        let (negative, infinite) = (written.starts_with('-'), !number.is_finite());
        let digits = written.trim_start_matches(['-', '+']);
        let sign = if infinite && !negative && !self.space { "+" } else { self.sign(negative) };
        let padding = self.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
        match () {
            () if self.zero && !infinite => format!("{sign}{}{digits}", "0".repeat(padding)),
            () if self.minus => format!("{sign}{digits}{}", " ".repeat(padding)),
            () => format!("{}{sign}{digits}", " ".repeat(padding)),
        }
    }
}
