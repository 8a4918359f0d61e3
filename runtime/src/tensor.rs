//! From a request's JSON to the one dense tensor that the model takes.
//!
//! In: a body of bounded size, and what the model wants. Out: [`Rows`], numbers written straight into the tensor's
//! own element type. Never: a tree of JSON values in between, a ragged or unrepresentable row, an answer without the
//! path of what is wrong.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Rows of one request at most.
pub(crate) const ROWS_MAX: usize = 1_000;
/// Characters of a caller's key that a refusal repeats.
const KEY_CHARS_MAX: usize = 64;

/// Element types that a model's input may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// 64-bit signed integers.
    Int64,
}

/// What a model takes: rows of this element type and, where the model fixes it, this many columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    /// Element type.
    pub element: Element,
    /// Numbers in a row; `None` lets the first row decide.
    pub columns: Option<usize>,
}

/// Numbers of one element type, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// `float`
    Float(Vec<f32>),
    /// `double`
    Double(Vec<f64>),
    /// `int64`
    Int64(Vec<i64>),
}

/// A dense tensor `[count, columns]`; both are at least 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    /// `count * columns` numbers.
    pub values: Values,
    /// 1 to [`ROWS_MAX`].
    pub count: usize,
    /// As the model wants, or as the first row has.
    pub columns: usize,
}

/// How the caller wrote the rows, which is also how the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"instances":[[…],…]}`
    Instances,
    /// `{"features":[[…],…]}`
    FeatureRows,
    /// `{"features":[…]}`: one row.
    FeatureRow,
}

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum InputError {
    /// It is not JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1; 0 for an empty body.
        column: usize,
    },
    /// It is JSON, but not what the model can take.
    #[error("{path} {problem}")]
    Value {
        /// `instances[2][1]`, `features`, a key, or `body`.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with one value; reads on after its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Text, null, a truth value, a list or an object where a number belongs; NaN and the infinities too.
    #[error("is not a finite number")]
    NotANumber,
    /// Beyond the range of the element type.
    #[error("is beyond the range of the model's numbers")]
    OutOfRange,
    /// A fraction where the model takes integers.
    #[error("is not an integer, which the model takes")]
    NotAnInteger,
    /// Not a list, where one belongs.
    #[error("is not a list of numbers")]
    NotARow,
    /// Not a list of lists.
    #[error("is not a list of rows")]
    NotRows,
    /// Another number of columns than the model or the first row has.
    #[error("has {got} values, {expected} are expected")]
    Width {
        /// Numbers that a row must have.
        expected: usize,
        /// Numbers that it has.
        got: usize,
    },
    /// No rows, or a row without numbers.
    #[error("is empty")]
    Empty,
    /// More rows than one request may have.
    #[error("has more than {ROWS_MAX} rows")]
    TooManyRows,
    /// Neither of the two keys.
    #[error("must hold `instances` or `features`")]
    NoInput,
    /// A key that means nothing.
    #[error("is not a key that is known here; `instances` and `features` are")]
    UnknownKey,
    /// A second input.
    #[error("is a second input; one of `instances` and `features` is allowed, once")]
    SecondInput,
    /// A list, number or text at the top.
    #[error("is not an object")]
    NotAnObject,
}

impl Problem {
    /// A word for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Problem::NotANumber => "not_a_number",
            Problem::OutOfRange => "out_of_range",
            Problem::NotAnInteger => "not_an_integer",
            Problem::NotARow => "not_a_row",
            Problem::NotRows => "not_rows",
            Problem::Width { .. } => "width",
            Problem::Empty => "empty",
            Problem::TooManyRows => "too_many_rows",
            Problem::NoInput => "no_input",
            Problem::UnknownKey => "unknown_key",
            Problem::SecondInput => "second_input",
            Problem::NotAnObject => "not_an_object",
        }
    }
}

/// Reads a body into rows.
///
/// # Errors
/// [`InputError`], at the first thing that is wrong.
pub(crate) fn parse(body: &[u8], want: Want) -> Result<(Form, Rows), InputError> {
    let reading = Reading { want, at: RefCell::new(At::default()), problem: RefCell::new(None) };
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = BodySeed(&reading).deserialize(&mut json).and_then(|rows| json.end().map(|()| rows));
    parsed.map_err(|error| reading.refusal(body, &error))
}

