//! The one door to ONNX Runtime.
//!
//! In: the library's path, a model's bytes, rows. Out: what the model answers, as plain numbers. Never: a file that
//! the model names, a value that borrows from ONNX Runtime, two runs at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use ort::logging::LogLevel as OrtLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session as OrtSession, SessionOutputs};
use ort::value::{DynMap, DynValue, Outlet, Tensor, TensorElementType, ValueType};

use crate::config::LogLevel;
use crate::log::Log;
use crate::tensor::{Element, Rows, Values, Want};

/// Time for loading the shared library. A cold disk needs a second or two; a library that hangs must not hold the
/// server for ever.
const LIBRARY_LOAD_MAX: Duration = Duration::from_secs(20);

/// Columns of a model's input at most: a row of more numbers than this does not fit a request's body.
const COLUMNS_MAX: usize = 1_000_000;

/// What ONNX Runtime, or a model with it, cannot do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The shared library was refused.
    #[error("cannot load ONNX Runtime: {0}")]
    Library(String),
    /// It did not come back.
    #[error("loading ONNX Runtime took more than {} seconds", LIBRARY_LOAD_MAX.as_secs())]
    LibraryHangs,
    /// ONNX Runtime refuses the model; its words.
    #[error("ONNX Runtime refuses the model: {0}")]
    Refused(String),
    /// The model is fine, but nothing that rows of numbers can be sent to.
    #[error("the model cannot be served: {0}")]
    Unsupported(String),
    /// A run failed; ONNX Runtime's words.
    #[error("the run failed: {0}")]
    Run(String),
    /// The answer has another shape or type than the model declares.
    #[error("the model's answer for {rows} rows is not usable: {problem}")]
    Answer {
        /// Rows that were asked for.
        rows: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// ONNX Runtime, loaded; one in a process.
#[derive(Clone)]
pub(crate) struct Engine {
    environment: ort::environment::Environment,
}

impl Engine {
    /// Loads the shared library, which must be version 1.24 or later.
    pub(crate) fn load(library: &Path, log: &Log) -> Result<Self, SessionError> {
        let (sender, receiver) = mpsc::channel();
        let (path, log) = (library.to_owned(), log.clone());
        std::thread::Builder::new()
            .name("library".to_owned())
            .spawn(move || {
                // The receiver is gone when this took too long; nobody waits for the answer then.
                let _ = sender.send(Self::load_here(&path, log));
            })
            .map_err(|error| SessionError::Library(error.to_string()))?;
        match receiver.recv_timeout(LIBRARY_LOAD_MAX) {
            Ok(loaded) => loaded,
            Err(mpsc::RecvTimeoutError::Timeout) => Err(SessionError::LibraryHangs),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(SessionError::Library("its start-up code failed".to_owned()))
            }
        }
    }

    fn load_here(library: &Path, log: Log) -> Result<Self, SessionError> {
        let builder = ort::init_from(library).map_err(|error| SessionError::Library(error.to_string()))?;
        let logger = move |level: OrtLevel, _: &str, _: &str, _: &str, message: &str| {
            let level = match level {
                OrtLevel::Fatal | OrtLevel::Error => LogLevel::Error,
                OrtLevel::Warning => LogLevel::Warn,
                OrtLevel::Info | OrtLevel::Verbose => LogLevel::Debug,
            };
            log.line(level, "onnxruntime", &[("message", &message)]);
        };
        let environment = builder
            .with_name("mlo-runtime")
            .with_telemetry(false)
            .with_logger(Arc::new(logger))
            .build()
            .map_err(|error| SessionError::Library(error.to_string()))?;
        environment.set_log_level(OrtLevel::Warning);
        Ok(Self { environment })
    }
}

/// How an output answers for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScoreForm {
    Floats,
    Doubles,
    /// A map for each row, from class to score.
    MapByNumber,
    MapByText,
}

