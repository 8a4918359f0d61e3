//! The Open Inference Protocol over gRPC: unary calls over HTTP/2, which is a message with five bytes in front each way
//! and a status in the trailers.
//!
//! In: requests over HTTP/2. Out: responses with a gRPC status. Never: a message larger than a body may be, a
//! compressed one, a panic over bytes that are no message.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use prost::Message;
use prost::bytes::Buf as _;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use super::app::{App, RequestId};
use super::budget::Share;
use super::messages::{
    Choice, Contents, Empty, InferRequest, InferResponse, InputTensor, LiveResponse, ModelMetadata,
    ModelRequest, OutputTensor, ReadyResponse, ServerMetadata, TensorMetadata,
};
use super::predict::{self, Asked};
use super::reply::REQUEST_ID;
use super::routes::Named;
use crate::answer;
use crate::clock;
use crate::metrics;
use crate::protocol::{Code, Refusal};
use crate::request::{self, Port, Problem, Wanted};
use crate::tensor::Element;

type Trailers = Ready<Option<Result<HeaderMap, Infallible>>>;
type Response = hyper::Response<WithTrailers<Full<Bytes>, Trailers>>;

const SERVICE: &str = "/inference.GRPCInferenceService/";
/// Bytes in front of a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// Inputs, outputs and parameters of a call at most, all together.
const PARTS_MAX: usize = 20_000;
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Answers one call, and counts it.
pub(super) async fn answer(app: &Arc<App>, request: Request<Incoming>) -> Response {
    let start = clock::instant();
    let _inflight = app.begin();
    let id = app.ids.choose(request.headers());
    let (head, body) = request.into_parts();
    let method = head.uri.path().strip_prefix(SERVICE).unwrap_or_default().to_owned();
    let mut model = None;
    let outcome = if head.method == Method::POST {
        call(app, &id, &method, &head.headers, body, &mut model).await
    } else {
        Err(Refusal::new(Code::MethodNotAllowed, "calls are made by POST"))
    };
    let code = outcome.as_ref().err().map(|refusal| refusal.code);
    app.metrics.request(metrics::Request {
        method: "POST",
        endpoint: label(&method),
        status: code.map_or(200, Code::status),
        code,
        seconds: (clock::instant() - start).as_secs_f64(),
        prediction: model,
    });
    response(&id, outcome)
}

/// The label of metrics; a method that is not known has none of its own.
fn label(method: &str) -> &'static str {
    match method {
        "ServerLive" => "grpc ServerLive",
        "ServerReady" => "grpc ServerReady",
        "ServerMetadata" => "grpc ServerMetadata",
        "ModelReady" => "grpc ModelReady",
        "ModelMetadata" => "grpc ModelMetadata",
        "ModelInfer" => "grpc ModelInfer",
        _ => "grpc other",
    }
}

async fn call(
    app: &Arc<App>,
    id: &RequestId,
    method: &str,
    headers: &HeaderMap,
    body: Incoming,
    model: &mut Option<usize>,
) -> Result<Vec<u8>, Refusal> {
    if method == "ModelInfer" {
        // Before the body: what it stands for may be far larger than it is.
        app.settings.opens_predictions(headers)?;
    }
    let (body, mut held) = predict::read(app, headers, body).await?;
    let message = framed(&body)?;
    Ok(match method {
        "ServerLive" => {
            decode::<Empty>(&message)?;
            LiveResponse { live: true }.encode_to_vec()
        }
        "ServerReady" => ReadyResponse { ready: app.is_ready() }.encode_to_vec(),
        "ServerMetadata" => ServerMetadata {
            name: "mlo-runtime".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: Vec::new(),
        }
        .encode_to_vec(),
        "ModelReady" => {
            let ModelRequest { name, version } = decode(&message)?;
            let hosted = app.hosted(&named(&name, &version))?;
            ReadyResponse { ready: app.answers(hosted) }.encode_to_vec()
        }
        "ModelMetadata" => {
            let ModelRequest { name, version } = decode(&message)?;
            metadata(app, &named(&name, &version))?.encode_to_vec()
        }
        "ModelInfer" => {
            bounded(&message)?;
            let request: InferRequest = decode(&message)?;
            *model = app.host.named(&request.model_name).map(|hosted| hosted.index);
            infer(app, id, headers, request, &mut held).await?.encode_to_vec()
        }
        _ => return Err(Refusal::new(Code::MethodNotAllowed, "there is no such method")),
    })
}

