//! `{"instances":…}` and `{"features":…}`: rows to the tensors that the model takes.
//!
//! A row is a list, nested as deep as the model's input is; or an object from column or input to value, where the
//! model's columns have names.

use super::scan::Scanner;
use super::value::FromJson;
use super::{Fault, InputError, Inputs, Missing, Port, Problem, Taking};
use crate::tensor::{Data, ROWS_MAX, Tensor, each};

/// Room for numbers that a row is given before anything is known of it.
const ROOM: usize = 64;

/// How the caller wrote the rows, which is also how the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"instances":[[…],…]}`
    Instances,
    /// `{"features":[[…],…]}`
    FeatureRows,
    /// `{"features":[…]}` or `{"features":{…}}`: one row.
    FeatureRow,
}

/// Reads a body into rows.
///
/// # Errors
/// [`InputError`], at the first thing that is wrong.
pub(crate) fn rows(body: &[u8], taking: &Taking) -> Result<(Form, Inputs), InputError> {
    read(body, taking).map_err(|fault| fault.told(body))
}

fn read(body: &[u8], taking: &Taking) -> Result<(Form, Inputs), Fault> {
    let mut scanner = Scanner::new(body);
    let mut input = None;
    match scanner.peek() {
        Some(b'{') => scanner.take(b'{'),
        None => return Err(scanner.syntax()),
        Some(_) => return Err(scanner.skip().err().unwrap_or_else(|| Problem::NotAnObject.into())),
    };
    let mut first = true;
    while let Some(key) = scanner.key(first)? {
        let form = match &*key {
            "instances" => Form::Instances,
            "features" => Form::FeatureRows,
            _ => return Err(Fault::from(Problem::UnknownKey).in_key(&key)),
        };
        if input.is_some() {
            return Err(Fault::from(Problem::SecondInput).in_key(&key));
        }
        let filling = Filling::new(taking)?;
        input = Some(filling.read(&mut scanner, form).map_err(|fault| fault.in_key(&key))?);
        first = false;
    }
    scanner.end()?;
    input.ok_or_else(|| Problem::NoInput.into())
}

/// How the values of a row stand for the model's inputs.
enum Layout<'t> {
    /// One tensor; a row is a list, nested as deep as its dimensions go.
    Dense(&'t Port),
    /// One number of each input in a row, in a list or by name.
    Columns,
    /// A tensor of each input in a row, by name.
    Named,
}

/// Tensors while they are being filled.
struct Filling<'t> {
    taking: &'t Taking,
    layout: Layout<'t>,
    data: Vec<Data>,
    /// Lengths of the dimensions of one row, for each input; what the model leaves open the first row decides.
    dims: Vec<Vec<Option<usize>>>,
    rows: usize,
}

impl<'t> Filling<'t> {
    fn new(taking: &'t Taking) -> Result<Self, Fault> {
        let row_dims = |port: &Port| port.dims.get(1..).map(<[_]>::to_vec);
        let dims: Option<Vec<_>> = taking.inputs.iter().map(row_dims).collect();
        // A scalar input has no rows.
        let dims = dims.filter(|dims| !dims.is_empty()).ok_or(Problem::NoRows)?;
        let single = |dims: &Vec<Option<usize>>| dims.iter().all(|length| *length == Some(1));
        let layout = match taking.inputs.as_slice() {
            [only] => Layout::Dense(only),
            _ if dims.iter().all(single) => Layout::Columns,
            _ => Layout::Named,
        };
        let data = taking.inputs.iter().map(|port| Data::with_capacity(port.element, ROOM)).collect();
        Ok(Self { taking, layout, data, dims, rows: 0 })
    }

    /// Whether a list without lists in it can be one row.
    fn takes_flat(&self) -> bool {
        match self.layout {
            Layout::Dense(_) => self.dims.first().is_some_and(|dims| dims.len() == 1),
            Layout::Columns => true,
            Layout::Named => false,
        }
    }

