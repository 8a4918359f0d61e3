//! The answer of the Open Inference Protocol: named tensors as JSON, or as bytes behind it.

use super::{encode, json, write_elements};
use crate::batch::Done;
use crate::request::{Port, Wanted};

/// The name, version and id that an answer carries.
pub(crate) struct Signed<'a> {
    pub(crate) model_name: &'a str,
    pub(crate) model_version: Option<&'a str>,
    /// The caller's own id of the request.
    pub(crate) id: Option<&'a str>,
}

/// An answer's body.
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of the JSON in front, where tensors follow it.
    pub(crate) json_bytes: Option<usize>,
}

/// Writes the wanted outputs.
pub(crate) fn inference(done: &Done, ports: &[Port], wanted: &[Wanted], signed: &Signed<'_>) -> Content {
    let mut out = Vec::with_capacity(256);
    let mut tail = Vec::new();
    out.extend(b"{\"model_name\":");
    json(signed.model_name, &mut out);
    if let Some(version) = signed.model_version {
        out.extend(b",\"model_version\":");
        json(version, &mut out);
    }
    if let Some(id) = signed.id {
        out.extend(b",\"id\":");
        json(id, &mut out);
    }
    out.extend(b",\"outputs\":[");
    let mut first = true;
    for want in wanted {
        let (Some(port), Some((shape, data, range))) = (ports.get(want.output), done.output(want.output))
        else {
            continue;
        };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend(b"{\"name\":");
        json(&port.name, &mut out);
        out.extend(b",\"datatype\":\"");
        out.extend(data.element().datatype().as_bytes());
        out.extend(b"\",\"shape\":");
        json(&shape, &mut out);
        if want.binary {
            let before = tail.len();
            encode(data, range, &mut tail);
            out.extend(b",\"parameters\":{\"binary_data_size\":");
            json(&(tail.len() - before), &mut out);
            out.extend(b"}}");
        } else {
            out.extend(b",\"data\":[");
            write_elements(data, range, &mut out);
            out.extend(b"]}");
        }
    }
    out.extend(b"]}");
    let json_bytes = wanted.iter().any(|want| want.binary).then_some(out.len());
    out.append(&mut tail);
    Content { bytes: out, json_bytes }
}
