//! The JSON twins of what is shown. Documents have a `format_version` and change by addition only. What Terraform has
//! is in Terraform's shape; our own fields come in addition.

mod configuration;
mod plan;
mod policy;
mod schemas;
mod state;
mod value;

pub(in crate::cli) use plan::{
    Judged, add_generated, add_time, done_by, is_judged, judged_change, plan, reason,
};
pub(in crate::cli) use policy::{about, approval, denial, waiver, warning};
pub(in crate::cli) use schemas::provider_schemas;
pub(in crate::cli) use state::state;
pub(in crate::cli) use value::known;

use crate::cli::discretion;
use crate::cli::packages::Got;
use crate::cli::screen::{MASK, Screen};
use crate::diag::{Diagnostics, JsonDiagnostic, SourceMap};
use crate::plan::{Counts, decode_output};
use mlo_state::Output;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Version of the documents that are not a plan.
pub(in crate::cli) const FORMAT: &str = "1.0";

/// The version of Terraform whose documents ours follow. Programs that read plans know one by it.
pub(super) const TERRAFORM_VERSION: &str = "1.11.4";

/// A document of parts that may be large: `json!` copies what it is given.
pub(in crate::cli) fn object<const N: usize>(parts: [(&str, Json); N]) -> Json {
    Json::Object(parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect())
}

/// A command that could not do what it should.
pub(in crate::cli) fn failure(messages: &Diagnostics, sources: &SourceMap) -> Json {
    json!({
        "format_version": FORMAT,
        "valid": false,
        "applyable": false,
        "complete": false,
        "errored": true,
        "diagnostics": diagnostics(messages, sources),
    })
}

/// Messages.
pub(in crate::cli) fn diagnostics(messages: &Diagnostics, sources: &SourceMap) -> Json {
    let list = messages.iter().map(|message| JsonDiagnostic::new(message, sources));
    serde_json::to_value(list.collect::<Vec<_>>()).expect("messages are plain data")
}

/// `mlo validate --json`, in the shape of Terraform's.
pub(in crate::cli) fn validation(messages: &Diagnostics, sources: &SourceMap) -> Json {
    let errors = messages.iter().filter(|message| message.severity == crate::diag::Severity::Error).count();
    json!({
        "format_version": FORMAT,
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": messages.len() - errors,
        "diagnostics": diagnostics(messages, sources),
    })
}

/// `mlo get --json`
pub(in crate::cli) fn got(got: &Got, messages: &Diagnostics, sources: &SourceMap) -> Json {
    let packages = |packages: &[[Option<String>; 4]]| -> Json {
        let one = |[source, version, resolved, digest]: &[Option<String>; 4]| json!({ "source": source, "version": version, "resolved": resolved, "digest": digest });
        packages.iter().map(one).collect()
    };
    json!({
        "format_version": FORMAT,
        "modules": packages(&got.modules),
        "policies": packages(&got.policies),
        "fetched": got.fetched,
        "diagnostics": diagnostics(messages, sources),
    })
}

/// All outputs: `{name: {sensitive, type, value}}`, as Terraform has it. Sensitive values are masked unless everything is
/// shown.
pub(in crate::cli) fn outputs(outputs: &BTreeMap<String, Output>, screen: &Screen) -> Json {
    let entry = |(name, output): (&String, &Output)| {
        let hidden = output.sensitive && !screen.shows_everything();
        let masked =
            || discretion::marked_as(name, &decode_output(output)?).filter(|_| !screen.shows_everything());
        let value = if hidden {
            json!(MASK)
        } else {
            masked().map_or_else(|| output.value.clone(), |it| value::known(&it))
        };
        (name.clone(), json!({ "sensitive": output.sensitive, "type": output.value_type, "value": value }))
    };
    Json::Object(outputs.iter().map(entry).collect())
}

/// How many.
pub(in crate::cli) fn counts(counts: Counts) -> Json {
    json!({ "add": counts.add, "change": counts.change, "destroy": counts.destroy, "import": counts.import })
}
