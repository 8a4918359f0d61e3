//! ONNX files found by URI, read and checked without ONNX Runtime.
//!
//! In: a URI or bytes that nobody vouches for. Out: [`ModelFacts`], or a [`ModelError`] that says what is wrong and
//! where. Never: a panic, memory that grows with the file ([`inspect`] streams), a model that reads files elsewhere than
//! in its own folder.
//!
//! - `error`   what can be wrong with a model's place or bytes
//! - `facts`   what is known of a model once it is read
//! - `locate`  from a URI to the one file that it means
//! - `wire`    the protobuf wire format as a stream
//! - `walk`    over a model's bytes, field by field
//! - `inspect` from files to the facts
//! - `beside`  files beside it that hold weights

mod beside;
mod error;
mod facts;
mod inspect;
mod locate;
mod walk;
mod wire;

pub use beside::{DataFile, ModelFiles, listed, read_files};
pub use error::{DataProblem, FolderProblem, ModelError};
pub use facts::{Dim, ModelFacts, Port, PortType};
pub use inspect::{MODEL_BYTES_MAX, data_files, inspect, inspect_bytes, inspect_files, read, signature};
pub use locate::{Root, locate};
