//! Requests of the Open Inference Protocol: named tensors with shapes, as JSON or as bytes behind the JSON.
//!
//! <https://github.com/kserve/open-inference-protocol>, and the extension for binary tensors of
//! <https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html>.

use std::borrow::Cow;

use super::rows::nested;
use super::scan::Scanner;
use super::value::FromJson;
use super::{Fault, InputError, Inputs, Missing, Port, Problem, Taking, binary, cut};
use crate::tensor::{Data, Element, ROWS_MAX, Tensor, each, product};

/// Dimensions of a tensor at most: more than any operator has.
const DIMENSIONS_MAX: usize = 16;

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inference {
    /// The caller's own name of the request, given back.
    pub(crate) id: Option<String>,
    pub(crate) inputs: Inputs,
    /// The outputs that are wanted, in their order.
    pub(crate) wanted: Vec<Wanted>,
    /// Microseconds that the caller is ready to wait, where it says so.
    pub(crate) timeout_us: Option<u64>,
}

/// An output that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its place among the model's outputs.
    pub(crate) output: usize,
    /// As bytes behind the JSON.
    pub(crate) binary: bool,
}

/// Reads a request.
///
/// - `json`, `tail`: the body's two parts; the second is empty where there are no binary tensors.
/// - `outputs`: the names of the model's outputs.
///
/// # Errors
/// [`InputError`], at the first thing that is wrong.
pub(crate) fn infer(
    json: &[u8],
    tail: &[u8],
    taking: &Taking,
    outputs: &[&str],
) -> Result<Inference, InputError> {
    let mut reading = Reading { taking, outputs, tail, taken: 0, inputs: vec![None; taking.inputs.len()] };
    reading.request(&mut Scanner::new(json)).map_err(|fault| fault.told(json))
}

/// A body that is nothing but the bytes of the model's one input. One dimension may be open, and beside it the first.
///
/// # Errors
/// [`InputError`].
pub(crate) fn raw(body: &[u8], taking: &Taking, outputs: usize) -> Result<Inference, InputError> {
    let read = || -> Result<Inference, Fault> {
        let [port] = taking.inputs.as_slice() else {
            return Err(
                Problem::NeedsNames(taking.inputs.iter().map(|port| port.name.clone()).collect()).into()
            );
        };
        let count = match port.element.bytes() {
            Some(width) => body.len() / width,
            None => binary::texts(body)?.len(),
        };
        let mut shape = port.dims.clone();
        let open = shape.iter().filter(|length| length.is_none()).count();
        if let (2, Some(first @ None)) = (open, shape.first_mut()) {
            *first = Some(1);
        }
        let known = shape.iter().flatten().product::<usize>().max(1);
        if let Some(open) = shape.iter_mut().find(|length| length.is_none()) {
            *open = Some(count / known);
        }
        let shape: Vec<usize> = shape.into_iter().map(|length| length.unwrap_or(0)).collect();
        let input = tensor(port, shape, port.element.datatype(), body, taking.missing)?;
        let wanted = (0..outputs).map(|output| Wanted { output, binary: true }).collect();
        Ok(Inference { id: None, inputs: vec![input], wanted, timeout_us: None })
    };
    read().map_err(|fault| fault.told(&[]))
}

/// Tensors whose bytes lie apart from their description, as gRPC has them: name, datatype, shape and bytes of each.
///
/// # Errors
/// [`InputError`].
pub(crate) fn raw_contents<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a str, &'a [i64], &'a [u8])>,
    taking: &Taking,
) -> Result<Inputs, InputError> {
    let mut inputs = vec![None; taking.inputs.len()];
    let read = || -> Result<Inputs, Fault> {
        for (index, (name, datatype, shape, bytes)) in tensors.enumerate() {
            let one = || -> Result<(usize, Tensor), Fault> {
                let (place, port) =
                    known(taking, name).map_err(|problem| Fault::from(problem).in_key("name"))?;
                let lengths: Option<Vec<usize>> =
                    shape.iter().map(|length| usize::try_from(*length).ok()).collect();
                let lengths = lengths.ok_or_else(|| Fault::from(Problem::OutOfRange).in_key("shape"))?;
                Ok((place, tensor(port, lengths, datatype, bytes, taking.missing)?))
            };
            let (place, tensor) = one().map_err(|fault| fault.in_index(index).in_key("inputs"))?;
            put(&mut inputs, place, tensor).map_err(|fault| fault.in_index(index).in_key("inputs"))?;
        }
        complete(std::mem::take(&mut inputs), taking)
    };
    read().map_err(|fault| fault.told(&[]))
}

