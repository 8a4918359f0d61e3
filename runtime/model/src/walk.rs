//! Over a model's bytes, field by field.
//!
//! In: a stream of bytes that nobody vouches for. Out: what is met on the way. Never: weights in memory, a part that could
//! name a file and is not visited.
//!
//! ONNX Runtime reads files that a model names, through plain and sparse tensors, attributes and subgraphs
//! (CVE-2022-25882, CVE-2024-27318 and their kin), so each of those is visited, in functions and training graphs too. Weights of
//! the main graph may be in files beside the model ([`crate::beside`]); nothing else may be elsewhere. Field numbers are those of <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::path::Path;

use crate::beside::{DataFile, Places};
use crate::error::{DataProblem, ModelError};
use crate::facts::{Dim, ModelFacts, Port, PortType};
use crate::wire::{DEPTH_MAX, Value, Wire, WireError};

/// Length of a name in bytes at most. Exporters write scopes into names; a few hundred bytes are seen.
const NAME_BYTES_MAX: u64 = 4096;
/// Text kept in memory at most, in bytes, [`KEPT_OVERHEAD`] for each piece included. A language model with some
/// thousand weights needs less than one megabyte.
const KEPT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What a kept name costs besides its own bytes.
const KEPT_OVERHEAD: u64 = 64;
/// Entries of the author's metadata that are kept; the rest is passed over.
const METADATA_ENTRIES_MAX: usize = 256;
/// Entries about the place of a tensor's data at most; the format knows five.
const DATA_ENTRIES_MAX: usize = 16;
/// `TensorProto.DataLocation` of data in another file.
const EXTERNAL: u64 = 1;

/// Why a walk ended early.
pub(crate) enum Stop {
    Wire(WireError),
    Model(ModelError),
}

impl Stop {
    /// As the error of this file.
    pub(crate) fn at(self, path: &Path) -> ModelError {
        match self {
            Stop::Model(error) => error,
            Stop::Wire(WireError::Corrupt { offset, reason }) => ModelError::Corrupt { offset, reason },
            Stop::Wire(WireError::Io(source)) => ModelError::Read { path: path.to_owned(), source },
        }
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Stop::Wire(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::Wire(WireError::Io(error))
    }
}

/// What is met on the way through the file.
#[derive(Default)]
pub(crate) struct Found {
    ir_version: i64,
    opsets: BTreeMap<String, i64>,
    producer_name: String,
    producer_version: String,
    graph_name: String,
    metadata: BTreeMap<String, String>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    weights: HashSet<String>,
    parameters: u64,
    nodes: u64,
    has_graph: bool,
    places: Places,
}

impl Found {
    /// The files beside the model.
    pub(crate) fn places(&self) -> Vec<DataFile> {
        self.places.files()
    }

    pub(crate) fn facts(self, digest: String, size_bytes: u64) -> ModelFacts {
        let weights = self.weights;
        ModelFacts {
            digest,
            size_bytes,
            ir_version: self.ir_version,
            opsets: self.opsets,
            producer_name: self.producer_name,
            producer_version: self.producer_version,
            graph_name: self.graph_name,
            metadata: self.metadata,
            inputs: self.inputs.into_iter().filter(|port| !weights.contains(&port.name)).collect(),
            outputs: self.outputs,
            parameters: self.parameters,
            nodes: self.nodes,
            data_files: self.places.files().into_iter().map(|file| file.name).collect(),
        }
    }
}

/// Passes over a model's bytes, and remembers what they say.
pub(crate) fn walk<R: BufRead>(input: &mut R, size_bytes: u64) -> Result<Found, Stop> {
    let head = input.fill_buf()?;
    if let Some(reason) = other_format(head) {
        return Err(Stop::Model(ModelError::NotOnnx { reason }));
    }
    let mut walk = Walk { wire: Wire::new(input), kept_bytes: 0, found: Found::default() };
    let outcome = walk.model(size_bytes);
    let found = walk.found;
    match outcome {
        Err(Stop::Wire(WireError::Corrupt { .. })) if found.ir_version == 0 && !found.has_graph => {
            Err(Stop::Model(ModelError::NotOnnx { reason: "its first bytes mean nothing in that format" }))
        }
        Err(stop) => Err(stop),
        Ok(()) => match missing_part(&found) {
            Some(reason) => Err(Stop::Model(ModelError::NotOnnx { reason })),
            None => Ok(found),
        },
    }
}

fn missing_part(found: &Found) -> Option<&'static str> {
    if found.ir_version < 1 {
        Some("it does not say which version of the format it has")
    } else if !found.has_graph {
        Some("it has no graph")
    } else if found.opsets.is_empty() {
        Some("it does not say which operators it uses")
    } else {
        None
    }
}

