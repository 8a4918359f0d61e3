//! What a plan is saved with: all that it was made from.

use super::{Decision, Engine, Screen, SecretKey, Session, inside, judged, places, session, state_digest};
use crate::cli::view::json;
use crate::plan::Plan;
use crate::plan::file::{Embedded, MadeFrom, kind_name};
use mlo_state::Snapshot;
use std::collections::BTreeMap;

/// What a plan was made from that the policies let through, and who signs it.
pub(super) fn made_from(
    session: &Session,
    (plan, decision, snapshot): (&Plan, &Decision, &Snapshot),
    (engine, key): (&Engine, Option<&SecretKey>),
    screen: &Screen,
) -> MadeFrom {
    let place = &session.place;
    let is_secret = |text: &str| screen.hides(text);
    let is_sealed = session.keys.vault.has_keys();
    let mut made_from = MadeFrom {
        lineage: plan.lineage.clone(),
        serial: plan.serial,
        state: state_digest(snapshot),
        environment: plan.environment.clone(),
        is_named: session.environment.is_named,
        policies: decision.bundle.clone(),
        bundles: decision.bundles.iter().map(judged::pinned).collect(),
        judged: screen.without_secrets(json::approval(decision)),
        kind: kind_name(plan.kind).to_owned(),
        refresh: engine.refresh,
        strict_checks: engine.strict_checks,
        parts: [spelt(&engine.targets), spelt(&engine.excludes), spelt(&engine.replace)],
        overrides: engine.overrides.iter().cloned().collect(),
        planned_at: session.context.origin.planned_at.unwrap_or_default(),
        who: session::holder("plan").who,
        signer: key.map(|key| key.public().to_string()),
        folder: place.shown.clone(),
        manifest: place.manifest.as_ref().map(|path| path.display().to_string()),
        working_folder: session.context.working_folder.clone(),
        salt: session::random_name(),
        configuration: BTreeMap::new(),
        manifests: BTreeMap::new(),
        fetched: BTreeMap::new(),
        seen: BTreeMap::new(),
    };
    let files = |range: std::ops::Range<usize>| session.sources.iter().skip(range.start).take(range.len());
    let embed = |made_from: &MadeFrom, text: &str| Embedded {
        digest: made_from.digest(text.as_bytes()),
        text: Some(text.to_owned()).filter(|text| is_sealed || !is_secret(text)),
    };
    for source in files(session.project.config_sources.clone()) {
        if !places::is_own(&source.name) {
            let digest = made_from.digest(source.text.as_bytes());
            made_from.fetched.insert(source.name.clone(), digest);
            continue;
        }
        let embedded = embed(&made_from, &source.text);
        made_from.configuration.insert(inside(place, &source.name), embedded);
    }
    for source in files(session.project.manifest_sources.clone()) {
        let embedded = embed(&made_from, &source.text);
        made_from.manifests.insert(source.name.clone(), embedded);
    }
    let seen = session.context.origin.seen.all();
    made_from.seen = seen.iter().map(|(name, digest)| (name.clone(), made_from.digest(digest))).collect();
    made_from
}

fn spelt<T: std::fmt::Display>(addresses: &[T]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}
