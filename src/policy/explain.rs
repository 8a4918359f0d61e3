//! What a rule is, for those whom it stops and for those who change it.
//!
//! Goes in: bundles as a gate has them, an environment and its levels. Comes out: where a rule stands, how much it weighs and by whose word, the
//! thresholds that it goes by with their places, and the exceptions from it. Never happens: anything is judged.

use super::bundle::{BUILT_IN, DEPLOYMENT_NAME};
use super::child::Program;
use super::waivers::{self, Waiver};
use super::weigh::{ENVIRONMENTS, configured};
use super::{Annotation, Bundle, Bundles, Level, Loaded, PolicyError, annotations};
use crate::diag::SourceMap;
use crate::manifest::yaml;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What stands for the name of the environment in what a rule says of its settings.
const ENVIRONMENT: &str = "ENVIRONMENT";

/// A rule, explained for one environment.
#[derive(Debug)]
pub struct Explained {
    /// What the bundle is called that it is of.
    pub bundle: String,
    /// What it says of itself.
    pub about: Annotation,
    /// All of its definitions: file and line.
    pub places: Vec<(String, usize)>,
    /// How much it weighs in each environment that is known.
    pub levels: Vec<LevelIn>,
    /// What decides.
    pub settings: Vec<SettingInForce>,
    /// Exceptions from it.
    pub waivers: Vec<Exception>,
}

/// A waiver, and whether its last day is over.
pub type Exception = (Waiver, bool);

/// How much a rule weighs in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelIn {
    /// The environment.
    pub environment: String,
    /// The level.
    pub level: Level,
    /// Who says so: a place, with the key of the data.
    pub from: String,
}

/// A threshold or a list that a rule goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingInForce {
    /// Its key in the data, such as `mlo.thresholds.prod.accuracy`.
    pub key: String,
    /// What is in force; null if nothing is.
    pub value: Json,
    /// The file and line that say so; nothing if it is built into the rules.
    pub place: Option<String>,
}

/// The environment for which a rule is explained.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// Its name.
    pub environment: String,
    /// Levels that blocks of environments set: environment to rule to level and place.
    pub blocks: BTreeMap<String, BTreeMap<String, (Level, String)>>,
    /// The day, such as `2027-01-31`, in UTC.
    pub today: String,
}

/// A rule in a list of all.
#[derive(Debug)]
pub struct Known {
    /// What the bundle is called that it is of.
    pub bundle: String,
    /// What it says of itself.
    pub about: Annotation,
    /// How much it weighs in the environment.
    pub level: Level,
}

impl Bundles {
    /// The rules that people know by their names: bundle after bundle, in the order of packages and lines, each once.
    ///
    /// # Errors
    /// If a bundle is not well formed.
    pub fn rules(&self, here: &Circumstances) -> Result<Vec<Known>, PolicyError> {
        let of_bundle = |bundle: &Bundle| bundle.known(here);
        let all: Vec<_> = self.asked().iter().map(of_bundle).collect::<Result<_, _>>()?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Explains a rule, once for each bundle that has one of that name.
    ///
    /// # Errors
    /// If a bundle is not well formed, or does not compile.
    pub fn explain(
        &self,
        rule: &str,
        here: &Circumstances,
        program: &Program,
    ) -> Result<Vec<Explained>, PolicyError> {
        let explained = self.asked().iter().map(|bundle| bundle.explain(rule, here, program));
        explained.filter_map(Result::transpose).collect()
    }
}

impl Bundle {
    fn known(&self, here: &Circumstances) -> Result<Vec<Known>, PolicyError> {
        let all = self.annotations()?;
        let mut known = BTreeSet::new();
        let mut rules = all.clone();
        rules.retain(|it| it.is_rule() && known.insert((it.package.clone(), it.rule.clone())));
        rules.sort_by(|a, b| b.package.cmp(&a.package));
        let weighed = |about: Annotation| {
            let own: Vec<_> =
                all.iter().filter(|it| it.is_rule() && it.rule == about.rule).cloned().collect();
            let level = self.levels(&own, here)?.into_iter().find(|it| it.environment == here.environment);
            let level = level.map(|level| level.level).unwrap_or_default();
            Ok(Known { bundle: self.name_of(&about).to_owned(), about, level })
        };
        rules.into_iter().map(weighed).collect()
    }

    /// What the bundle of a rule is called: ours is a part of one that has no rules for plans.
    fn name_of(&self, about: &Annotation) -> &str {
        if about.file == DEPLOYMENT_NAME { BUILT_IN } else { self.name() }
    }

    fn annotations(&self) -> Result<Vec<Annotation>, PolicyError> {
        annotations::annotations(&self.rules).map_err(|fault| fault.about("", "", "reading the bundle"))
    }