fn named(name: &str, version: &str) -> Named {
    let version = Some(version).filter(|version| !version.is_empty()).map(str::to_owned);
    Named { model: name.to_owned(), version }
}

/// The one message of a unary call's body.
fn framed(body: &Bytes) -> Result<Bytes, Refusal> {
    let wrong = |text| Err(Refusal::new(Code::Validation, text));
    let Some((prefix, _)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return wrong("the call has no message");
    };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Refusal::new(Code::UnsupportedEncoding, "compressed messages are not taken"));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if body.len() - PREFIX_BYTES != length {
        return wrong("the message is not as long as it says");
    }
    Ok(body.slice(PREFIX_BYTES..))
}

fn decode<M: Message + Default>(message: &Bytes) -> Result<M, Refusal> {
    M::decode(message.clone())
        .map_err(|_| Refusal::new(Code::Validation, "the message is not one of this method"))
}

/// Refuses a message with more parts than a model has inputs, before there is anything in memory for each of them.
fn bounded(message: &Bytes) -> Result<(), Refusal> {
    let malformed = |_| Refusal::new(Code::Validation, "the message is not one of this method");
    let mut rest = message.clone();
    let mut parts = 0;
    while rest.has_remaining() {
        let (tag, wire) = decode_key(&mut rest).map_err(malformed)?;
        skip_field(wire, tag, &mut rest, DecodeContext::default()).map_err(malformed)?;
        parts += 1;
        if parts > PARTS_MAX {
            let message = format!("the message has more than {PARTS_MAX} parts");
            return Err(Refusal::new(Code::Validation, message));
        }
    }
    Ok(())
}

fn metadata(app: &App, named: &Named) -> Result<ModelMetadata, Refusal> {
    let (hosted, served) = app.asked(named)?;
    let port = |port: &Port| TensorMetadata {
        name: port.name.clone(),
        datatype: port.element.datatype().to_owned(),
        shape: port
            .dims
            .iter()
            .map(|length| length.and_then(|length| i64::try_from(length).ok()).unwrap_or(-1))
            .collect(),
    };
    Ok(ModelMetadata {
        name: hosted.spec.name.clone(),
        versions: hosted.version(Some(&served)).map(str::to_owned).into_iter().collect(),
        platform: "onnxruntime_onnx".to_owned(),
        inputs: served.taking.inputs.iter().map(port).collect(),
        outputs: served.outputs.iter().map(port).collect(),
    })
}

