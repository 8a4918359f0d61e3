//! The one door to ONNX Runtime.
//!
//! In: the library's path, a model's bytes, tensors. Out: what the model answers, as tensors of our own. Never: a file
//! that the model names, a value that borrows from ONNX Runtime, two runs of a session at once, a provider that was
//! asked for and is quietly not used.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mlo_model::ModelFiles;
use ort::ep;
use ort::logging::LogLevel as OrtLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session as OrtSession, SessionInputValue};
use ort::value::{DynMap, DynValue, Outlet, Tensor as OrtTensor, TensorElementType, TensorRef, ValueType};

use crate::answer::{Labels, Outputs};
use crate::config::{LogLevel, Provider};
use crate::log::Log;
use crate::request::{Inputs, Port};
use crate::tensor::{Data, Element, Tensor};

/// Time for loading the shared library. A cold disk needs a second or two; a library that hangs must not hold the
/// server for ever.
const LIBRARY_LOAD_MAX: Duration = Duration::from_secs(20);

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
    /// The execution provider that was asked for cannot be had.
    #[error(
        "the execution provider {provider} cannot be used: {reason}; it needs a library of ONNX Runtime that was built \
         with it, the vendor's libraries, and a device (or let --provider-fallback use the processor)"
    )]
    Provider {
        /// Which.
        provider: Provider,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// The model is fine, but nothing that tensors can be sent to.
    #[error("the model cannot be served: {0}")]
    Unsupported(String),
    /// ONNX Runtime refuses what was sent; its words.
    #[error("the model refuses its input: {0}")]
    Input(String),
    /// A run failed; ONNX Runtime's words.
    #[error("the run failed: {0}")]
    Run(String),
    /// The answer is not what the model declares.
    #[error("the model's answer is not usable: {0}")]
    Answer(&'static str),
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

/// How an output comes out of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputForm {
    Tensor,
    /// A map for each row, from class to score.
    MapByNumber,
    MapByText,
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    pub(crate) inputs: Vec<Port>,
    /// Maps are tensors of scores here.
    pub(crate) outputs: Vec<Port>,
    forms: Vec<OutputForm>,
}

/// What a session may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Execution {
    /// Threads that compute within one operator.
    pub(crate) intra_op_threads: usize,
    /// Operators that run at once; 1 runs them one after the other.
    pub(crate) inter_op_threads: usize,
    /// Whether memory of a run is kept for the next.
    pub(crate) arena: bool,
    pub(crate) provider: Provider,
    pub(crate) device: u16,
    /// Whether the processor may do what the provider cannot.
    pub(crate) fallback: bool,
    /// Bytes of the device's memory at most.
    pub(crate) memory_bytes: Option<usize>,
}

/// Where the nodes of a loaded model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    /// What computes them, or those of them that it can.
    pub(crate) provider: Provider,
    /// Whether the processor computes the rest.
    pub(crate) mixed: bool,
}

impl Placement {
    /// ONNX Runtime's names of what may compute, the first one first.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let more: &[Provider] = match self.provider {
            Provider::Cpu | Provider::Cuda => &[],
            Provider::Tensorrt => &[Provider::Cuda],
        };
        let rest = self.mixed.then_some(&Provider::Cpu);
        [&self.provider].into_iter().chain(more).chain(rest).map(|it| it.onnxruntime_name()).collect()
    }

    /// What is tried, in this order: where nothing else may compute, only that.
    fn to_try(execution: Execution) -> Vec<Placement> {
        let whole = |provider| Placement { provider, mixed: false };
        let part = |provider| Placement { provider, mixed: true };
        let (cpu, cuda, tensorrt) = (Provider::Cpu, Provider::Cuda, Provider::Tensorrt);
        match (execution.provider, execution.fallback) {
            (provider, false) | (provider @ Provider::Cpu, true) => vec![whole(provider)],
            (Provider::Cuda, true) => vec![whole(cuda), part(cuda), whole(cpu)],
            (Provider::Tensorrt, true) => {
                vec![whole(tensorrt), part(tensorrt), whole(cuda), part(cuda), whole(cpu)]
            }
        }
    }
}