/// Which outputs mean what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    /// The output with one class a row, if there is one; its index, and whether it holds texts.
    label: Option<(usize, bool)>,
    /// The output with numbers.
    scores: Option<(usize, ScoreForm)>,
}

/// A loaded model, owned by the one thread that runs it.
pub(crate) struct Session {
    ort: OrtSession,
    want: Want,
    one_at_a_time: bool,
    reading: Reading,
}

/// What a model answered: one entry a row in each.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Answer {
    /// The class that the model itself decided for.
    pub labels: Option<Labels>,
    /// Numbers for each row.
    pub scores: Option<Scores>,
    /// The classes that the scores belong to, where the model says so.
    pub classes: Option<Labels>,
}

/// Classes as the model names them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Labels {
    /// By number.
    Numbers(Vec<i64>),
    /// By word.
    Texts(Vec<String>),
}

/// `rows * columns` numbers, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    /// The numbers.
    pub values: Floats,
    /// Numbers for each row, at least 1.
    pub columns: usize,
}

/// Floating-point numbers as wide as the model gives them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Floats {
    /// 32 bits.
    Single(Vec<f32>),
    /// 64 bits.
    Double(Vec<f64>),
}

impl Floats {
    fn len(&self) -> usize {
        match self {
            Floats::Single(values) => values.len(),
            Floats::Double(values) => values.len(),
        }
    }
}

impl Labels {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        match self {
            Labels::Numbers(labels) => labels.len(),
            Labels::Texts(labels) => labels.len(),
        }
    }
}

impl Session {
    /// Loads a model whose bytes [`mlo_model::inspect_bytes`] has let through.
    pub(crate) fn load(engine: &Engine, model: &[u8], threads: usize) -> Result<Self, SessionError> {
        let refused = |error: ort::Error| SessionError::Refused(error.to_string());
        let mut builder = builder(engine, threads).map_err(refused)?;
        let ort = builder.commit_from_memory(model).map_err(refused)?;
        let (want, one_at_a_time) = wanted(ort.inputs())?;
        let reading = readable(ort.outputs())?;
        Ok(Self { ort, want, one_at_a_time, reading })
    }

    /// What the model takes.
    pub(crate) fn want(&self) -> Want {
        self.want
    }

    /// Answers for each row, in order.
    pub(crate) fn run(&mut self, rows: Rows) -> Result<Answer, SessionError> {
        if !self.one_at_a_time || rows.count == 1 {
            return self.run_once(rows);
        }
        let mut whole: Option<Answer> = None;
        for row in split(&rows) {
            let answer = self.run_once(row)?;
            whole = Some(match whole {
                None => answer,
                Some(before) => joined(before, answer, rows.count)?,
            });
        }
        whole.ok_or(SessionError::Answer { rows: 0, problem: "nothing was asked" })
    }