async fn infer(
    app: &App,
    id: &RequestId,
    headers: &HeaderMap,
    request: InferRequest,
    held: &mut Share<'_>,
) -> Result<InferResponse, Refusal> {
    let named = named(&request.model_name, &request.model_version);
    let (hosted, served) = app.asked(&named)?;
    let arriving = served.queue.arriving();
    let own = headers.get(TIMEOUT).and_then(|text| timeout(text.to_str().ok()?));
    let parameter = request.parameters.get("timeout").and_then(|parameter| match parameter.choice {
        Some(Choice::Int64(micros)) => u64::try_from(micros).ok(),
        Some(Choice::Uint64(micros)) => Some(micros),
        _ => None,
    });
    let shortest = [own, parameter.map(Duration::from_micros)].into_iter().flatten().min();
    let max = app.settings.request_timeout;
    let deadline = clock::instant() + shortest.map_or(max, |own| own.min(max));
    let bytes = contents(&request)?;
    let described = request.inputs.iter().zip(&bytes);
    let tensors = described.map(|(input, bytes)| {
        (input.name.as_str(), input.datatype.as_str(), input.shape.as_slice(), bytes.as_slice())
    });
    let inputs = request::raw_contents(tensors, &served.taking)?;
    predict::holds(held, &inputs)?;
    let wanted = wanted(&request, &served.outputs)?;
    let asked = Asked { app, id, hosted, served: &served, path: "ModelInfer" };
    let done = asked.run(inputs, deadline, arriving).await?;
    let mut response = InferResponse {
        model_name: hosted.spec.name.clone(),
        model_version: hosted.version(Some(&served)).unwrap_or_default().to_owned(),
        id: request.id.clone(),
        ..InferResponse::default()
    };
    for want in wanted {
        let (Some(port), Some((shape, data, range))) =
            (served.outputs.get(want.output), done.output(want.output))
        else {
            continue;
        };
        let mut bytes = Vec::new();
        answer::encode(data, range, &mut bytes);
        response.raw_outputs.push(bytes);
        response.outputs.push(OutputTensor {
            name: port.name.clone(),
            datatype: data.element().datatype().to_owned(),
            shape: shape.iter().map(|length| i64::try_from(*length).unwrap_or(i64::MAX)).collect(),
        });
    }
    Ok(response)
}

fn wanted(request: &InferRequest, outputs: &[Port]) -> Result<Vec<Wanted>, Refusal> {
    if request.outputs.is_empty() {
        return Ok((0..outputs.len()).map(|output| Wanted { output, binary: true }).collect());
    }
    let place = |(index, wanted): (usize, &super::messages::WantedOutput)| {
        let place = outputs.iter().position(|port| port.name == wanted.name);
        let names = || outputs.iter().map(|port| port.name.clone()).collect();
        let output = place.ok_or_else(|| request::InputError::Value {
            path: format!("outputs[{index}].name"),
            problem: Problem::UnknownOutput(names()),
        })?;
        Ok(Wanted { output, binary: true })
    };
    request.outputs.iter().enumerate().map(place).collect()
}

/// The bytes of each input: those that are raw, or its contents in the same form.
fn contents(request: &InferRequest) -> Result<Vec<Vec<u8>>, Refusal> {
    if !request.raw_inputs.is_empty() {
        if request.raw_inputs.len() != request.inputs.len() {
            let message = "raw_input_contents must hold the bytes of every input, or of none";
            return Err(Refusal::new(Code::Validation, message));
        }
        return Ok(request.raw_inputs.clone());
    }
    let empty = Contents::default();
    Ok(request.inputs.iter().map(|input| typed(input, input.contents.as_ref().unwrap_or(&empty))).collect())
}

/// Typed contents as bytes. What its type cannot hold gives other bytes than the shape says, and is refused as that.
fn typed(input: &InputTensor, contents: &Contents) -> Vec<u8> {
    fn narrow<S: Copy, T: TryFrom<S>, const N: usize>(values: &[S], write: fn(T) -> [u8; N]) -> Vec<u8> {
        values.iter().filter_map(|value| T::try_from(*value).ok()).flat_map(write).collect()
    }
    match Element::of_datatype(&input.datatype) {
        Some(Element::Bool) => contents.bools.iter().map(|value| u8::from(*value)).collect(),
        Some(Element::Int8) => narrow(&contents.ints, i8::to_le_bytes),
        Some(Element::Int16) => narrow(&contents.ints, i16::to_le_bytes),
        Some(Element::Int32) => narrow(&contents.ints, i32::to_le_bytes),
        Some(Element::Int64) => narrow(&contents.int64s, i64::to_le_bytes),
        Some(Element::Uint8) => narrow(&contents.uints, u8::to_le_bytes),
        Some(Element::Uint16) => narrow(&contents.uints, u16::to_le_bytes),
        Some(Element::Uint32) => narrow(&contents.uints, u32::to_le_bytes),
        Some(Element::Uint64) => narrow(&contents.uint64s, u64::to_le_bytes),
        Some(Element::Float) => contents.floats.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Some(Element::Double) => contents.doubles.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Some(Element::Text) => {
            let framed = |text: &Vec<u8>| {
                [&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes(), text.as_slice()].concat()
            };
            contents.texts.iter().flat_map(framed).collect()
        }
        // Sixteen bits have no contents of their own in the protocol: they are raw, or nothing.
        Some(Element::Half | Element::Bfloat) | None => Vec::new(),
    }
}

