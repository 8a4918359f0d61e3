//! What is known of a model once it is read: the twin that leaves the process as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// An ONNX model as its file describes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModelFacts {
    /// `sha256:` and 64 hexadecimal digits, over the whole file; where others hold some of its weights, over the lines of
    /// `sha256sum` for all: the model as `-`, then the others by name.
    pub digest: String,
    /// Size of the file in bytes, with those that hold weights.
    pub size_bytes: u64,
    /// Version of the file format.
    pub ir_version: i64,
    /// Operator sets by domain; the default domain is `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    /// The program that wrote it, for example `skl2onnx`; may be empty.
    pub producer_name: String,
    /// Its version; may be empty.
    pub producer_version: String,
    /// The graph's name; may be empty.
    pub graph_name: String,
    /// Free entries of the author. Those beyond 256 entries, or with more than 4,096 bytes, are left out.
    pub metadata: BTreeMap<String, String>,
    /// What has to be given, in the file's order. Weights that old files list among the inputs are not here.
    pub inputs: Vec<Port>,
    /// What comes out, in the file's order.
    pub outputs: Vec<Port>,
    /// Numbers in the weights: elements of the main graph's initializers.
    pub parameters: u64,
    /// Nodes of the main graph.
    pub nodes: u64,
    /// Names of the files beside it that hold weights.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_files: Vec<String>,
}

impl ModelFacts {
    /// Version of the default operator set.
    pub fn opset(&self) -> Option<i64> {
        self.opsets.get("ai.onnx").or_else(|| self.opsets.get("")).copied()
    }

    /// What it takes and gives, in a line: `x: float[?,4] -> label: int64[?], scores: float[?,3]`. A name stands for a length
    /// that is any, `?` for one without a name.
    pub fn signature(&self) -> String {
        let side = |ports: &[Port]| ports.iter().map(Port::signature).collect::<Vec<_>>().join(", ");
        format!("{} -> {}", side(&self.inputs), side(&self.outputs))
    }
}

/// One input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// As the graph calls it.
    pub name: String,
    /// What it carries.
    pub kind: PortType,
}

/// What an input or output carries. Element types have ONNX's names: `float`, `double`, `int64`, `string`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortType {
    /// A dense tensor. `dims` is `None` when the file gives no shape at all.
    Tensor {
        /// Element type.
        element: String,
        /// One entry a dimension.
        dims: Option<Vec<Dim>>,
    },
    /// Values of one type, one after the other.
    Sequence(Box<PortType>),
    /// Keys to values, as scikit-learn's `ZipMap` gives for each row.
    Map {
        /// Element type of the keys.
        key: String,
        /// Type of the values.
        value: Box<PortType>,
    },
    /// A value that may be absent.
    Optional(Box<PortType>),
    /// Sparse tensors, opaque types, or no type given.
    Other,
}

impl Port {
    /// The dimensions of a tensor as text: `"4"`, a name, or `""` for any length. None where the file gives no shape.
    pub fn shape(&self) -> Option<Vec<String>> {
        let PortType::Tensor { dims: Some(dims), .. } = &self.kind else { return None };
        let text = |dim: &Dim| match dim {
            Dim::Known(length) => length.to_string(),
            Dim::Named(name) => name.clone(),
            Dim::Any => String::new(),
        };
        Some(dims.iter().map(text).collect())
    }

    fn signature(&self) -> String {
        let length = |length: String| if length.is_empty() { "?".to_owned() } else { length };
        let shape = self.shape().map(|shape| shape.into_iter().map(length).collect::<Vec<_>>().join(","));
        let shape = shape.map(|shape| format!("[{shape}]")).unwrap_or_default();
        format!("{}: {}{shape}", self.name, self.kind)
    }
}

/// One dimension of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// A fixed length.
    Known(i64),
    /// Any length, with a name that says which ones agree.
    Named(String),
    /// Any length.
    Any,
}

/// `float`, `seq(map(int64,float))`: the type without the shape.
impl fmt::Display for PortType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortType::Tensor { element, .. } => out.write_str(element),
            PortType::Sequence(of) => write!(out, "seq({of})"),
            PortType::Map { key, value } => write!(out, "map({key},{value})"),
            PortType::Optional(of) => write!(out, "optional({of})"),
            PortType::Other => out.write_str("other"),
        }
    }
}

/// `{"name":"X","dtype":"float","shape":["N",4]}`; `shape` is null where there is none.
impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("dtype", &self.kind.to_string())?;
        let shape = match &self.kind {
            PortType::Tensor { dims, .. } => dims.as_ref(),
            _ => None,
        };
        map.serialize_entry("shape", &shape)?;
        map.end()
    }
}

/// A number, a name, or null.
impl Serialize for Dim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Dim::Known(length) => serializer.serialize_i64(*length),
            Dim::Named(name) => serializer.serialize_str(name),
            Dim::Any => serializer.serialize_unit(),
        }
    }
}
