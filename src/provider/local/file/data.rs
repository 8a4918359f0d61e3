//! `local_file` as a data source: a file as it is.
//!
//! Goes in: a path. Comes out: the content of the regular file there, and its digests. Never happens: a device or a pipe
//! read, or a file that no value could hold.

use super::{base64, read_whole};
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::functions::Digest;
use crate::lang::value::{Type, Value};
use crate::provider::object::{text, text_or_null, with};
use crate::provider::{DataSchema, ProviderError, Surroundings};

/// Name of the data source.
pub(in crate::provider::local) const TYPE: &str = "local_file";
/// Digests by their attributes. `id` is the one that Terraform's provider has there.
const DIGESTS: [(&str, Digest, &str); 7] = [
    ("content_base64sha256", Digest::Base64Sha256, "SHA-256 of the content in base64"),
    ("content_base64sha512", Digest::Base64Sha512, "SHA-512 of the content in base64"),
    ("content_md5", Digest::Md5, "MD5 of the content in hexadecimal"),
    ("content_sha1", Digest::Sha1, "SHA-1 of the content in hexadecimal"),
    ("content_sha256", Digest::Sha256, "SHA-256 of the content in hexadecimal"),
    ("content_sha512", Digest::Sha512, "SHA-512 of the content in hexadecimal"),
    ("id", Digest::Sha1, "The same as `content_sha1`"),
];

pub(in crate::provider::local) fn schema() -> DataSchema {
    let block = BlockSchema::new()
        .attribute(
            "filename",
            AttributeSchema::required(Type::String)
                .describe("Path of the file; relative to the project's folder"),
        )
        .attribute(
            "content",
            AttributeSchema::computed(Type::String).describe("Content as text; null if it is no UTF-8"),
        )
        .attribute("content_base64", AttributeSchema::computed(Type::String).describe("Content in base64"));
    let block = DIGESTS.iter().fold(block, |block, (name, _, words)| {
        block.attribute(name, AttributeSchema::computed(Type::String).describe(words))
    });
    DataSchema { description: "The content of a file on this machine", block }
}

pub(in crate::provider::local) fn read(
    surroundings: &Surroundings,
    config: &Value,
) -> Result<Value, ProviderError> {
    let path = surroundings.project.join(text(config, "filename").unwrap_or_default());
    let bytes = read_whole(&path, "filename")?;
    let digests = DIGESTS.map(|(name, digest, _)| (name, Value::string(digest.digest(&bytes))));
    let encoded = Value::string(base64::encode(&bytes));
    let content = [("content", text_or_null(String::from_utf8(bytes).ok())), ("content_base64", encoded)];
    Ok(with(config, digests.into_iter().chain(content)))
}
