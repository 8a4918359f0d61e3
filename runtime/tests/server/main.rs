//! The server as its callers see it: a real process, real sockets, real models.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod infer;
#[cfg(test)]
mod life;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod observe;
#[cfg(test)]
#[path = "../../model/tests/model/onnx.rs"]
mod onnx;
#[cfg(test)]
mod predict;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod support;
