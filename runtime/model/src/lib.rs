//! ONNX files found by URI, read and checked without ONNX Runtime.
//!
//! In: a URI or bytes that nobody vouches for. Out: [`ModelFacts`], or a [`ModelError`] that says what is wrong and
//! where. Never: a panic, memory that grows with the file ([`inspect`] streams), a model that reads further files.
//!
//! - `error`   what can be wrong with a model's place or bytes
//! - `facts`   what is known of a model once it is read
//! - `locate`  from a URI to the one file that it means
//! - `wire`    the protobuf wire format as a stream
//! - `inspect` from the file's bytes to the facts

mod error;
mod facts;
mod inspect;
mod locate;
mod wire;

pub use error::{FolderProblem, ModelError};
pub use facts::{Dim, ModelFacts, Port, PortType};
pub use inspect::{MODEL_BYTES_MAX, inspect, inspect_bytes, read};
pub use locate::{Root, locate};