/// Where the reading is.
#[derive(Default)]
struct At {
    key: Option<String>,
    row: Option<usize>,
    column: Option<usize>,
}

impl fmt::Display for At {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.key.as_deref().unwrap_or("body"))?;
        for index in [self.row, self.column].into_iter().flatten() {
            write!(out, "[{index}]")?;
        }
        Ok(())
    }
}

/// What the nested readers share.
struct Reading {
    want: Want,
    at: RefCell<At>,
    problem: RefCell<Option<Problem>>,
}

impl Reading {
    /// Notes a problem at the present place; the error itself only carries it out of the parser.
    fn stop<E: de::Error>(&self, problem: Problem) -> E {
        self.problem.borrow_mut().get_or_insert(problem);
        E::custom("stopped")
    }

    fn refusal(&self, body: &[u8], error: &serde_json::Error) -> InputError {
        let path = self.at.borrow().to_string();
        if let Some(problem) = self.problem.borrow_mut().take() {
            return InputError::Value { path, problem };
        }
        // serde_json reports 1e999 as a syntax error.
        if error.to_string().starts_with("number out of range") {
            return InputError::Value { path, problem: Problem::OutOfRange };
        }
        let (line, column) = (error.line(), error.column());
        if self.at.borrow().row.is_some() && is_non_finite(body, line, column) {
            return InputError::Value { path, problem: Problem::NotANumber };
        }
        InputError::Malformed { line, column }
    }

    fn values(&self) -> Values {
        match self.want.element {
            Element::Float => Values::Float(Vec::new()),
            Element::Double => Values::Double(Vec::new()),
            Element::Int64 => Values::Int64(Vec::new()),
        }
    }
}

/// Whether the parser stopped at one of the words that Python writes for numbers that JSON does not have.
fn is_non_finite(body: &[u8], line: usize, column: usize) -> bool {
    let text = body.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let word = text.get(column.saturating_sub(1)..).unwrap_or_default();
    [b"NaN".as_slice(), b"Infinity"].iter().any(|known| word.starts_with(known))
}

impl Values {
    fn push(&mut self, number: Number) -> Result<(), Problem> {
        match self {
            Values::Float(values) => {
                #[expect(clippy::cast_possible_truncation, reason = "the nearest float is what is asked for")]
                let value = number.as_f64() as f32;
                if !value.is_finite() {
                    return Err(Problem::OutOfRange);
                }
                values.push(value);
            }
            Values::Double(values) => values.push(number.as_f64()),
            Values::Int64(values) => values.push(number.as_i64()?),
        }
        Ok(())
    }
}

/// A JSON number as the parser hands it over; a fraction is always finite.
#[derive(Clone, Copy)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Fraction(f64),
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    fn as_f64(self) -> f64 {
        match self {
            Number::Unsigned(number) => number as f64,
            Number::Signed(number) => number as f64,
            Number::Fraction(number) => number,
        }
    }

    fn as_i64(self) -> Result<i64, Problem> {
        /// 2^53: up to here every integer is a double of its own.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Number::Unsigned(number) => i64::try_from(number).map_err(|_| Problem::OutOfRange),
            Number::Signed(number) => Ok(number),
            Number::Fraction(number) if number.fract() != 0.0 => Err(Problem::NotAnInteger),
            Number::Fraction(number) if number.abs() > EXACT => Err(Problem::OutOfRange),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked to be an integer of at most 54 bits"
            )]
            Number::Fraction(number) => Ok(number as i64),
        }
    }
}

/// The whole body: an object with one input.
struct BodySeed<'r>(&'r Reading);