/// The place and description of the input of this name.
fn known<'t>(taking: &'t Taking, name: &str) -> Result<(usize, &'t Port), Problem> {
    let found = taking.inputs.iter().enumerate().find(|(_, port)| port.name == name);
    found.ok_or_else(|| Problem::UnknownInput(taking.inputs.iter().map(|port| port.name.clone()).collect()))
}

fn put(inputs: &mut [Option<Tensor>], place: usize, tensor: Tensor) -> Result<(), Fault> {
    match inputs.get_mut(place) {
        Some(input @ None) => {
            *input = Some(tensor);
            Ok(())
        }
        _ => Err(Fault::from(Problem::Twice).in_key("name")),
    }
}

/// All inputs, if none is missing and those with an open first dimension agree on it.
fn complete(inputs: Vec<Option<Tensor>>, taking: &Taking) -> Result<Inputs, Fault> {
    let missing = inputs.iter().zip(&taking.inputs).find(|(input, _)| input.is_none());
    if let Some((_, port)) = missing {
        return Err(Fault::from(Problem::MissingInput(port.name.clone())).in_key("inputs"));
    }
    let inputs: Inputs = inputs.into_iter().flatten().collect();
    let all_open = taking.inputs.iter().all(|port| port.dims.first() == Some(&None));
    let rows = inputs.first().map_or(0, Tensor::rows);
    if let Some(other) = inputs.iter().position(|input| all_open && input.rows() != rows) {
        let got = format!("of {} rows", inputs.get(other).map_or(0, Tensor::rows));
        let problem = Problem::Shape { expected: format!("{rows} as in the first input"), got };
        return Err(Fault::from(problem).in_index(other).in_key("inputs"));
    }
    Ok(inputs)
}

/// A tensor of bytes.
fn tensor(
    port: &Port,
    shape: Vec<usize>,
    datatype: &str,
    bytes: &[u8],
    missing: Missing,
) -> Result<Tensor, Fault> {
    check(port, &shape, datatype)?;
    let count = product(&shape).ok_or(Problem::OutOfRange)?;
    let data = binary::decode(port.element, count, bytes)?;
    let finite = missing == Missing::Nan || !port.element.is_float();
    if let Some(index) = if finite { None } else { data.first_not_finite() } {
        return Err(Fault::from(Problem::NotANumber).in_index(index).in_key("data"));
    }
    Tensor::new(shape, data).ok_or_else(|| Problem::Empty.into())
}

/// Whether a tensor of this shape and type is what the input takes.
fn check(port: &Port, shape: &[usize], datatype: &str) -> Result<(), Fault> {
    if Element::of_datatype(datatype) != Some(port.element) {
        let problem = Problem::Datatype { expected: port.element.datatype(), got: cut(datatype) };
        return Err(Fault::from(problem).in_key("datatype"));
    }
    let wrong = |problem: Problem| Err(Fault::from(problem).in_key("shape"));
    let fits = shape.len() == port.dims.len()
        && shape.iter().zip(&port.dims).all(|(got, wanted)| wanted.is_none_or(|wanted| wanted == *got));
    if !fits {
        let wanted =
            |length: &Option<usize>| length.map_or_else(|| "-1".to_owned(), |length| length.to_string());
        let expected: Vec<String> = port.dims.iter().map(wanted).collect();
        let got: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let (expected, got) = (format!("[{}]", expected.join(",")), format!("[{}]", got.join(",")));
        return wrong(Problem::Shape { expected, got });
    }
    if shape.contains(&0) {
        return wrong(Problem::Empty);
    }
    let many = shape.first().is_some_and(|rows| *rows > ROWS_MAX);
    if many && port.dims.first() == Some(&None) {
        return wrong(Problem::TooManyRows);
    }
    Ok(())
}

struct Reading<'r> {
    taking: &'r Taking,
    outputs: &'r [&'r str],
    tail: &'r [u8],
    /// Bytes of `tail` that belong to the inputs so far.
    taken: usize,
    inputs: Vec<Option<Tensor>>,
}

/// What an input's object says.
#[derive(Default)]
struct Described<'b> {
    name: Option<Cow<'b, str>>,
    shape: Option<Vec<usize>>,
    datatype: Option<Cow<'b, str>>,
    binary_bytes: Option<usize>,
    /// Where `data` begins that stood before what says how to read it.
    deferred: Option<usize>,
    data: Option<Data>,
}