    /// Explains a rule; nothing if there is none of that name.
    fn explain(
        &self,
        rule: &str,
        here: &Circumstances,
        program: &Program,
    ) -> Result<Option<Explained>, PolicyError> {
        let own: Vec<_> =
            self.annotations()?.into_iter().filter(|it| it.is_rule() && it.rule == rule).collect();
        let Some(about) = own.first().cloned() else { return Ok(None) };
        let places = own.iter().map(|it| (it.file.clone(), it.line)).collect();
        let levels = self.levels(&own, here)?;
        let settings = self.settings(&own, here, program)?;
        let waivers = waivers::read(&self.waivers)?.into_iter();
        let waivers = waivers.filter(|waiver| waiver.is_for(rule, &here.environment)).map(|waiver| {
            let is_over = waiver.is_over(&here.today);
            (waiver, is_over)
        });
        let bundle = self.name_of(&about).to_owned();
        Ok(Some(Explained { bundle, about, places, levels, settings, waivers: waivers.collect() }))
    }

    fn levels(&self, own: &[Annotation], here: &Circumstances) -> Result<Vec<LevelIn>, PolicyError> {
        let Some(rule) = own.first().map(|it| it.rule.as_str()) else { return Ok(Vec::new()) };
        let said = own.iter().filter(|it| it.level.is_some()).min_by_key(|it| it.level);
        let (base, from) = match said.and_then(|it| Some((it.level?, it))) {
            Some((level, it)) => (level, format!("{}:{}", it.file, it.line)),
            None => (Level::default(), "a rule that says no level".to_owned()),
        };
        let named = self.data.pointer("/mlo/levels").and_then(Json::as_object).into_iter().flatten();
        let named = named.filter(|(_, value)| value.is_object()).map(|(name, _)| name.clone());
        let mut environments: BTreeSet<String> = here.blocks.keys().cloned().chain(named).collect();
        environments.insert(here.environment.clone());
        if here.blocks.is_empty() {
            environments.extend(ENVIRONMENTS.map(str::to_owned));
        }
        let level = |environment: String| {
            let said = configured(&self.data, &environment)?;
            let at = |keys: &[&str]| {
                let key = keys.join(".");
                self.place_of(keys).map_or_else(|| key.clone(), |place| format!("{key} at {place}"))
            };
            let mut now = (base, from.clone());
            if let Some(level) = said.general.get(rule) {
                now = (*level, at(&["mlo", "levels", rule]));
            }
            if let Some(level) = said.stricter.get(rule).filter(|level| **level < now.0) {
                now = (*level, at(&["mlo", "levels", &environment, rule]));
            }
            let block = here.blocks.get(&environment).and_then(|rules| rules.get(rule));
            if let Some((level, place)) = block.filter(|(level, _)| *level < now.0) {
                now = (*level, format!("the environment's block at {place}"));
            }
            Ok(LevelIn { environment, level: now.0, from: now.1 })
        };
        environments.into_iter().map(level).collect()
    }

    fn settings(
        &self,
        own: &[Annotation],
        here: &Circumstances,
        program: &Program,
    ) -> Result<Vec<SettingInForce>, PolicyError> {
        let named: Vec<_> = own
            .iter()
            .flat_map(|it| it.settings.iter().map(move |path| (it.package.as_str(), path)))
            .collect();
        let Some((package, _)) = named.first() else { return Ok(Vec::new()) };
        let in_force = self.in_force(package, here, program)?;
        let setting = |path: &str| {
            let mut keys: Vec<&str> = vec!["mlo"];
            keys.extend(
                path.split('.').map(|key| if key == ENVIRONMENT { here.environment.as_str() } else { key }),
            );
            let name = keys.last().copied().unwrap_or_default();
            let mut said = self.said(&keys);
            // One value for all environments, or a map by environment.
            if let Some(of_this) = said.and_then(|said| said.get(&here.environment)) {
                keys.push(&here.environment);
                said = Some(of_this);
            }
            let value = in_force.get(name).or(said).cloned().unwrap_or_default();
            SettingInForce { key: keys.join("."), value, place: self.place_of(&keys) }
        };
        Ok(named.into_iter().map(|(_, path)| setting(path)).collect())
    }

    /// What the rules of a package go by, as they say it themselves; an empty map if they do not.
    fn in_force(&self, package: &str, here: &Circumstances, program: &Program) -> Result<Json, PolicyError> {
        let mut bundle = self.clone().for_environment(&here.environment)?;
        bundle.tests.clear();
        let answered =
            Loaded::open(&bundle, false, program)?.eval(&format!("data.{package}.in_force"), None)?;
        let value = answered.rows.into_iter().next().and_then(|row| row.expressions.into_iter().next());
        Ok(value.map(|expression| expression.value).unwrap_or_default())
    }

    fn said(&self, keys: &[&str]) -> Option<&Json> {
        keys.iter().try_fold(&self.data, |at, key| at.get(key))
    }

    /// The file and line of a key of the data.
    fn place_of(&self, keys: &[&str]) -> Option<String> {
        self.data_files.iter().find_map(|(name, (under, text))| {
            let mut keys = keys.iter().copied();
            let is_below = under.split('/').filter(|key| !key.is_empty()).all(|key| keys.next() == Some(key));
            let mut sources = SourceMap::new();
            let source = sources.add(name.as_str(), text.as_str());
            let parsed = yaml::parse(text, source);
            let mut at = &parsed.documents.first().filter(|_| is_below)?.root;
            let mut line = 1;
            for key in keys {
                let entry = at.entry(key)?;
                line = sources.get(source).position(entry.key_span.start).line;
                at = &entry.value;
            }
            Some(format!("{name}:{line}"))
        })
    }
}