impl<'de> DeserializeSeed<'de> for BodySeed<'_> {
    type Value = (Form, Rows);

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BodySeed<'_> {
    type Value = (Form, Rows);

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut input = None;
        while let Some(key) = map.next_key::<String>()? {
            let known = matches!(key.as_str(), "instances" | "features");
            let flat_allowed = key == "features";
            self.0.at.borrow_mut().key = Some(key.chars().take(KEY_CHARS_MAX).collect());
            if !known {
                return Err(self.0.stop(Problem::UnknownKey));
            }
            if input.is_some() {
                return Err(self.0.stop(Problem::SecondInput));
            }
            input = Some(map.next_value_seed(InputSeed { reading: self.0, flat_allowed })?);
            *self.0.at.borrow_mut() = At::default();
        }
        input.ok_or_else(|| self.0.stop(Problem::NoInput))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.0.stop(Problem::NotAnObject))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(self.0.stop(Problem::NotAnObject))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(self.0.stop(Problem::NotAnObject))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Err(self.0.stop(Problem::NotAnObject))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(self.0.stop(Problem::NotAnObject))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(self.0.stop(Problem::NotAnObject))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(self.0.stop(Problem::NotAnObject))
    }
}

/// The value of `instances` or `features`.
struct InputSeed<'r> {
    reading: &'r Reading,
    flat_allowed: bool,
}

impl<'de> DeserializeSeed<'de> for InputSeed<'_> {
    type Value = (Form, Rows);

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        let reading = self.reading;
        let rows = json.deserialize_seq(self);
        // Anything that is no list and is JSON.
        rows.map_err(|error| if is_data(&error) { reading.stop(Problem::NotRows) } else { error })
    }
}

/// Whether an error is about the kind of a value; serde's trait does not say, but its texts are fixed.
fn is_data<E: fmt::Display>(error: &E) -> bool {
    error.to_string().starts_with("invalid type")
}

impl<'de> Visitor<'de> for InputSeed<'_> {
    type Value = (Form, Rows);

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let reading = self.reading;
        let mut filling = Filling {
            values: reading.values(),
            width: reading.want.columns,
            flat_allowed: self.flat_allowed,
            flat_columns: 0,
            rows: 0,
        };
        loop {
            let index = filling.rows + filling.flat_columns;
            reading.at.borrow_mut().row = Some(index);
            if list.next_element_seed(EntrySeed { reading, filling: &mut filling })?.is_none() {
                break;
            }
            if filling.rows > ROWS_MAX {
                reading.at.borrow_mut().row = None;
                return Err(reading.stop(Problem::TooManyRows));
            }
        }
        reading.at.borrow_mut().row = None;
        filling.finish(self.flat_allowed).map_err(|problem| reading.stop(problem))
    }
}

/// A tensor while it is being filled.
struct Filling {
    values: Values,
    width: Option<usize>,
    flat_allowed: bool,
    /// Numbers that stood where rows could stand.
    flat_columns: usize,
    rows: usize,
}

impl Filling {
    /// Takes the number at `column`. What is beyond the width is only counted, by the caller.
    fn push(&mut self, number: Number, column: usize) -> Result<(), Problem> {
        if self.width.is_some_and(|width| column >= width) {
            return Ok(());
        }
        self.values.push(number)
    }

    /// Closes a row of `got` numbers.
    fn close(&mut self, got: usize) -> Result<(), Problem> {
        if got == 0 {
            return Err(Problem::Empty);
        }
        let expected = *self.width.get_or_insert(got);
        if got != expected {
            return Err(Problem::Width { expected, got });
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self, features: bool) -> Result<(Form, Rows), Problem> {
        let form = match (self.flat_columns, features) {
            (0, true) => Form::FeatureRows,
            (0, false) => Form::Instances,
            (columns, _) => {
                self.close(columns)?;
                Form::FeatureRow
            }
        };
        match (self.rows, self.width) {
            (0, _) | (_, None) => Err(Problem::Empty),
            (count, Some(columns)) => Ok((form, Rows { values: self.values, count, columns })),
        }
    }
}

/// One entry of the list: a row, or in `features` a number.
struct EntrySeed<'r, 'f> {
    reading: &'r Reading,
    filling: &'f mut Filling,
}

impl<'de> DeserializeSeed<'de> for EntrySeed<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let reading = self.reading;
        json.deserialize_any(self)
            .map_err(|error| if is_data(&error) { reading.stop(Problem::NotARow) } else { error })
    }
}