    fn run_once(&mut self, rows: Rows) -> Result<Answer, SessionError> {
        let count = rows.count;
        let failed = |error: ort::Error| SessionError::Run(error.to_string());
        let shape = [rows.count, rows.columns];
        let input: DynValue = match rows.values {
            Values::Float(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
            Values::Double(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
            Values::Int64(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
        };
        let outputs = self.ort.run(ort::inputs![input]).map_err(failed)?;
        read(&self.reading, &outputs, count)
    }
}

fn builder(engine: &Engine, threads: usize) -> ort::Result<SessionBuilder> {
    let builder = OrtSession::builder(&engine.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // A spinning pool would take the processor from the HTTP threads between requests.
        .with_intra_op_spinning(false)?;
    Ok(builder)
}

/// What the model's one input takes, and whether the model fixes the batch to a single row.
fn wanted(inputs: &[Outlet]) -> Result<(Want, bool), SessionError> {
    let unsupported = |what: String| Err(SessionError::Unsupported(what));
    let [input] = inputs else {
        return unsupported(format!("it has {} inputs, and this version serves one", inputs.len()));
    };
    let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
        return unsupported(format!("its input is {}, not a tensor", input.dtype()));
    };
    let element = match ty {
        TensorElementType::Float32 => Element::Float,
        TensorElementType::Float64 => Element::Double,
        TensorElementType::Int64 => Element::Int64,
        other => return unsupported(format!("its input holds {other}; float, double and int64 are served")),
    };
    let [batch, columns] = shape.iter().copied().collect::<Vec<i64>>()[..] else {
        return unsupported(format!("its input is {}; this version serves [rows, columns]", input.dtype()));
    };
    let columns = usize::try_from(columns).ok();
    if columns.is_some_and(|columns| columns == 0 || columns > COLUMNS_MAX) {
        return unsupported(format!("its input is {}; 1 to {COLUMNS_MAX} columns are served", input.dtype()));
    }
    match batch {
        1 => Ok((Want { element, columns }, true)),
        any if any < 0 => Ok((Want { element, columns }, false)),
        fixed => {
            unsupported(format!("its input takes exactly {fixed} rows; export it with a free batch size"))
        }
    }
}

/// Tells classes from scores by type: classes are int64 or text, scores are floating point or maps to it.
fn readable(outputs: &[Outlet]) -> Result<Reading, SessionError> {
    let mut reading = Reading { label: None, scores: None };
    for (index, output) in outputs.iter().enumerate() {
        let (label, scores) = match output.dtype() {
            ValueType::Tensor { ty: TensorElementType::Int64, .. } => (Some(false), None),
            ValueType::Tensor { ty: TensorElementType::String, .. } => (Some(true), None),
            ValueType::Tensor { ty: TensorElementType::Float32, .. } => (None, Some(ScoreForm::Floats)),
            ValueType::Tensor { ty: TensorElementType::Float64, .. } => (None, Some(ScoreForm::Doubles)),
            ValueType::Sequence(of) => match **of {
                ValueType::Map { key: TensorElementType::Int64, value: TensorElementType::Float32 } => {
                    (None, Some(ScoreForm::MapByNumber))
                }
                ValueType::Map { key: TensorElementType::String, value: TensorElementType::Float32 } => {
                    (None, Some(ScoreForm::MapByText))
                }
                _ => (None, None),
            },
            _ => (None, None),
        };
        let second =
            (label.is_some() && reading.label.is_some()) || (scores.is_some() && reading.scores.is_some());
        if second || (label.is_none() && scores.is_none()) {
            let all: Vec<String> = outputs.iter().map(|output| output.dtype().to_string()).collect();
            return Err(SessionError::Unsupported(format!(
                "its outputs are {}; this version serves classes (int64 or text), numbers (float or double), or one \
                 of each",
                all.join(" and ")
            )));
        }
        reading.label = reading.label.or(label.map(|texts| (index, texts)));
        reading.scores = reading.scores.or(scores.map(|form| (index, form)));
    }
    if reading.label.is_none() && reading.scores.is_none() {
        return Err(SessionError::Unsupported("it has no outputs".to_owned()));
    }
    Ok(reading)
}

/// Copies an answer out of ONNX Runtime, checked against the number of rows.
fn read(reading: &Reading, outputs: &SessionOutputs<'_>, rows: usize) -> Result<Answer, SessionError> {
    let wrong = |problem| SessionError::Answer { rows, problem };
    let failed = |error: ort::Error| SessionError::Run(error.to_string());
    let mut answer = Answer::default();
    if let Some((index, texts)) = reading.label {
        let output = outputs.values().nth(index).ok_or(wrong("an output is missing"))?;
        let labels = if texts {
            Labels::Texts(output.try_extract_strings().map_err(failed)?.1)
        } else {
            Labels::Numbers(output.try_extract_tensor::<i64>().map_err(failed)?.1.to_vec())
        };
        if labels.len() != rows {
            return Err(wrong("it does not have one class a row"));
        }
        answer.labels = Some(labels);
    }
    let Some((index, form)) = reading.scores else { return Ok(answer) };
    let output = outputs.values().nth(index).ok_or(wrong("an output is missing"))?;
    let (values, classes) = match form {
        ScoreForm::Floats => {
            (Floats::Single(output.try_extract_tensor::<f32>().map_err(failed)?.1.to_vec()), None)
        }
        ScoreForm::Doubles => {
            (Floats::Double(output.try_extract_tensor::<f64>().map_err(failed)?.1.to_vec()), None)
        }
        ScoreForm::MapByNumber => {
            let (values, classes) = zipped::<i64>(&output, rows)?;
            (Floats::Single(values), Some(Labels::Numbers(classes)))
        }
        ScoreForm::MapByText => {
            let (values, classes) = zipped::<String>(&output, rows)?;
            (Floats::Single(values), Some(Labels::Texts(classes)))
        }
    };
    if values.len() == 0 || values.len() % rows != 0 {
        return Err(wrong("its numbers do not divide evenly over the rows"));
    }
    answer.scores = Some(Scores { columns: values.len() / rows, values });
    answer.classes = classes;
    Ok(answer)
}

/// Scores row after row, and the classes that they belong to; every row must have the same ones.
fn zipped<K>(output: &DynValue, rows: usize) -> Result<(Vec<f32>, Vec<K>), SessionError>
where
    K: ort::value::IntoTensorElementType + Clone + std::hash::Hash + Eq,
{
    let wrong = |problem| SessionError::Answer { rows, problem };
    let failed = |error: ort::Error| SessionError::Run(error.to_string());
    let maps: Vec<DynMap> = output.try_extract_sequence().map_err(failed)?;
    if maps.len() != rows {
        return Err(wrong("it does not have one map a row"));
    }
    let (mut values, mut classes): (Vec<f32>, Vec<K>) = (Vec::new(), Vec::new());
    for (row, map) in maps.iter().enumerate() {
        let (keys, scores): (Vec<K>, Vec<f32>) =
            map.try_extract_key_values::<K, f32>().map_err(failed)?.into_iter().unzip();
        if row == 0 {
            classes = keys;
        } else if classes != keys {
            return Err(wrong("its rows have different classes"));
        }
        values.extend(scores);
    }
    Ok((values, classes))
}

/// The rows one by one.
fn split(rows: &Rows) -> Vec<Rows> {
    fn each<T: Clone>(values: &[T], columns: usize, wrap: fn(Vec<T>) -> Values) -> Vec<Rows> {
        let row = |row: &[T]| Rows { values: wrap(row.to_vec()), count: 1, columns };
        values.chunks(columns).map(row).collect()
    }
    match &rows.values {
        Values::Float(values) => each(values, rows.columns, Values::Float),
        Values::Double(values) => each(values, rows.columns, Values::Double),
        Values::Int64(values) => each(values, rows.columns, Values::Int64),
    }
}

/// Two answers of the same model, one after the other.
fn joined(mut first: Answer, second: Answer, rows: usize) -> Result<Answer, SessionError> {
    let differ = SessionError::Answer { rows, problem: "its rows have different forms" };
    match (&mut first.labels, second.labels) {
        (None, None) => {}
        (Some(Labels::Numbers(before)), Some(Labels::Numbers(more))) => before.extend(more),
        (Some(Labels::Texts(before)), Some(Labels::Texts(more))) => before.extend(more),
        _ => return Err(differ),
    }
    match (&mut first.scores, second.scores) {
        (None, None) => {}
        (Some(before), Some(more)) if before.columns == more.columns => {
            match (&mut before.values, more.values) {
                (Floats::Single(before), Floats::Single(more)) => before.extend(more),
                (Floats::Double(before), Floats::Double(more)) => before.extend(more),
                _ => return Err(differ),
            }
        }
        _ => return Err(differ),
    }
    if first.classes == second.classes { Ok(first) } else { Err(differ) }
}