impl Reading<'_> {
    fn request(&mut self, scanner: &mut Scanner<'_>) -> Result<Inference, Fault> {
        object(scanner)?;
        let (mut id, mut wanted, mut has_inputs) = (None, None, false);
        let (mut binary_output, mut timeout_us) = (false, None);
        let mut first = true;
        while let Some(key) = scanner.key(first)? {
            first = false;
            let outcome = match &*key {
                "id" => string(scanner).map(|text| id = Some(text.into_owned())),
                "parameters" => parameters(scanner, |name, scanner| {
                    match name {
                        "binary_data_output" => binary_output = bool::read(scanner, Missing::Refused)?,
                        "timeout" => timeout_us = Some(u64::read(scanner, Missing::Refused)?),
                        _ => scanner.skip()?,
                    }
                    Ok(())
                }),
                "inputs" if has_inputs => Err(Problem::Twice.into()),
                "inputs" => {
                    has_inputs = true;
                    list(scanner, |scanner, _| self.input(scanner))
                }
                "outputs" => self.wanted(scanner).map(|outputs| wanted = Some(outputs)),
                _ => scanner.skip(),
            };
            outcome.map_err(|fault| fault.in_key(&key))?;
        }
        scanner.end()?;
        if !has_inputs {
            return Err(Problem::MissingKey("inputs").into());
        }
        if self.taken != self.tail.len() {
            let problem = Problem::Bytes { expected: self.taken, got: self.tail.len() };
            return Err(Fault::from(problem).in_key("binary part"));
        }
        let inputs = complete(std::mem::take(&mut self.inputs), self.taking)?;
        let all = || (0..self.outputs.len()).map(|output| (output, None)).collect();
        let wanted: Vec<(usize, Option<bool>)> =
            wanted.filter(|wanted: &Vec<_>| !wanted.is_empty()).unwrap_or_else(all);
        let wanted = wanted
            .into_iter()
            .map(|(output, binary)| Wanted { output, binary: binary.unwrap_or(binary_output) })
            .collect();
        Ok(Inference { id, inputs, wanted, timeout_us })
    }

    fn wanted(&self, scanner: &mut Scanner<'_>) -> Result<Vec<(usize, Option<bool>)>, Fault> {
        let mut wanted: Vec<(usize, Option<bool>)> = Vec::new();
        list(scanner, |scanner, _| {
            object(scanner)?;
            let (mut output, mut binary, mut first) = (None, None, true);
            while let Some(key) = scanner.key(first)? {
                first = false;
                match &*key {
                    "name" => {
                        let name = string(scanner).map_err(|fault| fault.in_key("name"))?;
                        let place = self.outputs.iter().position(|output| *output == name);
                        let names = || self.outputs.iter().map(|name| (*name).to_owned()).collect();
                        output =
                            Some(place.ok_or_else(|| {
                                Fault::from(Problem::UnknownOutput(names())).in_key("name")
                            })?);
                    }
                    "parameters" => parameters(scanner, |name, scanner| {
                        match name {
                            "binary_data" => binary = Some(bool::read(scanner, Missing::Refused)?),
                            _ => scanner.skip()?,
                        }
                        Ok(())
                    })
                    .map_err(|fault| fault.in_key("parameters"))?,
                    _ => scanner.skip()?,
                }
            }
            let output = output.ok_or(Problem::MissingKey("name"))?;
            if wanted.iter().any(|(known, _)| *known == output) {
                return Err(Problem::Twice.into());
            }
            wanted.push((output, binary));
            Ok(())
        })?;
        Ok(wanted)
    }

    fn input(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        object(scanner)?;
        let mut described = Described::default();
        let mut first = true;
        while let Some(key) = scanner.key(first)? {
            first = false;
            let outcome = match &*key {
                "name" => string(scanner).map(|name| described.name = Some(name)),
                "datatype" => string(scanner).map(|datatype| described.datatype = Some(datatype)),
                "shape" => shape(scanner).map(|shape| described.shape = Some(shape)),
                "parameters" => parameters(scanner, |name, scanner| {
                    match name {
                        "binary_data_size" => {
                            let bytes = u64::read(scanner, Missing::Refused)?;
                            described.binary_bytes =
                                Some(usize::try_from(bytes).map_err(|_| Problem::OutOfRange)?);
                        }
                        _ => scanner.skip()?,
                    }
                    Ok(())
                }),
                "data" if described.data.is_some() || described.deferred.is_some() => {
                    Err(Problem::Twice.into())
                }
                "data" => self.data(scanner, &mut described),
                _ => scanner.skip(),
            };
            outcome.map_err(|fault| fault.in_key(&key))?;
        }
        self.finish(scanner, described)
    }

    /// The elements, or where they are to be found once it is known what they are.
    fn data(&self, scanner: &mut Scanner<'_>, described: &mut Described<'_>) -> Result<(), Fault> {
        let (Some(name), Some(shape), Some(_)) = (&described.name, &described.shape, &described.datatype)
        else {
            described.deferred = Some(scanner.mark());
            return scanner.skip();
        };
        // A wrong name or shape is told as that, once the object has ended.
        let Ok((_, port)) = known(self.taking, name) else { return scanner.skip() };
        if check(port, shape, port.element.datatype()).is_err() {
            return scanner.skip();
        }
        described.data = Some(elements(scanner, port, shape, self.taking.missing)?);
        Ok(())
    }

    fn finish(&mut self, scanner: &mut Scanner<'_>, described: Described<'_>) -> Result<(), Fault> {
        let name = described.name.ok_or(Problem::MissingKey("name"))?;
        let shape = described.shape.ok_or(Problem::MissingKey("shape"))?;
        let datatype = described.datatype.ok_or(Problem::MissingKey("datatype"))?;
        let (place, port) =
            known(self.taking, &name).map_err(|problem| Fault::from(problem).in_key("name"))?;
        if let Some(length) = described.binary_bytes {
            let bytes = self.tail.get(self.taken..).and_then(|rest| rest.get(..length));
            let left = self.tail.len() - self.taken;
            let bytes = bytes.ok_or(Problem::Bytes { expected: length, got: left })?;
            self.taken += length;
            let tensor = tensor(port, shape, &datatype, bytes, self.taking.missing)?;
            return put(&mut self.inputs, place, tensor);
        }
        check(port, &shape, &datatype)?;
        let data = match (described.data, described.deferred) {
            (Some(data), _) => data,
            (None, Some(mark)) => {
                let end = scanner.mark();
                scanner.rewind(mark);
                let data = elements(scanner, port, &shape, self.taking.missing)
                    .map_err(|fault| fault.in_key("data"))?;
                scanner.rewind(end);
                data
            }
            (None, None) => return Err(Problem::MissingKey("data").into()),
        };
        let tensor = Tensor::new(shape, data).ok_or(Problem::Empty)?;
        put(&mut self.inputs, place, tensor)
    }
}