/// A loaded model, owned by the one thread that runs it.
pub(crate) struct Session {
    ort: OrtSession,
    signature: Arc<Signature>,
    placement: Placement,
}

impl Session {
    /// Loads a model whose files [`mlo_model::inspect_files`] has let through.
    pub(crate) fn load(
        engine: &Engine,
        files: &ModelFiles,
        execution: Execution,
    ) -> Result<Self, SessionError> {
        let mut outcome = Err(SessionError::Refused("nothing was tried".to_owned()));
        for placement in Placement::to_try(execution) {
            outcome = Self::load_at(engine, files, execution, placement);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn load_at(
        engine: &Engine,
        files: &ModelFiles,
        execution: Execution,
        placement: Placement,
    ) -> Result<Self, SessionError> {
        let refused = |error: ort::Error| SessionError::Refused(error.to_string());
        let mut builder = builder(engine, execution, placement)?;
        for (name, data) in &files.data {
            // By name: ONNX Runtime opens no file.
            builder = builder
                .with_external_initializer_file_in_memory(name, Arc::clone(data))
                .map_err(|error| refused(error.into()))?;
        }
        let ort = builder.commit_from_memory(&files.model).map_err(refused)?;
        let signature = Arc::new(signature(ort.inputs(), ort.outputs())?);
        Ok(Self { ort, signature, placement })
    }

    /// Where its nodes are.
    pub(crate) fn placement(&self) -> Placement {
        self.placement
    }

    /// What the model takes and gives.
    pub(crate) fn signature(&self) -> &Arc<Signature> {
        &self.signature
    }

    /// Runs the model once.
    pub(crate) fn run(&mut self, inputs: &Inputs) -> Result<Outputs, SessionError> {
        let values: Result<Vec<SessionInputValue<'_>>, SessionError> = inputs.iter().map(value).collect();
        let outputs = self.ort.run(values?.as_slice()).map_err(failed)?;
        let mut read = Outputs::default();
        for (output, form) in outputs.values().zip(&self.signature.forms) {
            let tensor = match form {
                OutputForm::Tensor => dense(&output)?,
                OutputForm::MapByNumber => {
                    let (tensor, classes) = zipped::<i64>(&output)?;
                    read.classes = Some(Labels::Numbers(classes));
                    tensor
                }
                OutputForm::MapByText => {
                    let (tensor, classes) = zipped::<String>(&output)?;
                    read.classes = Some(Labels::Texts(classes));
                    tensor
                }
            };
            read.tensors.push(tensor);
        }
        if read.tensors.len() == self.signature.outputs.len() {
            Ok(read)
        } else {
            Err(SessionError::Answer("an output is missing"))
        }
    }
}

/// What a failed run is to its caller.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn failed(error: ort::Error) -> SessionError {
    match error.code() {
        // An index out of range, shapes that do not fit together: what was sent, not what runs it.
        ort::ErrorCode::InvalidArgument => SessionError::Input(error.to_string()),
        _ => SessionError::Run(error.to_string()),
    }
}

fn builder(
    engine: &Engine,
    execution: Execution,
    placement: Placement,
) -> Result<SessionBuilder, SessionError> {
    let refused = |error: ort::Error| SessionError::Refused(error.to_string());
    let basic = || -> ort::Result<SessionBuilder> {
        let builder = OrtSession::builder(&engine.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(execution.intra_op_threads)?
            .with_inter_threads(execution.inter_op_threads)?
            .with_parallel_execution(execution.inter_op_threads > 1)?
            // A spinning pool would take the processor from the HTTP threads between requests.
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?;
        Ok(builder)
    };
    let mut builder = basic().map_err(refused)?;
    let strict = placement.provider != Provider::Cpu && !placement.mixed;
    if strict {
        // Without this ONNX Runtime would give nodes to the processor and say nothing.
        builder = builder
            .with_config_entry("session.disable_cpu_ep_fallback", "1")
            .map_err(|error| refused(error.into()))?;
    }
    let device = i32::from(execution.device);
    let cuda = || {
        let provider = ep::CUDA::default().with_device_id(device);
        match execution.memory_bytes {
            Some(bytes) => provider.with_memory_limit(bytes),
            None => provider,
        }
    };
    let providers = match placement.provider {
        Provider::Cpu => Vec::new(),
        Provider::Cuda => vec![cuda().build()],
        Provider::Tensorrt => {
            vec![ep::TensorRT::default().with_device_id(device).build(), cuda().build()]
        }
    };
    // Without this ONNX Runtime would go on without it, and say nothing.
    let mut providers: Vec<_> =
        providers.into_iter().map(ep::ExecutionProviderDispatch::error_on_failure).collect();
    if !strict && !execution.arena {
        providers.push(ep::CPU::default().with_arena_allocator(false).build());
    }
    builder
        .with_execution_providers(providers)
        .map_err(|error| SessionError::Provider { provider: placement.provider, reason: error.to_string() })
}

/// The names and types of everything that goes in and comes out.
fn signature(inputs: &[Outlet], outputs: &[Outlet]) -> Result<Signature, SessionError> {
    let inputs = inputs.iter().map(|input| {
        port(input).ok_or_else(|| {
            let (name, kind) = (input.name(), input.dtype());
            SessionError::Unsupported(format!("its input `{name}` is {kind}, and tensors are served"))
        })
    });
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let mut forms = Vec::with_capacity(outputs.len());
    let outputs = outputs.iter().map(|output| {
        let (form, port) = output_port(output).ok_or_else(|| {
            let (name, kind) = (output.name(), output.dtype());
            SessionError::Unsupported(format!(
                "its output `{name}` is {kind}; tensors and maps from class to score are served"
            ))
        })?;
        forms.push(form);
        Ok(port)
    });
    let outputs = outputs.collect::<Result<Vec<_>, SessionError>>()?;
    if inputs.is_empty() || outputs.is_empty() {
        return Err(SessionError::Unsupported("it has no inputs or no outputs".to_owned()));
    }
    if forms.iter().filter(|form| **form != OutputForm::Tensor).count() > 1 {
        return Err(SessionError::Unsupported("it has several outputs that are maps".to_owned()));
    }
    Ok(Signature { inputs, outputs, forms })
}

fn port(outlet: &Outlet) -> Option<Port> {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else { return None };
    let element = element(*ty)?;
    let dims = shape.iter().map(|length| usize::try_from(*length).ok()).collect();
    Some(Port { name: outlet.name().to_owned(), element, dims })
}

fn output_port(outlet: &Outlet) -> Option<(OutputForm, Port)> {
    if let Some(port) = port(outlet) {
        return Some((OutputForm::Tensor, port));
    }
    let ValueType::Sequence(of) = outlet.dtype() else { return None };
    let form = match **of {
        ValueType::Map { key: TensorElementType::Int64, value: TensorElementType::Float32 } => {
            OutputForm::MapByNumber
        }
        ValueType::Map { key: TensorElementType::String, value: TensorElementType::Float32 } => {
            OutputForm::MapByText
        }
        _ => return None,
    };
    Some((form, Port { name: outlet.name().to_owned(), element: Element::Float, dims: vec![None, None] }))
}

fn element(kind: TensorElementType) -> Option<Element> {
    Some(match kind {
        TensorElementType::Bool => Element::Bool,
        TensorElementType::Uint8 => Element::Uint8,
        TensorElementType::Uint16 => Element::Uint16,
        TensorElementType::Uint32 => Element::Uint32,
        TensorElementType::Uint64 => Element::Uint64,
        TensorElementType::Int8 => Element::Int8,
        TensorElementType::Int16 => Element::Int16,
        TensorElementType::Int32 => Element::Int32,
        TensorElementType::Int64 => Element::Int64,
        TensorElementType::Float16 => Element::Half,
        TensorElementType::Bfloat16 => Element::Bfloat,
        TensorElementType::Float32 => Element::Float,
        TensorElementType::Float64 => Element::Double,
        TensorElementType::String => Element::Text,
        _ => return None,
    })
}

/// A tensor as ONNX Runtime has it; the elements are not copied, except texts.
fn value(tensor: &Tensor) -> Result<SessionInputValue<'_>, SessionError> {
    fn viewed<'t, T>(shape: &'t [usize], values: &'t [T]) -> ort::Result<SessionInputValue<'t>>
    where
        T: ort::value::PrimitiveTensorElementType + Debug + Clone + 'static,
    {
        Ok(TensorRef::from_array_view((shape, values))?.into())
    }
    let shape = tensor.shape();
    let value = match tensor.data() {
        Data::Bool(values) => viewed(shape, values),
        Data::Uint8(values) => viewed(shape, values),
        Data::Uint16(values) => viewed(shape, values),
        Data::Uint32(values) => viewed(shape, values),
        Data::Uint64(values) => viewed(shape, values),
        Data::Int8(values) => viewed(shape, values),
        Data::Int16(values) => viewed(shape, values),
        Data::Int32(values) => viewed(shape, values),
        Data::Int64(values) => viewed(shape, values),
        Data::Half(values) => viewed(shape, values),
        Data::Bfloat(values) => viewed(shape, values),
        Data::Float(values) => viewed(shape, values),
        Data::Double(values) => viewed(shape, values),
        Data::Text(values) => OrtTensor::from_string_array((shape, values.as_slice())).map(Into::into),
    };
    value.map_err(failed)
}

/// A tensor copied out of ONNX Runtime.
fn dense(value: &DynValue) -> Result<Tensor, SessionError> {
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err(SessionError::Answer("an output is not a tensor"));
    };
    let kind =
        element(*ty).ok_or(SessionError::Answer("an output has an element type that is not served"))?;
    macro_rules! copied {
        ($kind:ty, $wrap:expr) => {{
            let (shape, values) = value.try_extract_tensor::<$kind>().map_err(failed)?;
            (lengths(shape), $wrap(values.to_vec()))
        }};
    }
    let (shape, data) = match kind {
        Element::Bool => copied!(bool, Data::Bool),
        Element::Uint8 => copied!(u8, Data::Uint8),
        Element::Uint16 => copied!(u16, Data::Uint16),
        Element::Uint32 => copied!(u32, Data::Uint32),
        Element::Uint64 => copied!(u64, Data::Uint64),
        Element::Int8 => copied!(i8, Data::Int8),
        Element::Int16 => copied!(i16, Data::Int16),
        Element::Int32 => copied!(i32, Data::Int32),
        Element::Int64 => copied!(i64, Data::Int64),
        Element::Half => copied!(half::f16, Data::Half),
        Element::Bfloat => copied!(half::bf16, Data::Bfloat),
        Element::Float => copied!(f32, Data::Float),
        Element::Double => copied!(f64, Data::Double),
        Element::Text => {
            let (shape, values) = value.try_extract_strings().map_err(failed)?;
            (lengths(shape), Data::Text(values))
        }
    };
    Tensor::new(shape, data).ok_or(SessionError::Answer("an output is not as long as its shape says"))
}

fn lengths(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|length| usize::try_from(*length).unwrap_or(0)).collect()
}

/// Scores row after row, and the classes that they belong to; every row must have the same ones.
fn zipped<K>(output: &DynValue) -> Result<(Tensor, Vec<K>), SessionError>
where
    K: ort::value::IntoTensorElementType + Clone + std::hash::Hash + Eq,
{
    let maps: Vec<DynMap> = output.try_extract_sequence().map_err(failed)?;
    let (mut values, mut classes): (Vec<f32>, Vec<K>) = (Vec::new(), Vec::new());
    for (row, map) in maps.iter().enumerate() {
        let (keys, scores): (Vec<K>, Vec<f32>) =
            map.try_extract_key_values::<K, f32>().map_err(failed)?.into_iter().unzip();
        if row == 0 {
            classes = keys;
        } else if classes != keys {
            return Err(SessionError::Answer("its rows have different classes"));
        }
        values.extend(scores);
    }
    let shape = vec![maps.len(), classes.len()];
    let tensor = Tensor::new(shape, Data::Float(values));
    Ok((tensor.ok_or(SessionError::Answer("its maps do not have a score for each class"))?, classes))
}
