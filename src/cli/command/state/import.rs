//! What a state of Terraform becomes here. Pure: a file's content goes in; out comes a state and what is said of it, or
//! why not. Never: an object whose secret parts are not known to be secret; a guess at what an object of a type is
//! that has no counterpart here.

use super::edit::Edited;
use super::terraform::{IndexKey, Instance, Mode, Resource, State, Step, refused};
use crate::diag::{Diagnostics, escape};
use crate::lang::value::Value;
use crate::plan::{decode_object, decode_output, encode_object, mark_stored};
use crate::provider::{Provider, TerraformType};
use data_encoding::HEXLOWER;
use mlo_state::{Address, BlockAddress, Key, Object, Output, PathStep, Snapshot, Status};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What cannot be taken in, by address, with the reason: so many are named before the rest is counted.
const REASONS_SHOWN_MAX: usize = 100;

/// Where the file comes from and what becomes of what it has that there is no type for.
pub(super) struct Taking<'a> {
    pub(super) shown: &'a str,
    pub(super) skip_unknown: bool,
    /// The lineage of a state that is not there yet.
    pub(super) lineage: &'a str,
    pub(super) providers: &'a BTreeMap<&'static str, Arc<dyn Provider>>,
}

/// The present state, which has nothing, with what a state of Terraform has.
pub(super) fn take_in(
    present: Option<&Snapshot>,
    state: &State,
    taking: &Taking<'_>,
) -> Result<Edited, Diagnostics> {
    let mut snapshot = match present {
        None => Snapshot::empty(taking.lineage),
        Some(present) => {
            let Snapshot { objects, deposed, outputs, .. } = present;
            if !(objects.is_empty() && deposed.is_empty() && outputs.is_empty()) {
                let error = refused("there is a state already, and it is not empty".to_owned());
                let error = error.help("`mlo state list` shows what it has, and `mlo state rm` forgets that");
                let error = error.help("`mlo state push` puts a whole state in its place");
                return Err(error.into());
            }
            present.clone()
        }
    };
    let mut said = Said::default();
    for resource in &state.resources {
        for instance in &resource.instances {
            take(&mut snapshot, resource, instance, taking, &mut said)
                .map_err(|reason| refused(format!("`{}`: {reason}", escape(taking.shown))))?;
        }
    }
    if !said.unknown.is_empty() && !taking.skip_unknown {
        return Err(said.refusal(taking.shown));
    }
    keep_known_dependencies(&mut snapshot);
    for (name, output) in &state.outputs {
        let kept = Output {
            value: output.value.clone(),
            value_type: output.value_type.clone(),
            sensitive: output.sensitive,
        };
        if decode_output(&kept).is_none() {
            let summary =
                format!("`{}`: the value of output `{name}` is not of its type", escape(taking.shown));
            return Err(refused(summary).into());
        }
        snapshot.outputs.insert(name.clone(), kept);
    }
    let lines = said.lines(state, &snapshot, taking.shown);
    Ok(Edited { snapshot, lines, question: Some("Shall mlo take this into its state?".to_owned()) })
}

/// What is said of each object.
#[derive(Default)]
struct Said {
    taken: Vec<String>,
    unknown: Vec<(String, String)>,
    data: Vec<String>,
}

impl Said {
    fn refusal(&self, shown: &str) -> Diagnostics {
        let count = self.unknown.len();
        let summary = format!(
            "`{}` has {count} object{} that cannot be taken in",
            escape(shown),
            if count == 1 { "" } else { "s" }
        );
        let named = self.unknown.iter().take(REASONS_SHOWN_MAX);
        let mut reasons: Vec<_> = named.map(|(address, reason)| format!("{address}: {reason}")).collect();
        if count > REASONS_SHOWN_MAX {
            reasons.push(format!("and {} more", count - REASONS_SHOWN_MAX));
        }
        let error = refused(summary).detail(reasons.join("\n"));
        error.help("`--skip-unknown` takes in the others; these stay in Terraform's hands").into()
    }

    fn lines(&self, state: &State, snapshot: &Snapshot, shown: &str) -> Vec<String> {
        let counted =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut lines = vec![format!(
            "{} ({}): {} and {} to take in",
            escape(shown),
            state.origin(),
            counted(self.taken.len(), "object"),
            counted(snapshot.outputs.len(), "output")
        )];
        lines.extend(self.taken.iter().map(|line| format!("  {line}")));
        let outputs = snapshot.outputs.iter();
        lines.extend(outputs.map(|(name, output)| {
            format!("  output {}{}", escape(name), if output.sensitive { " (sensitive)" } else { "" })
        }));
        if !(self.unknown.is_empty() && self.data.is_empty()) {
            lines.push("Left out:".to_owned());
        }
        lines.extend(self.unknown.iter().map(|(address, reason)| format!("  {address}: {reason}")));
        lines.extend(self.data.iter().map(|address| format!("  {address}: every plan reads it again")));
        lines
    }
}