fn object(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    if scanner.take(b'{') {
        return Ok(());
    }
    Err(scanner.skip_words().err().unwrap_or_else(|| Problem::NotAnObject.into()))
}

fn string<'b>(scanner: &mut Scanner<'b>) -> Result<Cow<'b, str>, Fault> {
    if scanner.peek() == Some(b'"') {
        return scanner.text();
    }
    Err(scanner.skip_words().err().unwrap_or_else(|| Problem::NotAText.into()))
}

/// Each element of a list.
fn list<'b>(
    scanner: &mut Scanner<'b>,
    mut each: impl FnMut(&mut Scanner<'b>, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !scanner.take(b'[') {
        return Err(scanner.skip_words().err().unwrap_or_else(|| Problem::NotAList.into()));
    }
    let mut index = 0;
    while scanner.goes_on(index == 0, b']')? {
        each(scanner, index).map_err(|fault| fault.in_index(index))?;
        index += 1;
    }
    Ok(())
}

/// Each entry of a `parameters` object.
fn parameters<'b>(
    scanner: &mut Scanner<'b>,
    mut each: impl FnMut(&str, &mut Scanner<'b>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    object(scanner)?;
    let mut first = true;
    while let Some(name) = scanner.key(first)? {
        each(&name, scanner).map_err(|fault| fault.in_key(&name))?;
        first = false;
    }
    Ok(())
}

fn shape(scanner: &mut Scanner<'_>) -> Result<Vec<usize>, Fault> {
    let mut shape = Vec::new();
    list(scanner, |scanner, index| {
        let length = u64::read(scanner, Missing::Refused)?;
        if index >= DIMENSIONS_MAX {
            return Err(Problem::OutOfRange.into());
        }
        shape.push(usize::try_from(length).map_err(|_| Problem::OutOfRange)?);
        Ok(())
    })?;
    Ok(shape)
}

/// The elements of a tensor, flat or nested as its shape.
fn elements(
    scanner: &mut Scanner<'_>,
    port: &Port,
    shape: &[usize],
    missing: Missing,
) -> Result<Data, Fault> {
    let count = product(shape).ok_or(Problem::OutOfRange)?;
    let mark = scanner.mark();
    if !scanner.take(b'[') {
        return Err(scanner.skip_words().err().unwrap_or_else(|| Problem::NotAList.into()));
    }
    let is_nested = scanner.peek() == Some(b'[') && shape.len() > 1;
    scanner.rewind(mark);
    // What a shape says is not yet there, so no room is made for all of it.
    let mut data = Data::with_capacity(port.element, count.min(4096));
    let mut dims: Vec<Option<usize>> =
        if is_nested { shape.iter().copied().map(Some).collect() } else { vec![Some(count)] };
    each!(&mut data, values => nested(scanner, values, &mut dims, missing))?;
    Ok(data)
}