/// `100m`, `5S`: a number and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count: u64 = text.get(..text.len() - unit.len_utf8())?.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(count.saturating_mul(3600)),
        'M' => Duration::from_secs(count.saturating_mul(60)),
        'S' => Duration::from_secs(count),
        'm' => Duration::from_millis(count),
        'u' => Duration::from_micros(count),
        'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// gRPC's own numbers.
fn status(code: Code) -> u8 {
    match code {
        Code::BadRequest | Code::Validation | Code::NotAcceptable => 3,
        Code::PredictionTimeout | Code::RequestTimeout => 4,
        Code::NotFound | Code::ModelNotFound => 5,
        Code::Forbidden => 7,
        Code::Overloaded | Code::PayloadTooLarge | Code::ReloadPending => 8,
        Code::MethodNotAllowed | Code::UnsupportedEncoding => 12,
        Code::Prediction | Code::Internal => 13,
        Code::ModelNotLoaded | Code::ModelLoad => 14,
        Code::Authentication => 16,
    }
}

fn response(id: &RequestId, outcome: Result<Vec<u8>, Refusal>) -> Response {
    let mut trailers = HeaderMap::new();
    let body = match outcome {
        Ok(message) => {
            trailers.insert(STATUS, HeaderValue::from(0_u16));
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            let mut body = Vec::with_capacity(PREFIX_BYTES + message.len());
            body.push(0);
            body.extend(length.to_be_bytes());
            body.extend(message);
            body
        }
        Err(refusal) => {
            trailers.insert(STATUS, HeaderValue::from(u16::from(status(refusal.code))));
            if let Ok(message) = HeaderValue::try_from(percent_encoded(&refusal.message)) {
                trailers.insert(MESSAGE, message);
            }
            Vec::new()
        }
    };
    let body = Full::new(Bytes::from(body)).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response.headers_mut().insert(REQUEST_ID, id.0.clone());
    response
}

/// A text as `grpc-message` has it: printable ASCII, the rest in hexadecimal.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let rows = [
            ("100m", Some(Duration::from_millis(100))),
            ("5S", Some(Duration::from_secs(5))),
            ("1H", Some(Duration::from_hours(1))),
            ("7n", Some(Duration::from_nanos(7))),
            ("5", None),
            ("S", None),
            ("", None),
            ("5é", None),
        ];
        for (text, expected) in rows {
            assert_eq!(timeout(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_is_as_long_as_it_says() {
        let read = |bytes: &'static [u8]| framed(&Bytes::from_static(bytes)).map_err(|refusal| refusal.code);
        assert_eq!(read(&[0, 0, 0, 0, 2, 7, 8]), Ok(Bytes::from_static(&[7, 8])));
        assert_eq!(read(&[0, 0, 0, 0, 0]), Ok(Bytes::new()));
        for bytes in
            [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 255, 255, 255, 255], &[0, 0, 0, 0, 1, 7, 8]]
        {
            assert_eq!(read(bytes), Err(Code::Validation), "{bytes:?}");
        }
        assert_eq!(read(&[1, 0, 0, 0, 0]), Err(Code::UnsupportedEncoding));
    }

    #[test]
    fn messages_are_plain_ascii() {
        assert_eq!(percent_encoded("100 % é\n"), "100 %25 %C3%A9%0A");
    }
}
