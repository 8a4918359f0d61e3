//! What can be wrong with a model's place or bytes. Texts carry no advice: the edge that shows them adds it.

use std::io;
use std::path::PathBuf;

/// A model that cannot be found, read, or must not be served.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The URI's scheme is one that this version does not fetch.
    #[error("models from `{scheme}:` are not supported yet by this version (a file or a folder is)")]
    Scheme {
        /// The scheme as written, in lower case.
        scheme: String,
    },
    /// The URI is not one.
    #[error("`{uri}` is not a usable model URI: {problem}")]
    Uri {
        /// As written.
        uri: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing is there.
    #[error("there is no model at {}", path.display())]
    Missing {
        /// The file or folder that was looked for.
        path: PathBuf,
    },
    /// A relative path, or a link on its way, leads out of the project.
    #[error("{} is outside of the project {}", path.display(), project.display())]
    Outside {
        /// Where the path leads.
        path: PathBuf,
        /// The folder that it has to stay in.
        project: PathBuf,
    },
    /// A device, socket or pipe.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// A folder that does not hold exactly one model.
    #[error("the folder {} {problem}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// None, several, or too much in it to look through.
        problem: FolderProblem,
    },
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was being read.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// No bytes.
    #[error("the model file is empty")]
    Empty,
    /// More bytes than a protobuf message can have.
    #[error("the model file has {size_bytes} bytes, more than the {max_bytes} that an ONNX file can have")]
    TooLarge {
        /// Its size, or how far it was read.
        size_bytes: u64,
        /// [`MODEL_BYTES_MAX`](crate::MODEL_BYTES_MAX).
        max_bytes: u64,
    },
    /// Well-formed, perhaps, but not an ONNX model.
    #[error("the file is not an ONNX model: {reason}")]
    NotOnnx {
        /// What gives it away.
        reason: &'static str,
    },
    /// It ends early, or its bytes contradict each other.
    #[error("the ONNX file is damaged at byte {offset}: {reason}")]
    Corrupt {
        /// Where reading stopped.
        offset: u64,
        /// What was found there.
        reason: &'static str,
    },
    /// A tensor wants to be read from another file.
    #[error(
        "the tensor `{tensor}` of the ONNX file keeps its data in another file, and {problem}; save the model as one file"
    )]
    ExternalData {
        /// The tensor's name; empty when it has none.
        tensor: String,
        /// Why that file is not read.
        problem: DataProblem,
    },
    /// The file makes its reader remember more than any real model does.
    #[error("the ONNX file has more than {max} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The most that is read.
        max: u64,
    },
}

/// Why data in another file is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataProblem {
    /// It is not a weight of the main graph.
    #[error("only weights of the main graph may")]
    Elsewhere,
    /// The tensor does not say clearly where it is.
    #[error("it does not say clearly where")]
    Unclear,
    /// The place is not one in the model's own folder.
    #[error("that is not a file in the model's own folder")]
    Outside,
    /// Nothing is there.
    #[error("there is no such file beside the model")]
    Missing,
    /// The file ends before the data does.
    #[error("that file ends before the data does")]
    Short,
}

/// Why a folder does not name one model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderProblem {
    /// Nothing in it ends with `.onnx`.
    #[error("holds no `.onnx` file")]
    None,
    /// Several do; their names, sorted.
    #[error("holds {} `.onnx` files, and one is needed: {}", .0.len(), .0.join(", "))]
    Several(Vec<String>),
    /// It has more entries than are looked through.
    #[error("has more than {0} entries; name the file itself")]
    Crowded(usize),
}
