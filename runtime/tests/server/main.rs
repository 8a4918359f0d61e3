//! The server as its callers see it: a real process, real sockets, real models.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod life;
#[cfg(test)]
mod metrics;
#[cfg(test)]
#[path = "../../model/tests/model/onnx.rs"]
mod onnx;
#[cfg(test)]
mod predict;
#[cfg(test)]
mod support;
