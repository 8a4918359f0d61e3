//! Tiny ONNX models, written with prost from the field numbers of onnx.proto3, for the tests of both crates.
//!
//! These structures are also the other opinion on what a file says: prost decodes what the streaming reader walks.

#![allow(dead_code, unreachable_pub, reason = "two test binaries share this file and each uses its part")]

use prost::Message;

pub mod kind {
    //! `TensorProto.DataType`
    pub const FLOAT: i32 = 1;
    pub const INT64: i32 = 7;
    pub const STRING: i32 = 8;
    pub const BOOL: i32 = 9;
    pub const DOUBLE: i32 = 11;
}

#[derive(Clone, PartialEq, Message)]
pub struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<Opset>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Entry>,
    #[prost(message, repeated, tag = "20")]
    pub training_info: Vec<Training>,
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Opset {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Training {
    #[prost(message, optional, tag = "1")]
    pub initialization: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Function {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<Node>,
    #[prost(message, repeated, tag = "11")]
    pub attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    pub g: Option<Graph>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "10")]
    pub tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<Graph>,
    #[prost(int32, tag = "20")]
    pub kind: i32,
    #[prost(message, optional, tag = "22")]
    pub sparse_tensor: Option<Sparse>,
    #[prost(message, repeated, tag = "23")]
    pub sparse_tensors: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sparse {
    #[prost(message, optional, tag = "1")]
    pub values: Option<Tensor>,
    #[prost(message, optional, tag = "2")]
    pub indices: Option<Tensor>,
    #[prost(int64, repeated, tag = "3")]
    pub dims: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<Type>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
    #[prost(message, optional, boxed, tag = "4")]
    pub sequence: Option<Box<ElementType>>,
    #[prost(message, optional, boxed, tag = "5")]
    pub map: Option<Box<MapType>>,
    #[prost(message, optional, boxed, tag = "9")]
    pub optional: Option<Box<ElementType>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    #[prost(int32, tag = "1")]
    pub element: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub param: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ElementType {
    #[prost(message, optional, boxed, tag = "1")]
    pub of: Option<Box<Type>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct MapType {
    #[prost(int32, tag = "1")]
    pub key: i32,
    #[prost(message, optional, boxed, tag = "2")]
    pub value: Option<Box<Type>>,
}

/// A dimension: a length, or `None` for any.
pub type Dim = Option<i64>;

pub fn tensor_type(element: i32, dims: &[Dim]) -> Type {
    let dim = |dim: &Dim| Dimension { value: *dim, param: dim.is_none().then(|| "N".to_owned()) };
    let shape = Shape { dim: dims.iter().map(dim).collect() };
    Type { tensor: Some(TensorType { element, shape: Some(shape) }), ..Type::default() }
}

pub fn port(name: &str, element: i32, dims: &[Dim]) -> ValueInfo {
    ValueInfo { name: name.to_owned(), kind: Some(tensor_type(element, dims)) }
}

/// `seq(map(key,float))`, as `ZipMap` gives.
pub fn zipmap_port(name: &str, key: i32) -> ValueInfo {
    let map = Type {
        map: Some(Box::new(MapType { key, value: Some(Box::new(tensor_type(kind::FLOAT, &[]))) })),
        ..Type::default()
    };
    let sequence =
        Type { sequence: Some(Box::new(ElementType { of: Some(Box::new(map)) })), ..Type::default() };
    ValueInfo { name: name.to_owned(), kind: Some(sequence) }
}

pub fn node(op_type: &str, input: &[&str], output: &[&str]) -> Node {
    let domain = match op_type {
        "LinearClassifier" | "ZipMap" | "LinearRegressor" | "OneHotEncoder" => "ai.onnx.ml",
        _ => "",
    };
    Node {
        op_type: op_type.to_owned(),
        domain: domain.to_owned(),
        input: input.iter().map(|name| (*name).to_owned()).collect(),
        output: output.iter().map(|name| (*name).to_owned()).collect(),
        ..Node::default()
    }
}

impl Node {
    #[must_use]
    pub fn with(mut self, attribute: Attribute) -> Self {
        self.attribute.push(attribute);
        self
    }
}

impl Attribute {
    fn named(name: &str, kind: i32) -> Self {
        Self { name: name.to_owned(), kind, ..Self::default() }
    }
    pub fn int(name: &str, i: i64) -> Self {
        Self { i, ..Self::named(name, 2) }
    }
    pub fn text(name: &str, s: &str) -> Self {
        Self { s: s.as_bytes().to_vec(), ..Self::named(name, 3) }
    }
    pub fn tensor(name: &str, t: Tensor) -> Self {
        Self { t: Some(t), ..Self::named(name, 4) }
    }
    pub fn graph(name: &str, g: Graph) -> Self {
        Self { g: Some(g), ..Self::named(name, 5) }
    }
    pub fn floats(name: &str, floats: &[f32]) -> Self {
        Self { floats: floats.to_vec(), ..Self::named(name, 6) }
    }
    pub fn ints(name: &str, ints: &[i64]) -> Self {
        Self { ints: ints.to_vec(), ..Self::named(name, 7) }
    }
    pub fn texts(name: &str, texts: &[&str]) -> Self {
        Self { strings: texts.iter().map(|text| text.as_bytes().to_vec()).collect(), ..Self::named(name, 8) }
    }
}

pub fn floats(name: &str, dims: &[i64], data: &[f32]) -> Tensor {
    let (name, dims, float_data) = (name.to_owned(), dims.to_vec(), data.to_vec());
    Tensor { name, dims, float_data, data_type: kind::FLOAT, ..Tensor::default() }
}

pub fn integers(name: &str, dims: &[i64], data: &[i64]) -> Tensor {
    let (name, dims, int64_data) = (name.to_owned(), dims.to_vec(), data.to_vec());
    Tensor { name, dims, int64_data, data_type: kind::INT64, ..Tensor::default() }
}

/// A tensor that wants to be read from `/etc/passwd`.
pub fn external(name: &str) -> Tensor {
    let location = Entry { key: "location".to_owned(), value: "/etc/passwd".to_owned() };
    Tensor { external_data: vec![location], data_location: 1, ..floats(name, &[2, 2], &[]) }
}

pub fn model(graph: Graph) -> Model {
    let opset = |domain: &str, version| Opset { domain: domain.to_owned(), version };
    Model {
        ir_version: 8,
        producer_name: "tests".to_owned(),
        producer_version: "1".to_owned(),
        graph: Some(graph),
        opset_import: vec![opset("", 17), opset("ai.onnx.ml", 3)],
        ..Model::default()
    }
}

pub fn bytes(graph: Graph) -> Vec<u8> {
    model(graph).encode_to_vec()
}

/// Rows of weights of the classifier below: `[3 classes][2 features]`, and its intercepts.
pub const WEIGHTS: [[f32; 2]; 3] = [[1.0, -1.0], [0.5, 0.25], [-1.0, 2.0]];
pub const INTERCEPTS: [f32; 3] = [0.1, 0.2, -0.3];

/// What the classifier answers for one row: probabilities by softmax, computed apart from ONNX Runtime.
pub fn softmax(row: [f64; 2]) -> [f64; 3] {
    let score = |class: usize| {
        let [a, b] = WEIGHTS[class].map(f64::from);
        (a * row[0] + b * row[1] + f64::from(INTERCEPTS[class])).exp()
    };
    let scores = [score(0), score(1), score(2)];
    let sum: f64 = scores.iter().sum();
    scores.map(|score| score / sum)
}

fn linear_classifier(labels: Attribute) -> Node {
    node("LinearClassifier", &["X"], &["label", "scores"])
        .with(Attribute::floats("coefficients", WEIGHTS.as_flattened()))
        .with(Attribute::floats("intercepts", &INTERCEPTS))
        .with(Attribute::int("multi_class", 1))
        .with(Attribute::text("post_transform", "SOFTMAX"))
        .with(labels)
}

/// A scikit-learn logistic regression as `zipmap=False` exports it: `X: float[N,2]` to labels 0, 1, 2.
pub fn classifier() -> Vec<u8> {
    bytes(Graph {
        name: "classifier".to_owned(),
        node: vec![linear_classifier(Attribute::ints("classlabels_ints", &[0, 1, 2]))],
        input: vec![port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![port("label", kind::INT64, &[None]), port("scores", kind::FLOAT, &[None, Some(3)])],
        ..Graph::default()
    })
}

/// The same with the labels 10, 20, 30 and `ZipMap`, scikit-learn's default.
pub fn zipmap_classifier() -> Vec<u8> {
    let labels = [10, 20, 30];
    bytes(Graph {
        name: "zipmap".to_owned(),
        node: vec![
            linear_classifier(Attribute::ints("classlabels_ints", &labels)),
            node("ZipMap", &["scores"], &["probabilities"])
                .with(Attribute::ints("classlabels_int64s", &labels)),
        ],
        input: vec![port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![port("label", kind::INT64, &[None]), zipmap_port("probabilities", kind::INT64)],
        ..Graph::default()
    })
}

/// The same with words as labels and `ZipMap`.
pub fn word_classifier() -> Vec<u8> {
    let labels = ["ham", "spam", "eggs"];
    bytes(Graph {
        name: "words".to_owned(),
        node: vec![
            linear_classifier(Attribute::texts("classlabels_strings", &labels)),
            node("ZipMap", &["scores"], &["probabilities"])
                .with(Attribute::texts("classlabels_strings", &labels)),
        ],
        input: vec![port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![port("label", kind::STRING, &[None]), zipmap_port("probabilities", kind::STRING)],
        ..Graph::default()
    })
}

/// `Y = X · W + B` with one number a row: a regression over two features, `2·a - 3·b + 0.5`.
pub fn regression() -> Vec<u8> {
    bytes(Graph {
        name: "regression".to_owned(),
        node: vec![node("Gemm", &["X", "W", "B"], &["Y"])],
        initializer: vec![floats("W", &[2, 1], &[2.0, -3.0]), floats("B", &[1], &[0.5])],
        input: vec![port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![port("Y", kind::FLOAT, &[None, Some(1)])],
        ..Graph::default()
    })
}

/// Gives each row back as it is, for any element type and shape.
pub fn identity(element: i32, input: &[Dim], output: &[Dim]) -> Vec<u8> {
    bytes(Graph {
        name: "identity".to_owned(),
        node: vec![node("Identity", &["X"], &["Y"])],
        input: vec![port("X", element, input)],
        output: vec![port("Y", element, output)],
        ..Graph::default()
    })
}

/// Adds 1 to a row `rounds` times over, one node a time: slow on purpose, about a microsecond a round.
pub fn slow(rounds: i64) -> Vec<u8> {
    let scalar = |name: &str, element| port(name, element, &[]);
    let body = Graph {
        name: "body".to_owned(),
        node: vec![
            node("Identity", &["cond"], &["cond_out"]),
            node("Add", &["state", "one"], &["state_out"]),
        ],
        initializer: vec![floats("one", &[1], &[1.0])],
        input: vec![
            scalar("round", kind::INT64),
            scalar("cond", kind::BOOL),
            port("state", kind::FLOAT, &[None, Some(2)]),
        ],
        output: vec![scalar("cond_out", kind::BOOL), port("state_out", kind::FLOAT, &[None, Some(2)])],
        ..Graph::default()
    };
    bytes(Graph {
        name: "slow".to_owned(),
        node: vec![node("Loop", &["rounds", "", "X"], &["Y"]).with(Attribute::graph("body", body))],
        initializer: vec![integers("rounds", &[], &[rounds])],
        input: vec![port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![port("Y", kind::FLOAT, &[None, Some(2)])],
        ..Graph::default()
    })
}