/// Takes in one object, or says why it stays out. An error is a file that Terraform has not written.
fn take(
    snapshot: &mut Snapshot,
    resource: &Resource,
    instance: &Instance,
    taking: &Taking<'_>,
    said: &mut Said,
) -> Result<(), String> {
    let address = address_of(resource, instance)?;
    if resource.mode == Mode::Data {
        said.data.push(address.to_string());
        return Ok(());
    }
    let object = match object_of(resource, instance, &address, taking) {
        Ok(object) => object,
        Err(reason) => {
            said.unknown.push((address.to_string(), reason));
            return Ok(());
        }
    };
    let tainted = object.status == Status::Tainted;
    let earlier = if let Some(key) = &instance.deposed {
        said.taken.push(format!("{address} (deposed {}): the next apply destroys it", escape(key)));
        snapshot.deposed.entry(address.clone()).or_default().insert(key.clone(), object)
    } else {
        let mark = if tainted { " is tainted: the next apply replaces it" } else { "" };
        said.taken.push(format!("{address}{mark}"));
        snapshot.objects.insert(address.clone(), object)
    };
    if earlier.is_some() { Err(format!("{address} is there twice")) } else { Ok(()) }
}

fn address_of(resource: &Resource, instance: &Instance) -> Result<Address, String> {
    let module = if resource.module.is_empty() { String::new() } else { format!("{}.", resource.module) };
    let mode = if resource.mode == Mode::Data { "data." } else { "" };
    let text = format!("{module}{mode}{}.{}", resource.type_name, resource.name);
    let block = text.parse::<Address>().ok().filter(|address| address.key.is_none());
    let key = instance.index_key.as_ref().map(|key| match key {
        IndexKey::Position(position) => Key::Index(*position),
        IndexKey::Name(name) => Key::Name(name.as_str().into()),
    });
    let address = block.map(|block| Address { key, ..block }).filter(Address::is_readable);
    address.ok_or_else(|| format!("{:?} is not the address of a resource", short(&text)))
}

/// As much of a text from the file as is shown.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The object as it is kept here, or why there is no such thing here.
fn object_of(
    resource: &Resource,
    instance: &Instance,
    address: &Address,
    taking: &Taking<'_>,
) -> Result<Object, String> {
    let type_name = &resource.type_name;
    let written = instance.provider.as_deref().unwrap_or(&resource.provider);
    let Some(Made { prefix, source, alias }) = made_by(written) else {
        return Err(format!("its provider is not understood: {:?}", short(written)));
    };
    let name = source.rsplit_once('/').map_or(source.as_str(), |(_, name)| name);
    let known = taking.providers.get(name).and_then(|provider| {
        let schema = provider.schema().resources.get(type_name.as_str())?;
        Some((provider, schema))
    });
    let Some((provider, schema)) = known else {
        return Err(format!("there is no type `{type_name}` of `{source}` here"));
    };
    let Some(attributes) = &instance.attributes else {
        return Err("its attributes are written as Terraform 0.11 did: `terraform apply -refresh-only` writes them anew".to_owned());
    };
    let mut object = Object {
        provider: format!("{prefix}{name}{alias}"),
        schema_version: schema.version,
        attributes: attributes.clone(),
        sensitive: Vec::new(),
        dependencies: dependencies(address, instance),
        status: if instance.status.is_some() { Status::Tainted } else { Status::Ready },
        token: token(taking.lineage, address, instance.deposed.as_deref()),
        handle: None,
    };
    let value = decode_object(&object, &schema.block)
        .map_err(|error| format!("its attributes are not as here: {error}"))?;
    object.sensitive = sensitive(&value, &instance.sensitive_attributes);
    let kind = TerraformType { source: &source, name: type_name, schema_version: instance.schema_version };
    let Some(value) = provider.of_terraform(kind, &mark_stored(&value, &object)) else {
        return Err(format!("`{type_name}` of `{source}` is another thing than the type of that name here"));
    };
    let encoded = encode_object(&value, &schema.block);
    (object.attributes, object.sensitive) =
        encoded.map_err(|_| "its attributes cannot be kept".to_owned())?;
    Ok(object)
}

