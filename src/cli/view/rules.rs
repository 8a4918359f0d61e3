//! Rules of policies, explained: as text, and as documents.

use super::Paint;
use super::json::{FORMAT, about, waiver};
use crate::diag::escape;
use crate::policy::{Annotation, Explained, Known, LevelIn, SettingInForce};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Entries of a list that are shown on a line.
const ENTRIES_MAX: usize = 12;

/// All rules, a line each; of several bundles with the name of theirs.
pub(in crate::cli) fn list(rules: &[Known], environment: &str, paint: Paint) -> String {
    let longest = |text: fn(&Known) -> &str, least: usize| {
        rules.iter().map(|known| text(known).chars().count()).max().unwrap_or(0).max(least)
    };
    let width = longest(|known| &known.about.rule, "RULE".len());
    let level = format!("LEVEL IN {}", environment.to_uppercase());
    let level_width = level.chars().count().max("overridable".len());
    let first = rules.first().map(|known| &known.bundle);
    let are_several = rules.iter().any(|known| Some(&known.bundle) != first);
    let bundle_width = longest(|known| &known.bundle, "BUNDLE".len());
    let line = |bundle: &str, rule: &str, level: &str, judges: &str, title: &str| {
        let bundle = if are_several { format!("{bundle:bundle_width$}  ") } else { String::new() };
        let line = format!("{bundle}{rule:width$}  {level:level_width$}  {judges:9}  {title}");
        format!("{}\n", escape(line.trim_end()))
    };
    let mut out = paint.bold(line("BUNDLE", "RULE", &level, "JUDGES", "WHAT").trim_end()) + "\n";
    for Known { bundle, about, level } in rules {
        out += &line(bundle, &about.rule, level.as_str(), judges(about), &about.title);
    }
    out
}

/// The same as a document.
pub(in crate::cli) fn list_json(rules: &[Known], environment: &str) -> Json {
    let rule = |Known { bundle, about, level }: &Known| {
        let mut rule = described(about);
        put(&mut rule, "bundle", bundle.as_str().into());
        put(&mut rule, "level", level.as_str().into());
        rule
    };
    let rules: Vec<_> = rules.iter().map(rule).collect();
    json!({ "format_version": FORMAT, "environment": environment, "rules": rules })
}

/// What a rule is about.
fn judges(about: &Annotation) -> &'static str {
    if about.package == "deployment.policy" { "plans" } else { "manifests" }
}

/// One rule; where there are several bundles, with the name of its own.
pub(in crate::cli) fn one(found: &Explained, are_several: bool, environment: &str, paint: Paint) -> String {
    let Explained { bundle, about, places, levels, settings, waivers } = found;
    let title = if about.title.is_empty() { String::new() } else { format!(": {}", about.title) };
    let mut out = format!("{}\n", paint.bold(escape(&format!("{}{title}", about.rule))));
    let mut say = |text: String| {
        let _ = writeln!(out, "{}", escape(&text));
    };
    if !about.description.is_empty() {
        say(format!("  {}", about.description));
    }
    let of = if are_several { format!("Of the bundle `{bundle}`. ") } else { String::new() };
    say(format!("\n{of}Judges {}. Level:", judges(about)));
    for LevelIn { environment: name, level, from } in levels {
        let mark = if name == environment { ">" } else { " " };
        say(format!("{mark} {name}: {} ({from})", level.as_str()));
    }
    if !settings.is_empty() {
        say("\nGoes by:".to_owned());
    }
    for SettingInForce { key, value, place } in settings {
        let place = place.as_deref().unwrap_or("built into the rules; the key in the policy's data sets it");
        say(format!("  {key} = {} ({place})", shown(value)));
    }
    if let Some(reads) = about.reads.as_ref().filter(|reads| !reads.is_empty()) {
        say(format!("\nLooks at: {}", reads.join(", ")));
    }
    if !about.actions.is_empty() {
        say("\nIf it does not hold:".to_owned());
        for (index, action) in about.actions.iter().enumerate() {
            say(format!("  {}. {action}", index + 1));
        }
    }
    let places: Vec<_> = places.iter().map(|(file, line)| format!("{file}:{line}")).collect();
    say(format!("\nStands at: {}", places.join(", ")));
    if !about.docs.is_empty() {
        say(format!("More: {}", about.docs));
    }
    say(String::new());
    if waivers.is_empty() {
        say(format!("No waivers in {environment}."));
    }
    for (waiver, is_over) in waivers {
        let word = if *is_over { "was over on" } else { "in force until" };
        say(format!(
            "Waiver for {}: {word} {} - {} (owner {}, granted by {}, {})",
            waiver.subject, waiver.expires, waiver.reason, waiver.owner, waiver.approver, waiver.place
        ));
    }
    out
}

/// A value on a line. Of a long list its beginning.
fn shown(value: &Json) -> String {
    match value.as_array() {
        Some(entries) if entries.len() > ENTRIES_MAX => {
            let first: Vec<_> = entries.iter().take(ENTRIES_MAX).map(Json::to_string).collect();
            format!("[{}, and {} more]", first.join(", "), entries.len() - ENTRIES_MAX)
        }
        Some(entries) => format!("[{}]", entries.iter().map(Json::to_string).collect::<Vec<_>>().join(", ")),
        None => value.to_string(),
    }
}

/// A rule as a document: as the first bundle has it that has one of its name, and `others` of that name.
pub(in crate::cli) fn each_json(found: &[Explained], environment: &str) -> Json {
    let mut each = found.iter().map(|found| one_json(found, environment));
    let mut first = each.next().unwrap_or_default();
    put(&mut first, "others", each.collect());
    put(&mut first, "environment", environment.into());
    put(&mut first, "format_version", FORMAT.into());
    first
}

fn one_json(found: &Explained, environment: &str) -> Json {
    let Explained { bundle, about, places, levels, settings, waivers } = found;
    let mut rule = described(about);
    put(&mut rule, "bundle", bundle.as_str().into());
    let level = levels.iter().find(|level| level.environment == environment);
    put(&mut rule, "level", level.map(|level| level.level.as_str()).into());
    let levels = levels.iter().map(|LevelIn { environment, level, from }| {
        json!({ "environment": environment, "level": level.as_str(), "from": from })
    });
    put(&mut rule, "levels", levels.collect());
    let settings = settings
        .iter()
        .map(|SettingInForce { key, value, place }| json!({ "key": key, "value": value, "place": place }));
    put(&mut rule, "settings", settings.collect());
    let places = places.iter().map(|(file, line)| json!({ "file": file, "line": line }));
    put(&mut rule, "places", places.collect());
    let waivers = waivers.iter().map(|(it, is_over)| {
        let mut it = waiver(it);
        put(&mut it, "in_force", (!is_over).into());
        it
    });
    put(&mut rule, "waivers", waivers.collect());
    rule
}

fn described(rule: &Annotation) -> Json {
    let mut described = about(rule);
    put(&mut described, "rule", rule.rule.as_str().into());
    put(&mut described, "judges", judges(rule).into());
    put(&mut described, "reads", json!(rule.reads));
    described
}

fn put(into: &mut Json, name: &str, value: Json) {
    if let Some(into) = into.as_object_mut() {
        into.insert(name.to_owned(), value);
    }
}