impl EntrySeed<'_, '_> {
    fn number<E: de::Error>(self, number: Number) -> Result<(), E> {
        if !self.filling.flat_allowed || self.filling.rows > 0 {
            return Err(self.reading.stop(Problem::NotARow));
        }
        let column = self.filling.flat_columns;
        self.filling.push(number, column).map_err(|problem| self.reading.stop(problem))?;
        self.filling.flat_columns += 1;
        Ok(())
    }
}

impl<'de> Visitor<'de> for EntrySeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row of numbers")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.number(Number::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.number(Number::Signed(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.number(Number::Fraction(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        let (reading, filling) = (self.reading, self.filling);
        if filling.flat_columns > 0 {
            return Err(reading.stop(Problem::NotANumber));
        }
        let mut column = 0;
        loop {
            reading.at.borrow_mut().column = Some(column);
            let Some(number) = row.next_element_seed(NumberSeed(reading))? else { break };
            filling.push(number, column).map_err(|problem| reading.stop(problem))?;
            column += 1;
        }
        reading.at.borrow_mut().column = None;
        filling.close(column).map_err(|problem| reading.stop(problem))
    }
}

/// One number of a row.
struct NumberSeed<'r>(&'r Reading);

impl<'de> DeserializeSeed<'de> for NumberSeed<'_> {
    type Value = Number;

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<Number, D::Error> {
        let reading = self.0;
        json.deserialize_any(self)
            .map_err(|error| if is_data(&error) { reading.stop(Problem::NotANumber) } else { error })
    }
}

