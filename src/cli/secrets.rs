//! Objects of a state and of a plan as values, and what of them is secret.
//!
//! In: a plan or a state. Out: values as they are shown. Never: a secret of either on the screen once it went through here.

use super::screen::Screen;
use crate::lang::config::Module;
use crate::lang::eval::{BlockSchema, evaluate};
use crate::lang::value::{Marks, Value};
use crate::plan::{Constant, Partial, Plan, decode_object, guess, has_sensitive};
use crate::provider::{self, Provider};
use mlo_state::{Address, Object, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// From now on the plan's secrets are masked wherever they turn up.
pub(super) fn hide_secrets(screen: &mut Screen, plan: &Plan) {
    for operation in &plan.operations {
        operation.prior.iter().chain(&operation.planned).for_each(|value| screen.hide(value));
    }
    for drift in &plan.drift {
        screen.hide(&drift.before);
    }
    for output in plan.outputs.values() {
        output.before.iter().chain(&output.after).for_each(|value| screen.hide(value));
    }
    plan.values.each(&mut |value| screen.hide(value));
}

/// From now on the defaults of sensitive variables are masked: those of a plan that was saved, which has no such values.
pub(super) fn hide_defaults(screen: &mut Screen, module: &Module) {
    let secret = module.variables.values().filter(|variable| variable.sensitive);
    for default in secret.filter_map(|variable| evaluate(variable.default.as_ref()?, &Constant).ok()) {
        screen.hide(&default.marked(Marks::SENSITIVE));
    }
    for call in module.calls.values() {
        hide_defaults(screen, &call.module);
    }
}

/// From now on the secrets of a plan that could not be made whole are masked, and those of the state.
pub(super) fn hide_partial(screen: &mut Screen, partial: &Partial, snapshot: &Snapshot) {
    if let Some(found) = partial.found() {
        hide_secrets(screen, found);
    }
    hide_state(screen, snapshot);
}

/// From now on the secrets of the state are masked. For a plan that could not be made; one that was made has them all.
pub(super) fn hide_state(screen: &mut Screen, snapshot: &Snapshot) {
    let decoded = Decoder::new();
    let deposed = snapshot.deposed_objects().map(|(address, _, object)| (address, object));
    for (address, object) in snapshot.objects.iter().chain(deposed) {
        if decoded.may_hold_secrets(&address.type_name, object) {
            screen.hide(&decoded.value(&address.type_name, object));
        }
    }
    for value in snapshot.outputs.values().filter_map(crate::plan::decode_output) {
        screen.hide(&value);
    }
}

/// An object of a state.
pub(super) struct Kept<'s> {
    pub(super) address: &'s Address,
    /// If it was set aside: its key.
    pub(super) deposed: Option<&'s str>,
    pub(super) object: &'s Object,
    pub(super) value: Value,
}

/// Each object of a state as it is shown. From now on what is secret in them is masked wherever it turns up.
pub(super) fn shown_values<'s>(snapshot: &'s Snapshot, screen: &mut Screen) -> Vec<Kept<'s>> {
    let all = stored_values(snapshot);
    for kept in &all {
        screen.hide(&kept.value);
    }
    let shown = |kept: Kept<'s>| Kept { value: screen.shown(kept.value), ..kept };
    all.into_iter().map(shown).collect()
}

/// Each object of a state as a value, in order: by its type's schema where that is known.
pub(super) fn stored_values(snapshot: &Snapshot) -> Vec<Kept<'_>> {
    let decoded = Decoder::new();
    let objects = snapshot.objects.iter().map(|(address, object)| (address, None, object));
    let deposed = snapshot.deposed_objects().map(|(address, key, object)| (address, Some(key), object));
    let all = objects.chain(deposed).map(|(address, deposed, object)| {
        let value = decoded.value(&address.type_name, object);
        Kept { address, deposed, object, value }
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|a, b| (a.address, a.deposed).cmp(&(b.address, b.deposed)));
    all
}

/// Objects of a state to values, without a plan.
struct Decoder(BTreeMap<&'static str, Arc<dyn Provider>>);

impl Decoder {
    fn new() -> Self {
        Self(provider::all())
    }

    fn schema(&self, type_name: &str) -> Option<&BlockSchema> {
        provider::schema_of(&self.0, type_name)
    }

    fn value(&self, type_name: &str, object: &Object) -> Value {
        let decoded = self.schema(type_name).and_then(|schema| decode_object(object, schema).ok());
        decoded.unwrap_or_else(|| guess(&object.attributes))
    }

    fn may_hold_secrets(&self, type_name: &str, object: &Object) -> bool {
        !object.sensitive.is_empty() || self.schema(type_name).is_none_or(has_sensitive)
    }
}
