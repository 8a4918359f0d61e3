//! `csvdecode`: comma-separated values (RFC 4180) as Go reads them.

use super::string::string;
use super::{Call, CallError, Function, Param, arg, argument, text};
use crate::lang::value::{Type, Value, normalize};
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[Function::new(
    "csvdecode",
    &[Param::string("str")],
    "The rows of comma-separated values, each an object; the first line has the names of its attributes.",
    |args| match arg(args, 0).as_str() {
        None => Ok(Type::Any),
        Some(text) => Ok(Type::list(row_type(&header(&mut Reader { rest: text, line: 1 })?))),
    },
    decode,
)];

fn wrong(line: usize, what: &str) -> CallError {
    argument(0, format!("it is not CSV: line {line}: {what}"))
}

fn row_type(names: &[Arc<str>]) -> Type {
    Type::object(names.iter().map(|name| (name.clone(), Type::String)))
}

fn header(reader: &mut Reader<'_>) -> Result<Vec<Arc<str>>, CallError> {
    let names = reader.record()?.ok_or_else(|| argument(0, "it has no first line with names"))?;
    let names: Vec<Arc<str>> = names.iter().map(|name| normalize(name)).collect();
    for (at, name) in names.iter().enumerate() {
        if names.iter().take(at).any(|earlier| earlier == name) {
            return Err(argument(0, format!("two columns have the name `{name}`")).showing_values());
        }
    }
    Ok(names)
}

fn decode(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let mut reader = Reader { rest: text(args, 0), line: 1 };
    let names = header(&mut reader)?;
    let mut rows = Vec::new();
    loop {
        let line = reader.line;
        let Some(fields) = reader.record()? else { break };
        if fields.len() != names.len() {
            let what = format!("{} fields, but there are {} names", fields.len(), names.len());
            return Err(wrong(line, &what));
        }
        call.meter.bytes((names.len() * size_of::<Value>()) as u64)?;
        rows.push(Value::object(names.iter().cloned().zip(fields.iter().map(|field| string(field)))));
    }
    Ok(Value::list(row_type(&names), rows))
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Reader<'t> {
    /// The next line without its end, whether there is one after it or not; a `\r` before it is a part of it.
    fn next_line(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += 1;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The fields of the next line that is not empty, and of those after it that are part of a field in quotes.
    fn record(&mut self) -> Result<Option<Vec<String>>, CallError> {
        let mut line = loop {
            match self.next_line() {
                None => return Ok(None),
                Some("") => {}
                Some(line) => break line,
            }
        };
        let mut fields = Vec::new();
        loop {
            let Some(inner) = line.strip_prefix('"') else {
                let (field, rest) =
                    line.split_once(',').map_or((line, None), |(field, rest)| (field, Some(rest)));
                if field.contains('"') {
                    return Err(wrong(self.line - 1, "a quote stands in a field that is not in quotes"));
                }
                fields.push(field.to_owned());
                match rest {
                    Some(rest) => line = rest,
                    None => return Ok(Some(fields)),
                }
                continue;
            };
            let (field, rest) = self.quoted(inner)?;
            fields.push(field);
            match rest.strip_prefix(',') {
                Some(rest) => line = rest,
                None if rest.is_empty() => return Ok(Some(fields)),
                None => return Err(wrong(self.line - 1, "there is text after the closing quote of a field")),
            }
        }
    }

    /// A field after its opening quote, and what follows its closing one.
    fn quoted(&mut self, mut line: &'t str) -> Result<(String, &'t str), CallError> {
        let started = self.line - 1;
        let mut field = String::new();
        loop {
            if let Some((text, rest)) = line.split_once('"') {
                field.push_str(text);
                match rest.strip_prefix('"') {
                    Some(rest) => {
                        field.push('"');
                        line = rest;
                    }
                    None => return Ok((field, rest)),
                }
                continue;
            }
            field.push_str(line);
            field.push('\n');
            line = self.next_line().ok_or_else(|| wrong(started, "a quote is opened and not closed"))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::super::json;
    use crate::lang::eval::Meter;
    use crate::lang::value::Value;

    /// The answers are Terraform's (1.11.4), the words of the errors ours.
    #[test]
    fn rows_become_objects() {
        for (text, expected) in [
            ("a,b\n1,2\n", r#"[{"a":"1","b":"2"}]"#),
            ("a,b\r\n1,2\r\n", r#"[{"a":"1","b":"2"}]"#),
            ("a\n\n1\n\n", r#"[{"a":"1"}]"#),
            ("a,b\n,\n", r#"[{"a":"","b":""}]"#),
            ("a\n\"x\ny\"\n", r#"[{"a":"x\ny"}]"#),
            ("a\n\"x\r\ny\"\n", r#"[{"a":"x\ny"}]"#),
            ("a\n\"x\"\"y\"\n", r#"[{"a":"x\"y"}]"#),
            ("a\n x \n", r#"[{"a":" x "}]"#),
            ("a", "[]"),
            ("\"\",b\n1,2", r#"[{"":"1","b":"2"}]"#),
            ("", "it has no first line with names"),
            ("\n\n", "it has no first line with names"),
            ("a,a\n", "two columns have the name `a`"),
            ("a,b\n1\n", "it is not CSV: line 2: 1 fields, but there are 2 names"),
            ("a\nx\"y\n", "it is not CSV: line 2: a quote stands in a field that is not in quotes"),
            ("a\n\"x\" \n", "it is not CSV: line 2: there is text after the closing quote of a field"),
            ("a\n\"x\n\n", "it is not CSV: line 2: a quote is opened and not closed"),
        ] {
            let answer = match find("csvdecode").unwrap().call(vec![Value::from(text)], &Meter::default()) {
                Ok(value) => json::encode(&value).unwrap(),
                Err(error) => error.to_string(),
            };
            assert_eq!(answer, expected, "{text:?}");
        }
    }
}