impl Visitor<'_> for NumberSeed<'_> {
    type Value = Number;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number::Signed(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
        Ok(Number::Fraction(number))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLOATS: Want = Want { element: Element::Float, columns: Some(2) };

    fn refusal(body: &str, want: Want) -> String {
        match parse(body.as_bytes(), want) {
            Ok((form, rows)) => format!("{form:?} {}x{} {:?}", rows.count, rows.columns, rows.values),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn rows_are_read_in_three_forms() {
        let rows = [
            (r#"{"instances":[[1,2.5],[-3,4e1]]}"#, "Instances 2x2 Float([1.0, 2.5, -3.0, 40.0])"),
            (r#"{"features":[[1,2]]}"#, "FeatureRows 1x2 Float([1.0, 2.0])"),
            (r#" { "features" : [ 1 , 2 ] } "#, "FeatureRow 1x2 Float([1.0, 2.0])"),
        ];
        for (body, expected) in rows {
            assert_eq!(refusal(body, FLOATS), expected, "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let thousand_and_one = format!(r#"{{"instances":[{}[1,2]]}}"#, "[1,2],".repeat(1000));
        let rows: &[(&str, &str)] = &[
            ("", "the body is not JSON (line 1, column 0)"),
            ("{", "the body is not JSON (line 1, column 1)"),
            (r#"{"instances":[[1,2]]} x"#, "the body is not JSON (line 1, column 23)"),
            (r#"{"instances":[[1,NaN]]}"#, "instances[0][1] is not a finite number"),
            ("{\"instances\":\n[[1,2],\n[Infinity,2]]}", "instances[1][0] is not a finite number"),
            (r#"{"features":[1,-Infinity]}"#, "features[1] is not a finite number"),
            (r#"{"instances":[[1,tru]]}"#, "the body is not JSON (line 1, column 21)"),
            ("[[1,2]]", "body is not an object"),
            ("3", "body is not an object"),
            ("null", "body is not an object"),
            (r#""instances""#, "body is not an object"),
            ("{}", "body must hold `instances` or `features`"),
            (r#"{"rows":[[1,2]]}"#, "rows is not a key that is known here; `instances` and `features` are"),
            (
                r#"{"instances":[[1,2]],"x":1}"#,
                "x is not a key that is known here; `instances` and `features` are",
            ),
            (
                r#"{"instances":[[1,2]],"instances":[[1,2]]}"#,
                "instances is a second input; one of `instances` and `features` is allowed, once",
            ),
            (r#"{"instances":[]}"#, "instances is empty"),
            (r#"{"features":[]}"#, "features is empty"),
            (r#"{"instances":{}}"#, "instances is not a list of rows"),
            (r#"{"instances":null}"#, "instances is not a list of rows"),
            (r#"{"instances":[1,2]}"#, "instances[0] is not a list of numbers"),
            (r#"{"instances":["a"]}"#, "instances[0] is not a list of numbers"),
            (r#"{"instances":[[]]}"#, "instances[0] is empty"),
            (r#"{"instances":[[1,2],[1]]}"#, "instances[1] has 1 values, 2 are expected"),
            (r#"{"instances":[[1,2],[1,2,3,4]]}"#, "instances[1] has 4 values, 2 are expected"),
            (r#"{"features":[1,2,3]}"#, "features has 3 values, 2 are expected"),
            (r#"{"features":[1,[2]]}"#, "features[1] is not a finite number"),
            (r#"{"features":[[1,2],3]}"#, "features[1] is not a list of numbers"),
            (r#"{"instances":[[1,2],[1,"2"]]}"#, "instances[1][1] is not a finite number"),
            (r#"{"instances":[[1,null]]}"#, "instances[0][1] is not a finite number"),
            (r#"{"instances":[[true,1]]}"#, "instances[0][0] is not a finite number"),
            (r#"{"instances":[[1,[2]]]}"#, "instances[0][1] is not a finite number"),
            (r#"{"instances":[[1,{}]]}"#, "instances[0][1] is not a finite number"),
            (
                r#"{"instances":[[1,2],[1,1e999]]}"#,
                "instances[1][1] is beyond the range of the model's numbers",
            ),
            (r#"{"instances":[[1,1e39]]}"#, "instances[0][1] is beyond the range of the model's numbers"),
            (&thousand_and_one, "instances has more than 1000 rows"),
        ];
        for (body, expected) in rows {
            assert_eq!(&refusal(body, FLOATS), expected, "{}", &body[..body.len().min(60)]);
        }
    }

    #[test]
    fn the_first_row_decides_where_the_model_does_not() {
        let want = Want { element: Element::Double, columns: None };
        assert_eq!(refusal(r#"{"instances":[[1,2,3]]}"#, want), "Instances 1x3 Double([1.0, 2.0, 3.0])");
        assert_eq!(
            refusal(r#"{"instances":[[1],[1,2]]}"#, want),
            "instances[1] has 2 values, 1 are expected"
        );
        assert_eq!(refusal(r#"{"features":[1e308]}"#, want), "FeatureRow 1x1 Double([1e308])");
    }

    #[test]
    fn integers_are_taken_exactly_or_not_at_all() {
        let want = Want { element: Element::Int64, columns: None };
        let rows = [
            ("9223372036854775807", "FeatureRow 1x1 Int64([9223372036854775807])"),
            ("-9223372036854775808", "FeatureRow 1x1 Int64([-9223372036854775808])"),
            ("3.0", "FeatureRow 1x1 Int64([3])"),
            ("3.5", "features[0] is not an integer, which the model takes"),
            ("9223372036854775808", "features[0] is beyond the range of the model's numbers"),
            ("1e300", "features[0] is beyond the range of the model's numbers"),
        ];
        for (number, expected) in rows {
            assert_eq!(refusal(&format!(r#"{{"features":[{number}]}}"#), want), expected, "{number}");
        }
    }

    #[test]
    fn nesting_stops_at_the_third_level() {
        let deep = format!(r#"{{"instances":{}"#, "[".repeat(1_000_000));
        assert_eq!(refusal(&deep, FLOATS), "instances[0][0] is not a finite number");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(rows in prop::collection::vec(prop::array::uniform3(-1e30_f32..1e30), 1..20)) {
            let body = serde_json::json!({ "instances": rows }).to_string();
            let want = Want { element: Element::Float, columns: Some(3) };
            let (form, read) = parse(body.as_bytes(), want).unwrap();
            prop_assert_eq!(form, Form::Instances);
            prop_assert_eq!(read.values, Values::Float(rows.as_flattened().to_vec()));
        }

        #[test]
        fn no_body_panics(body in "[\\[\\]{}\":,a-z0-9.eE+\\-]{0,60}") {
            let _ = parse(body.as_bytes(), FLOATS);
        }
    }
}