    fn read(mut self, scanner: &mut Scanner<'_>, form: Form) -> Result<(Form, Inputs), Fault> {
        match scanner.peek() {
            Some(b'[') => {}
            Some(b'{') if form == Form::FeatureRows => {
                self.object(scanner)?;
                return self.finish(Form::FeatureRow);
            }
            Some(b'{') => return Err(Problem::NotRows.into()),
            _ => return Err(scanner.skip().err().unwrap_or_else(|| Problem::NotRows.into())),
        }
        if form == Form::FeatureRows && self.takes_flat() && is_flat(scanner) {
            self.list(scanner).map_err(flattened)?;
            return self.finish(Form::FeatureRow);
        }
        scanner.take(b'[');
        while scanner.goes_on(self.rows == 0, b']')? {
            let index = self.rows;
            if index == ROWS_MAX {
                return Err(Problem::TooManyRows.into());
            }
            self.row(scanner).map_err(|fault| fault.in_index(index))?;
        }
        self.finish(form)
    }

    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        let scalar = matches!(self.layout, Layout::Dense(_)) && self.dims.first().is_some_and(Vec::is_empty);
        match scanner.peek() {
            Some(b'{') => self.object(scanner),
            _ if scalar => self.list(scanner),
            Some(b'[') => self.list(scanner),
            _ => Err(scanner.skip_words().err().unwrap_or_else(|| Problem::NotARow.into())),
        }
    }

    /// A row without names.
    fn list(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        let missing = self.taking.missing;
        match self.layout {
            Layout::Dense(_) => {
                let (Some(data), Some(dims)) = (self.data.first_mut(), self.dims.first_mut()) else {
                    return Err(Problem::NoRows.into());
                };
                each!(data, values => nested(scanner, values, dims, missing))?;
            }
            Layout::Columns => self.columns(scanner)?,
            Layout::Named => return Err(Problem::NeedsNames(self.input_names()).into()),
        }
        self.rows += 1;
        Ok(())
    }

    /// One value of each input, in the model's order.
    fn columns(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        let (expected, missing) = (self.data.len(), self.taking.missing);
        scanner.take(b'[');
        let mut got = 0;
        while scanner.goes_on(got == 0, b']')? {
            match self.data.get_mut(got) {
                Some(data) => {
                    each!(data, values => push(scanner, values, missing))
                        .map_err(|fault| fault.in_index(got))?;
                }
                None => scanner.skip()?,
            }
            got += 1;
        }
        if got == 0 {
            return Err(Problem::Empty.into());
        }
        if got == expected { Ok(()) } else { Err(Problem::Width { expected, got }.into()) }
    }

    /// A row with names.
    fn object(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        scanner.take(b'{');
        match self.layout {
            Layout::Dense(port) => self.named_columns(scanner, port)?,
            Layout::Columns | Layout::Named => self.named_inputs(scanner)?,
        }
        self.rows += 1;
        Ok(())
    }

    fn input_names(&self) -> Vec<String> {
        self.taking.inputs.iter().map(|port| port.name.clone()).collect()
    }

    fn named_inputs(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        let names: Vec<&str> = self.taking.inputs.iter().map(|port| port.name.as_str()).collect();
        let mut keys = Keys::new(&names);
        while let Some(key) = scanner.key(keys.is_first())? {
            let unknown = || Problem::UnknownInput(self.input_names());
            let index = keys.place(&key, unknown).map_err(|problem| Fault::from(problem).in_key(&key))?;
            let (Some(data), Some(dims)) = (self.data.get_mut(index), self.dims.get_mut(index)) else {
                return Err(Problem::NoRows.into());
            };
            let missing = self.taking.missing;
            // A column is a number, or a list that holds one.
            let plain = dims.as_slice() == [Some(1)] && scanner.peek() != Some(b'[');
            each!(data, values => {
                if plain { push(scanner, values, missing) } else { nested(scanner, values, dims, missing) }
            })
            .map_err(|fault| fault.in_key(&key))?;
        }
        keys.missing().map_or(Ok(()), |name| Err(Problem::MissingInput(name).into()))
    }

    fn named_columns(&mut self, scanner: &mut Scanner<'_>, port: &Port) -> Result<(), Fault> {
        let columns = &self.taking.columns;
        let missing = self.taking.missing;
        let (Some(data), Some([width])) =
            (self.data.first_mut(), self.dims.first_mut().map(Vec::as_mut_slice))
        else {
            return Err(Problem::NoColumnNames.into());
        };
        let fits = width.is_none_or(|width| width == columns.len());
        if columns.is_empty() || !fits {
            // `{"X":[…]}` is the row of the one input.
            return self.only_input(scanner, port);
        }
        *width = Some(columns.len());
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut keys = Keys::new(&names);
        let start = data.len();
        data.grow(start + names.len());
        while let Some(key) = scanner.key(keys.is_first())? {
            let unknown = || Problem::UnknownColumn(columns.clone());
            let index = keys.place(&key, unknown).map_err(|problem| Fault::from(problem).in_key(&key))?;
            each!(&mut *data, values => put(scanner, values, start + index, missing))
                .map_err(|fault| fault.in_key(&key))?;
        }
        keys.missing().map_or(Ok(()), |name| Err(Problem::MissingColumn(name).into()))
    }

    fn only_input(&mut self, scanner: &mut Scanner<'_>, port: &Port) -> Result<(), Fault> {
        let (Some(data), Some(dims)) = (self.data.first_mut(), self.dims.first_mut()) else {
            return Err(Problem::NoRows.into());
        };
        let missing = self.taking.missing;
        match scanner.key(true)? {
            Some(key) if key == port.name => {
                each!(data, values => nested(scanner, values, dims, missing))
                    .map_err(|fault| fault.in_key(&key))?;
                match scanner.key(false)? {
                    None => Ok(()),
                    Some(key) => {
                        Err(Fault::from(Problem::UnknownInput(vec![port.name.clone()])).in_key(&key))
                    }
                }
            }
            _ => Err(Problem::NoColumnNames.into()),
        }
    }

    fn finish(self, form: Form) -> Result<(Form, Inputs), Fault> {
        if self.rows == 0 {
            return Err(Problem::Empty.into());
        }
        let mut inputs = Vec::with_capacity(self.data.len());
        for (data, dims) in self.data.into_iter().zip(self.dims) {
            let mut shape = Vec::with_capacity(dims.len() + 1);
            shape.push(self.rows);
            shape.extend(dims.into_iter().map(Option::unwrap_or_default));
            inputs.push(Tensor::new(shape, data).ok_or(Problem::Empty)?);
        }
        Ok((form, inputs))
    }
}