/// Who made an object, in Terraform's words.
struct Made {
    /// `module.m.` where the provider is configured in a module.
    prefix: String,
    /// Namespace and type, without the registry's host: `hashicorp/local`.
    source: String,
    /// `.eu`, or nothing.
    alias: String,
}

/// Reads `module.m.provider["registry.terraform.io/hashicorp/local"].eu`; Terraform 0.12 wrote `provider.local.eu`.
fn made_by(text: &str) -> Option<Made> {
    let start = if text.starts_with("provider") { 0 } else { text.find(".provider")? + 1 };
    let (prefix, rest) = text.split_at_checked(start)?;
    let rest = rest.strip_prefix("provider")?;
    let (source, alias) = if let Some(quoted) = rest.strip_prefix("[\"") {
        let (whole, alias) = quoted.split_once("\"]")?;
        let (_, source) = whole.split_once('/')?;
        (source.to_owned(), alias)
    } else {
        let named = rest.strip_prefix('.')?;
        let at = named.find('.').unwrap_or(named.len());
        let (name, alias) = named.split_at_checked(at)?;
        let namespace = if name == "terraform" { "builtin" } else { "hashicorp" };
        (format!("{namespace}/{name}"), alias)
    };
    let plain = |c: char| c.is_alphanumeric() || "-_.[]\"/".contains(c);
    let fits =
        (alias.is_empty() || alias.starts_with('.')) && [prefix, &source, alias].concat().chars().all(plain);
    fits.then(|| Made { prefix: prefix.to_owned(), source, alias: alias.to_owned() })
}

/// The blocks of objects that it was made from; data sources are none.
fn dependencies(address: &Address, instance: &Instance) -> Vec<BlockAddress> {
    let blocks = instance.dependencies.iter().filter_map(|text| text.parse::<BlockAddress>().ok());
    let near = instance.depends_on.iter().filter_map(|text| text.parse::<BlockAddress>().ok());
    let near = near.map(|block| BlockAddress { module: address.module.block(), ..block });
    let managed: BTreeSet<_> =
        blocks.chain(near).filter(|block| block.mode == mlo_state::Mode::Managed).collect();
    managed.into_iter().collect()
}

/// Takes out dependencies on what was not taken in.
fn keep_known_dependencies(snapshot: &mut Snapshot) {
    let known: BTreeSet<_> =
        snapshot.objects.keys().chain(snapshot.deposed.keys()).map(Address::block).collect();
    let set_aside = snapshot.deposed.values_mut().flat_map(BTreeMap::values_mut);
    for object in snapshot.objects.values_mut().chain(set_aside) {
        object.dependencies.retain(|block| known.contains(block));
    }
}

/// No create of ours made it: a token that no other object has.
fn token(lineage: &str, address: &Address, deposed: Option<&str>) -> String {
    let hash = Sha256::digest(format!("{lineage}\nterraform\n{address}\n{}", deposed.unwrap_or_default()));
    HEXLOWER.encode(hash.first_chunk::<16>().expect("a SHA-256 has 32 bytes"))
}

/// Where the object is sensitive. A path that leads into what is not there, or into a set, ends before it: rather too
/// much is secret than too little.
fn sensitive(value: &Value, paths: &[Vec<Step>]) -> Vec<mlo_state::AttributePath> {
    let follow = |path: &Vec<Step>| {
        let mut at = value;
        let mut reached = Vec::new();
        for step in path {
            let Some((step, below)) = descend(at, step) else { break };
            reached.push(step);
            at = below;
        }
        // What is not kept here needs no mark.
        let kept = !reached.is_empty() || path.first().is_none_or(|step| name_of(step).is_none());
        kept.then_some(reached)
    };
    paths.iter().filter_map(follow).collect()
}

fn descend<'v>(value: &'v Value, step: &Step) -> Option<(PathStep, &'v Value)> {
    if let Some(name) = name_of(step) {
        return Some((PathStep::Name(name.to_owned()), value.get(name)?));
    }
    let index = step.value.as_u64().or_else(|| keyed(step)?.as_u64())?;
    let is_set = matches!(value.kind(), crate::lang::value::Kind::Set(..));
    let items = value.as_items().filter(|_| !is_set)?;
    Some((PathStep::Index(index), items.get(usize::try_from(index).ok()?)?))
}

/// The name that a step says: of an attribute, or of an element of a map.
fn name_of(step: &Step) -> Option<&str> {
    step.value.as_str().or_else(|| keyed(step)?.as_str())
}

/// The key of an `index` step, which Terraform writes with its type.
fn keyed(step: &Step) -> Option<&Json> {
    step.value
        .as_object()
        .filter(|_| step.kind == "index")
        .and_then(|key: &Map<String, Json>| key.get("value"))
}