/// Formats that are taken for ONNX often, and ONNX Runtime's own, which it would load in place of the protobuf.
fn other_format(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8) == Some(b"ORTM") {
        return Some("it is in ONNX Runtime's own format (ORT)");
    }
    match head {
        [0x80, 2..=5, ..] => Some("it is a Python pickle"),
        [b'P', b'K', 3, 4, ..] => Some("it is a ZIP archive, such as PyTorch and Keras write"),
        [0x89, b'H', b'D', b'F', ..] => Some("it is an HDF5 file, such as Keras writes"),
        _ if head.starts_with(b"version https://git-lfs") => {
            Some("it is a Git LFS pointer, not the file that it stands for")
        }
        _ => None,
    }
}

/// A tensor without its numbers.
#[derive(Default)]
struct TensorHead {
    name: String,
    elements: u64,
    /// The file that its numbers are in, and how long that must be, where it is another one.
    data: Option<(String, u64)>,
}

struct Walk<R> {
    wire: Wire<R>,
    kept_bytes: u64,
    found: Found,
}

impl<R: BufRead> Walk<R> {
    /// `ModelProto`, up to `end`.
    fn model(&mut self, end: u64) -> Result<(), Stop> {
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Varint(version)) => self.found.ir_version = version.cast_signed(),
                (2, Value::Bytes(length)) => self.found.producer_name = self.name(length)?,
                (3, Value::Bytes(length)) => self.found.producer_version = self.name(length)?,
                (7, Value::Bytes(length)) => {
                    self.found.has_graph = true;
                    self.graph(length, 1, true)?;
                }
                (8, Value::Bytes(length)) => self.opset(length)?,
                (14, Value::Bytes(length)) => self.metadata(length)?,
                (20, Value::Bytes(length)) => self.training(length)?,
                (25, Value::Bytes(length)) => self.function(length)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(())
    }

    /// `GraphProto`. Only the main graph's ports, weights and nodes are facts; every graph is checked.
    fn graph(&mut self, length: u64, depth: u32, main: bool) -> Result<(), Stop> {
        let end = self.enter(length, depth)?;
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => {
                    self.found.nodes += u64::from(main);
                    self.node(length, depth + 1, 5)?;
                }
                (2, Value::Bytes(length)) if main => self.found.graph_name = self.name(length)?,
                (5, Value::Bytes(length)) if main => {
                    let tensor = self.tensor(length, depth + 1)?;
                    self.weight(tensor)?;
                }
                (5, Value::Bytes(length)) => self.whole_tensor(length, depth + 1).map(drop)?,
                (11, Value::Bytes(length)) if main => {
                    let port = self.port(length, depth + 1)?;
                    self.found.inputs.push(port);
                }
                (12, Value::Bytes(length)) if main => {
                    let port = self.port(length, depth + 1)?;
                    self.found.outputs.push(port);
                }
                (15, Value::Bytes(length)) => {
                    let tensor = self.sparse(length, depth + 1)?;
                    if main {
                        self.weight(tensor)?;
                    }
                }
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(())
    }

    fn weight(&mut self, tensor: TensorHead) -> Result<(), Stop> {
        self.found.parameters = self.found.parameters.saturating_add(tensor.elements);
        self.keep(tensor.name.len() as u64)?;
        if let Some((name, bytes_min)) = tensor.data {
            self.keep(name.len() as u64)?;
            self.found.places.add(&tensor.name, name, bytes_min).map_err(Stop::Model)?;
        }
        self.found.weights.insert(tensor.name);
        Ok(())
    }

    /// `NodeProto` (attributes in field 5) and `FunctionProto`'s own attributes (field 11).
    fn node(&mut self, length: u64, depth: u32, attributes: u32) -> Result<(), Stop> {
        let end = self.enter(length, depth)?;
        while let Some((number, value)) = self.wire.field(end)? {
            match value {
                Value::Bytes(length) if number == attributes => self.attribute(length, depth + 1)?,
                value => self.pass(value, end)?,
            }
        }
        Ok(())
    }

    /// `AttributeProto`: what can hold tensors or graphs is visited.
    fn attribute(&mut self, length: u64, depth: u32) -> Result<(), Stop> {
        let end = self.enter(length, depth)?;
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (5 | 10, Value::Bytes(length)) => self.whole_tensor(length, depth + 1).map(drop)?,
                (6 | 11, Value::Bytes(length)) => self.graph(length, depth + 1, false)?,
                (22 | 23, Value::Bytes(length)) => self.sparse(length, depth + 1).map(drop)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(())
    }

    /// `FunctionProto`: nodes in field 7, attribute defaults in field 11.
    fn function(&mut self, length: u64) -> Result<(), Stop> {
        let end = self.enter(length, 1)?;
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (7, Value::Bytes(length)) => self.node(length, 2, 5)?,
                (11, Value::Bytes(length)) => self.attribute(length, 2)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(())
    }

    /// `TrainingInfoProto`: two graphs.
    fn training(&mut self, length: u64) -> Result<(), Stop> {
        let end = self.enter(length, 1)?;
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1 | 2, Value::Bytes(length)) => self.graph(length, 2, false)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(())
    }

    /// `TensorProto`, its numbers passed over.
    fn tensor(&mut self, length: u64, depth: u32) -> Result<TensorHead, Stop> {
        let end = self.enter(length, depth)?;
        let mut tensor = TensorHead { elements: 1, ..TensorHead::default() };
        let (mut entries, mut location) = (Vec::new(), 0);
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Varint(dim)) => self.dim(&mut tensor, dim)?,
                (1, Value::Bytes(length)) => {
                    let packed_end = self.wire.offset() + length;
                    while self.wire.offset() < packed_end {
                        let dim = self.wire.varint(packed_end)?;
                        self.dim(&mut tensor, dim)?;
                    }
                }
                (8, Value::Bytes(length)) => tensor.name = self.short_text(length)?,
                (13, Value::Bytes(length)) => {
                    let entry = self.entry(length, depth + 1)?;
                    entries.push(entry);
                    if entries.len() > DATA_ENTRIES_MAX {
                        return Err(Stop::Model(external(&tensor.name, DataProblem::Unclear)));
                    }
                }
                (14, Value::Varint(number)) => location = number,
                (_, value) => self.pass(value, end)?,
            }
        }
        if location != 0 || !entries.is_empty() {
            let data = if location == EXTERNAL { place_of(&entries) } else { None };
            let unclear = || Stop::Model(external(&tensor.name, DataProblem::Unclear));
            tensor.data = Some(data.ok_or_else(unclear)?);
        }
        Ok(tensor)
    }

    /// A tensor whose numbers must be in this file.
    fn whole_tensor(&mut self, length: u64, depth: u32) -> Result<TensorHead, Stop> {
        let tensor = self.tensor(length, depth)?;
        match &tensor.data {
            Some(_) => Err(Stop::Model(external(&tensor.name, DataProblem::Elsewhere))),
            None => Ok(tensor),
        }
    }

    /// `StringStringEntryProto`, not kept.
    fn entry(&mut self, length: u64, depth: u32) -> Result<(String, String), Stop> {
        let end = self.enter(length, depth)?;
        let (mut key, mut text) = (String::new(), String::new());
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => key = self.short_text(length)?,
                (2, Value::Bytes(length)) => text = self.short_text(length)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok((key, text))
    }

    fn dim(&mut self, tensor: &mut TensorHead, dim: u64) -> Result<(), Stop> {
        if dim.cast_signed() < 0 {
            return Err(self.wire.corrupt("a tensor has a negative dimension").into());
        }
        tensor.elements = tensor.elements.saturating_mul(dim);
        Ok(())
    }

    /// `SparseTensorProto`: its values and their places are tensors.
    fn sparse(&mut self, length: u64, depth: u32) -> Result<TensorHead, Stop> {
        let end = self.enter(length, depth)?;
        let mut values = TensorHead::default();
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => values = self.whole_tensor(length, depth + 1)?,
                (2, Value::Bytes(length)) => self.whole_tensor(length, depth + 1).map(drop)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(values)
    }

    /// `OperatorSetIdProto`.
    fn opset(&mut self, length: u64) -> Result<(), Stop> {
        let end = self.enter(length, 1)?;
        let (mut domain, mut version) = (String::new(), 0);
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => domain = self.name(length)?,
                (2, Value::Varint(number)) => version = number.cast_signed(),
                (_, value) => self.pass(value, end)?,
            }
        }
        if domain.is_empty() {
            "ai.onnx".clone_into(&mut domain);
        }
        self.keep(0)?;
        self.found.opsets.insert(domain, version);
        Ok(())
    }

    /// `StringStringEntryProto` of the author.
    fn metadata(&mut self, length: u64) -> Result<(), Stop> {
        let end = self.enter(length, 1)?;
        if self.found.metadata.len() >= METADATA_ENTRIES_MAX || length > NAME_BYTES_MAX {
            return Ok(self.wire.skip(length, end)?);
        }
        // Twice the overhead of a name, which is the more that is kept.
        self.keep(length)?;
        self.keep(0)?;
        let (key, text) = self.entry(length, 1)?;
        self.found.metadata.insert(key, text);
        Ok(())
    }

    /// `ValueInfoProto`.
    fn port(&mut self, length: u64, depth: u32) -> Result<Port, Stop> {
        let end = self.enter(length, depth)?;
        let mut port = Port { name: String::new(), kind: PortType::Other };
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => port.name = self.name(length)?,
                (2, Value::Bytes(length)) => port.kind = self.kind(length, depth + 1)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        self.keep(0)?;
        Ok(port)
    }

    /// `TypeProto`: one of tensor (1), sequence (4), map (5), optional (9); the rest is [`PortType::Other`].
    fn kind(&mut self, length: u64, depth: u32) -> Result<PortType, Stop> {
        let end = self.enter(length, depth)?;
        let mut kind = PortType::Other;
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => kind = self.tensor_kind(length, depth + 1)?,
                (4, Value::Bytes(length)) => {
                    kind = PortType::Sequence(Box::new(self.element_kind(length, depth + 1)?));
                }
                (5, Value::Bytes(length)) => kind = self.map_kind(length, depth + 1)?,
                (9, Value::Bytes(length)) => {
                    kind = PortType::Optional(Box::new(self.element_kind(length, depth + 1)?));
                }
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(kind)
    }

    /// `TypeProto.Sequence` and `TypeProto.Optional`: the element's type in field 1.
    fn element_kind(&mut self, length: u64, depth: u32) -> Result<PortType, Stop> {
        let end = self.enter(length, depth)?;
        let mut kind = PortType::Other;
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => kind = self.kind(length, depth + 1)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(kind)
    }

    /// `TypeProto.Map`.
    fn map_kind(&mut self, length: u64, depth: u32) -> Result<PortType, Stop> {
        let end = self.enter(length, depth)?;
        let (mut key, mut value_kind) = (element_name(0), PortType::Other);
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Varint(element)) => key = element_name(element),
                (2, Value::Bytes(length)) => value_kind = self.kind(length, depth + 1)?,
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(PortType::Map { key: key.to_owned(), value: Box::new(value_kind) })
    }

    /// `TypeProto.Tensor`.
    fn tensor_kind(&mut self, length: u64, depth: u32) -> Result<PortType, Stop> {
        let end = self.enter(length, depth)?;
        let (mut element, mut dims) = (element_name(0), None);
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Varint(number)) => element = element_name(number),
                (2, Value::Bytes(length)) => dims = Some(self.shape(length, depth + 1)?),
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(PortType::Tensor { element: element.to_owned(), dims })
    }

    /// `TensorShapeProto`.
    fn shape(&mut self, length: u64, depth: u32) -> Result<Vec<Dim>, Stop> {
        let end = self.enter(length, depth)?;
        let mut dims = Vec::new();
        while let Some((number, value)) = self.wire.field(end)? {
            match (number, value) {
                (1, Value::Bytes(length)) => {
                    let dim_end = self.enter(length, depth + 1)?;
                    let mut dim = Dim::Any;
                    while let Some((number, value)) = self.wire.field(dim_end)? {
                        match (number, value) {
                            (1, Value::Varint(length)) => dim = Dim::Known(length.cast_signed()),
                            (2, Value::Bytes(length)) => dim = Dim::Named(self.name(length)?),
                            (_, value) => self.pass(value, dim_end)?,
                        }
                    }
                    self.keep(0)?;
                    dims.push(dim);
                }
                (_, value) => self.pass(value, end)?,
            }
        }
        Ok(dims)
    }

    /// Where a message of `length` bytes ends, if it may be this deep.
    fn enter(&self, length: u64, depth: u32) -> Result<u64, Stop> {
        if depth > DEPTH_MAX {
            return Err(self.wire.corrupt("it is nested too deeply").into());
        }
        Ok(self.wire.offset() + length)
    }

    fn pass(&mut self, value: Value, end: u64) -> Result<(), Stop> {
        match value {
            Value::Bytes(length) => Ok(self.wire.skip(length, end)?),
            Value::Varint(_) | Value::Fixed => Ok(()),
        }
    }

    /// A text that stays in memory.
    fn name(&mut self, length: u64) -> Result<String, Stop> {
        self.keep(length)?;
        self.short_text(length)
    }

    fn short_text(&mut self, length: u64) -> Result<String, Stop> {
        if length > NAME_BYTES_MAX {
            return Err(Stop::Model(ModelError::Limit { what: "bytes in one name", max: NAME_BYTES_MAX }));
        }
        Ok(self.wire.text(length)?)
    }

    fn keep(&mut self, length: u64) -> Result<(), Stop> {
        self.kept_bytes = self.kept_bytes.saturating_add(length).saturating_add(KEPT_OVERHEAD);
        if self.kept_bytes > KEPT_BYTES_MAX {
            return Err(Stop::Model(ModelError::Limit { what: "bytes of names", max: KEPT_BYTES_MAX }));
        }
        Ok(())
    }
}

fn external(tensor: &str, problem: DataProblem) -> ModelError {
    ModelError::ExternalData { tensor: tensor.to_owned(), problem }
}

/// The file that entries name, and how long it must be at least: each of them once, so that every reader reads the same.
fn place_of(entries: &[(String, String)]) -> Option<(String, u64)> {
    let keys: HashSet<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    let value = |wanted: &str| entries.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let number = |key: &str| value(key).map_or(Some(0), |text| text.parse::<u64>().ok());
    let name = value("location").filter(|_| keys.len() == entries.len())?;
    Some((name.to_owned(), number("offset")?.checked_add(number("length")?)?))
}

/// `TensorProto.DataType`, in the words of the ONNX documentation.
fn element_name(number: u64) -> &'static str {
    match number {
        1 => "float",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "double",
        12 => "uint32",
        13 => "uint64",
        14 => "complex64",
        15 => "complex128",
        16 => "bfloat16",
        17 => "float8e4m3fn",
        18 => "float8e4m3fnuz",
        19 => "float8e5m2",
        20 => "float8e5m2fnuz",
        21 => "uint4",
        22 => "int4",
        23 => "float4e2m1",
        _ => "undefined",
    }
}