/// Which keys of an object were there. They mostly come in order, so the next one is tried first.
struct Keys<'n> {
    names: &'n [&'n str],
    seen: Vec<bool>,
    count: usize,
}

impl<'n> Keys<'n> {
    fn new(names: &'n [&'n str]) -> Self {
        Self { names, seen: vec![false; names.len()], count: 0 }
    }

    fn is_first(&self) -> bool {
        self.count == 0
    }

    fn place(&mut self, key: &str, unknown: impl FnOnce() -> Problem) -> Result<usize, Problem> {
        let in_order = self.names.get(self.count).is_some_and(|name| *name == key);
        let index = if in_order { Some(self.count) } else { self.names.iter().position(|name| *name == key) };
        let index = index.ok_or_else(unknown)?;
        self.count += 1;
        match self.seen.get_mut(index) {
            Some(seen) if !*seen => {
                *seen = true;
                Ok(index)
            }
            _ => Err(Problem::Twice),
        }
    }

    fn missing(&self) -> Option<String> {
        let index = self.seen.iter().position(|seen| !seen)?;
        self.names.get(index).map(|name| (*name).to_owned())
    }
}

/// Whether the list that is next has a first element that is neither list nor object.
fn is_flat(scanner: &mut Scanner<'_>) -> bool {
    let mark = scanner.mark();
    scanner.take(b'[');
    let flat = !matches!(scanner.peek(), Some(b'[' | b'{' | b']') | None);
    scanner.rewind(mark);
    flat
}

/// In a flat row a list is not a number; it never says that a row is not one.
fn flattened(fault: Fault) -> Fault {
    match fault {
        Fault::Value(steps, Problem::NotARow) => Fault::Value(steps, Problem::NotANumber),
        fault => fault,
    }
}

fn push<T: FromJson>(scanner: &mut Scanner<'_>, values: &mut Vec<T>, missing: Missing) -> Result<(), Fault> {
    values.push(T::read(scanner, missing)?);
    Ok(())
}

fn put<T: FromJson>(
    scanner: &mut Scanner<'_>,
    values: &mut [T],
    index: usize,
    missing: Missing,
) -> Result<(), Fault> {
    let value = T::read(scanner, missing)?;
    if let Some(place) = values.get_mut(index) {
        *place = value;
    }
    Ok(())
}

/// Takes plainly written numbers of a list as long as they come; how many elements it has then.
#[inline]
fn plain<T: FromJson>(scanner: &mut Scanner<'_>, values: &mut Vec<T>, got: usize, most: usize) -> usize {
    scanner.plain(got, most, |number| {
        let value = T::of_plain(number);
        let known = value.is_some();
        values.extend(value);
        known
    })
}

/// Lists as deep as there are dimensions, elements in the innermost.
pub(super) fn nested<T: FromJson>(
    scanner: &mut Scanner<'_>,
    values: &mut Vec<T>,
    dims: &mut [Option<usize>],
    missing: Missing,
) -> Result<(), Fault> {
    let Some((length, inner)) = dims.split_first_mut() else {
        return push(scanner, values, missing);
    };
    if !scanner.take(b'[') {
        return Err(scanner.skip_words().err().unwrap_or_else(|| Problem::NotARow.into()));
    }
    let most = length.unwrap_or(usize::MAX);
    let innermost = inner.is_empty();
    let mut got = if innermost { plain(scanner, values, 0, most) } else { 0 };
    while scanner.goes_on(got == 0, b']')? {
        if got >= most {
            // Only counted.
            scanner.skip()?;
        } else if innermost {
            push(scanner, values, missing).map_err(|fault| fault.in_index(got))?;
            got = plain(scanner, values, got + 1, most);
            continue;
        } else {
            nested(scanner, values, inner, missing).map_err(|fault| fault.in_index(got))?;
        }
        got += 1;
    }
    if got == 0 {
        return Err(Problem::Empty.into());
    }
    let expected = *length.get_or_insert(got);
    if got == expected { Ok(()) } else { Err(Problem::Width { expected, got }.into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::Element;

    fn taking(element: Element, dims: &[Option<usize>]) -> Taking {
        Taking {
            inputs: vec![Port { name: "X".to_owned(), element, dims: dims.to_vec() }],
            ..Taking::default()
        }
    }

    fn floats() -> Taking {
        taking(Element::Float, &[None, Some(2)])
    }

    fn refusal(body: &str, taking: &Taking) -> String {
        match rows(body.as_bytes(), taking) {
            Ok((form, inputs)) => {
                let input = |input: &Tensor| format!("{:?} {:?}", input.shape(), input.data());
                format!("{form:?} {}", inputs.iter().map(input).collect::<Vec<_>>().join(" "))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn rows_are_read_in_three_forms() {
        let forms = [
            (r#"{"instances":[[1,2.5],[-3,4e1]]}"#, "Instances [2, 2] Float([1.0, 2.5, -3.0, 40.0])"),
            (r#"{"features":[[1,2]]}"#, "FeatureRows [1, 2] Float([1.0, 2.0])"),
            (r#" { "features" : [ 1 , 2 ] } "#, "FeatureRow [1, 2] Float([1.0, 2.0])"),
        ];
        for (body, expected) in forms {
            assert_eq!(refusal(body, &floats()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let thousand_and_one = format!(r#"{{"instances":[{}[1,2]]}}"#, "[1,2],".repeat(1000));
        let bodies: &[(&str, &str)] = &[
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
            (r#"{"features":{"X":[1,2]}}"#, "FeatureRow [1, 2] Float([1.0, 2.0])"),
            (&thousand_and_one, "instances has more than 1000 rows"),
        ];
        for (body, expected) in bodies {
            assert_eq!(&refusal(body, &floats()), expected, "{}", &body[..body.len().min(60)]);
        }
    }

    #[test]
    fn the_first_row_decides_where_the_model_does_not() {
        let open = taking(Element::Double, &[None, None]);
        assert_eq!(refusal(r#"{"instances":[[1,2,3]]}"#, &open), "Instances [1, 3] Double([1.0, 2.0, 3.0])");
        assert_eq!(
            refusal(r#"{"instances":[[1],[1,2]]}"#, &open),
            "instances[1] has 2 values, 1 are expected"
        );
        assert_eq!(refusal(r#"{"features":[1e308]}"#, &open), "FeatureRow [1, 1] Double([1e308])");
    }

    #[test]
    fn rows_are_as_deep_as_the_input() {
        let scalars = taking(Element::Int64, &[None]);
        assert_eq!(refusal(r#"{"instances":[1,2]}"#, &scalars), "Instances [2] Int64([1, 2])");
        let images = taking(Element::Uint8, &[None, Some(2), None]);
        let expected = "Instances [1, 2, 3] Uint8([1, 2, 3, 4, 5, 6])";
        assert_eq!(refusal(r#"{"instances":[[[1,2,3],[4,5,6]]]}"#, &images), expected);
        assert_eq!(
            refusal(r#"{"instances":[[[1],[256]]]}"#, &images),
            "instances[0][1][0] is beyond the range of the model's numbers"
        );
        assert_eq!(
            refusal(r#"{"features":[[1,2],[3,4]]}"#, &images),
            "features[0][0] is not a list of numbers"
        );
    }

    #[test]
    fn nesting_stops_at_the_third_level() {
        let deep = format!(r#"{{"instances":{}"#, "[".repeat(1_000_000));
        assert_eq!(refusal(&deep, &floats()), "instances[0][0] is not a finite number");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(written in prop::collection::vec(prop::array::uniform3(-1e30_f32..1e30), 1..20)) {
            let body = serde_json::json!({ "instances": written }).to_string();
            let (form, inputs) = rows(body.as_bytes(), &taking(Element::Float, &[None, Some(3)])).unwrap();
            prop_assert_eq!(form, Form::Instances);
            prop_assert_eq!(inputs[0].data(), &Data::Float(written.as_flattened().to_vec()));
        }

        #[test]
        fn no_body_panics(body in "[\\[\\]{}\":,a-z0-9.eE+\\-]{0,60}", raw in prop::collection::vec(any::<u8>(), 0..40)) {
            let columns = Taking { columns: vec!["a".to_owned(), "b".to_owned()], ..floats() };
            for taking in [floats(), columns, taking(Element::Text, &[None, None, None]), taking(Element::Bool, &[None])] {
                let _ = rows(body.as_bytes(), &taking);
                let _ = rows(&raw, &taking);
                let _ = crate::request::infer(body.as_bytes(), &raw, &taking, &["Y"]);
                let _ = crate::request::raw(&raw, &taking, 1);
            }
        }
    }
}
