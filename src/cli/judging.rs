//! What the gate is asked: the documents of a run, and where in the user's files each part of them stands.
//!
//! Goes in: a project, its plan, the environment variables of the pipeline. Comes out: a verdict. Never happens: a plan is
//! judged by less than all of it, or something sensitive is handed to a policy.

use super::args::{Engine, Source};
use super::command::policy_process;
use super::discretion;
use super::environment::Chosen;
use super::places;
use super::policies;
use super::screen::Screen;
use super::session::{self, Session};
use super::view::json;
use crate::diag::{SourceMap, Span};
use crate::fetch::Mode;
use crate::lang::config::{Module, PolicyLevel};
use crate::lang::value::{Kind as Shape, Value};
use crate::manifest::{Manifest, Manifests};
use crate::plan::{Context, Kind, Operation, Plan, Waiting};
use crate::policy::{
    self, Approved, Bundles, Decision, Denial, Deployment, Early, Gates, Input, Level, PolicyError, Setting,
    Sight, Subject, Verdict, Warning,
};
use mlo_state::Address;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Version of the document that policies get.
const INPUT_FORMAT: &str = "1.0";

/// A gate that is being made ready, and what it will be asked about.
pub(super) struct StartedGate<'s> {
    gate: RefCell<Result<Gates, PolicyError>>,
    asked: Asked<'s>,
    /// Whether the policies look at the plan already, before anybody waits for what they say.
    is_judging: Cell<bool>,
    recheck: RefCell<Option<Recheck>>,
    /// What was asked again, and what came of it.
    again: RefCell<Vec<Again>>,
}

/// What the policies said of a change once all of it was known.
pub(super) struct Again {
    pub(super) address: String,
    /// The rules that speak against it.
    pub(super) denied_by: Vec<String>,
    /// Rules that do not hold and that are let be.
    pub(super) told: Vec<Warning>,
}

/// What is asked again, as it becomes known.
pub(super) struct Recheck {
    /// The changes that the rules get, by address and by the key of one that was set aside.
    places: HashMap<(Address, Option<String>), usize>,
    /// Those of which more is known by now.
    known: BTreeMap<usize, Json>,
    waiting: Waiting,
}

impl Recheck {
    /// Of a plan that was let through.
    pub(super) fn of(approved: &Approved) -> Self {
        let sees = |type_name: &str| approved.sight().sees(type_name);
        let operations = approved.plan().operations.iter().filter(|each| json::is_judged(each, &sees));
        let places =
            operations.enumerate().map(|(at, it)| ((it.address.clone(), it.deposed.clone()), at)).collect();
        Self { places, known: BTreeMap::new(), waiting: approved.waiting().clone() }
    }
}

/// What rules for plans are asked about.
#[derive(Serialize)]
struct Document<'a> {
    format_version: &'static str,
    plan: Planned<'a>,
    manifests: BTreeMap<&'a str, Json>,
    models: Json,
    drift: Option<Json>,
    environment: Json,
    run: Json,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Planned<'a> {
    Whole(json::Judged<'a>),
    /// Of a test in which something stands in for every object.
    Nothing {
        resource_changes: [Json; 0],
    },
}

/// What stands around a plan that is judged.
#[derive(Clone, Copy)]
pub(super) struct Asked<'s> {
    pub(super) sources: &'s SourceMap,
    pub(super) context: &'s Context,
    /// All that there are.
    pub(super) manifests: &'s Manifests,
    /// Whether the models are judged.
    pub(super) judges_models: bool,
    /// Whether objects change. In a test they do not if something stands in for all of them.
    pub(super) is_real: bool,
}

impl Session {
    /// Starts the gate, which reads the policies and looks at the manifests while the plan is made. Taking everything
    /// away asks about no manifest: a model that may not run may always be stopped. Neither does a plan that changes no
    /// object. The rules for plans are asked always.
    pub(super) fn start_gate(
        &self,
        kind: Kind,
        (source, engine): (&Source, &Engine),
        early: Early,
        screen: &Screen,
    ) -> StartedGate<'_> {
        let asked = Asked {
            sources: &self.sources,
            context: &self.context,
            manifests: &self.project.manifests,
            judges_models: kind == Kind::Apply,
            is_real: true,
        };
        let overrides = engine.overrides.iter().cloned().collect();
        let setting = Setting { overrides, ..setting(&self.environment) };
        let policies::Read { bundles, news } =
            policies::read(&self.place, source, &self.policies, Mode::Missing);
        if !source.json {
            screen.say(&news);
        }
        let mut gate = gate(bundles, &setting, early);
        if let Ok(gate) = &mut gate {
            asked.with_subjects(|subjects| gate.ask_early(subjects));
        }
        StartedGate {
            gate: RefCell::new(gate),
            asked,
            is_judging: Cell::default(),
            recheck: RefCell::default(),
            again: RefCell::default(),
        }
    }
}

impl Session {
    /// What the policies say of the manifests alone: no plan is made and no object is looked at.
    pub(super) fn judge_manifests(&self, source: &Source, early: Early) -> Result<Decision, Box<Denial>> {
        let failed = |error: PolicyError| Box::new(Denial::from(error));
        let policies::Read { bundles, .. } =
            policies::read(&self.place, source, &self.policies, Mode::Present);
        let mut gate = gate(bundles, &setting(&self.environment), early).map_err(failed)?;
        let asked = Asked {
            sources: &self.sources,
            context: &self.context,
            manifests: &self.project.manifests,
            judges_models: true,
            is_real: false,
        };
        asked.with_subjects(|subjects| policy::check_manifests(subjects, &mut gate))
    }
}

impl StartedGate<'_> {
    /// Has the policies look at the plan while it is shown. [`judge`](Self::judge) waits for what they say.
    pub(super) fn begin_to_judge(&self, plan: &Plan) {
        if let Ok(gate) = &mut *self.gate.borrow_mut() {
            let input = self.asked.input(plan, &gate.sight());
            gate.ask_about_plan_early(input);
            self.is_judging.set(true);
        }
    }

    /// Asks the policies about the plan.
    pub(super) fn judge(&self, plan: Plan) -> Verdict {
        match &mut *self.gate.borrow_mut() {
            Ok(gate) => self.asked.judge(plan, self.is_judging.take(), gate),
            Err(error) => Verdict::Denied(Denial::from(error.clone())),
        }
    }

    /// Asks them again about one change, once all of it is known that its configuration says.
    pub(super) fn judge_again(
        &self,
        approved: &Approved,
        operation: &Operation,
        value: &Value,
    ) -> Result<(), Box<Denial>> {
        let mut recheck = self.recheck.borrow_mut();
        let recheck = recheck.get_or_insert_with(|| Recheck::of(approved));
        let said = match &mut *self.gate.borrow_mut() {
            Ok(gate) => self.asked.judge_again(approved, (operation, value), recheck, gate),
            Err(error) => Err(Box::new(Denial::from(error.clone()))),
        };
        let decision = match &said {
            Ok(decision) => Some(decision),
            Err(denial) => denial.decision.as_ref(),
        };
        // What was let be before is told.
        let before = &approved.decision().warnings;
        let told = decision.into_iter().flat_map(Decision::told).filter(|warning| !before.contains(warning));
        let told = told.cloned().collect();
        let denial = said.as_ref().err();
        let rules = denial.into_iter().flat_map(|denial| &denial.violations).map(|each| each.rule.clone());
        let (address, denied_by) = (operation.address.to_string(), rules.collect());
        self.again.borrow_mut().push(Again { address, denied_by, told });
        said.map(drop)
    }

    /// What was asked again.
    pub(super) fn again(&self) -> Vec<Again> {
        self.again.take()
    }
}

/// The gate of an environment.
pub(super) fn gate(
    bundles: Result<Bundles, PolicyError>,
    setting: &Setting,
    early: Early,
) -> Result<Gates, PolicyError> {
    Gates::start(&bundles?, setting, early, policy_process::evaluator)
}

/// An environment today, with the levels that its block sets.
pub(super) fn setting(environment: &Chosen) -> Setting {
    let today = today();
    let levels = environment.block.iter().flat_map(|block| &block.policy);
    let levels = levels.map(|(rule, (said, span))| (rule.to_string(), (level(*said), *span)));
    Setting { environment: environment.name.clone(), levels: levels.collect(), today, ..Setting::default() }
}

/// The day, in UTC.
pub(super) fn today() -> String {
    session::now().strftime("%Y-%m-%d").to_string()
}

pub(super) fn level(said: PolicyLevel) -> Level {
    match said {
        PolicyLevel::Mandatory => Level::Mandatory,
        PolicyLevel::Overridable => Level::Overridable,
        PolicyLevel::Advisory => Level::Advisory,
    }
}

impl Asked<'_> {
    /// What the gate says of a plan; `is_judging` if it was asked about it already.
    pub(super) fn judge(&self, plan: Plan, is_judging: bool, gate: &mut Gates) -> Verdict {
        let (plan, sight) = (Arc::new(plan), gate.sight());
        let again = || self.input(&plan, &sight);
        let input = if is_judging { Input::Early(&again) } else { Input::New(again()) };
        let place = |address: &str, path: &str| self.place(&plan.config, address, path);
        let addresses = || addresses_of(&plan);
        let deployment = Deployment { input, addresses: &addresses, place: &place };
        self.with_subjects(|subjects| policy::check(Arc::clone(&plan), subjects, &deployment, gate))
    }

    /// What the gate says of a plan once all is known of one change that its configuration says.
    pub(super) fn judge_again(
        &self,
        approved: &Approved,
        (operation, value): (&Operation, &Value),
        recheck: &mut Recheck,
        gate: &mut Gates,
    ) -> Result<Decision, Box<Denial>> {
        let plan = approved.plan();
        let change = json::judged_change(&discretion::judged(operation, value));
        let place = (operation.address.clone(), operation.deposed.clone());
        // Where there is none, the process has none either, and denies.
        let at = recheck.places.get(&place).copied().unwrap_or(usize::MAX);
        recheck.known.insert(at, change.clone());
        recheck.waiting.end(&operation.address);
        let known = &recheck.known;
        let whole = || {
            let mut input: Json =
                serde_json::from_str(&self.input(plan, approved.sight())).expect("it was just written");
            let changes = input.pointer_mut("/plan/resource_changes").and_then(Json::as_array_mut);
            for (at, there) in changes.into_iter().flatten().enumerate() {
                known.get(&at).into_iter().for_each(|change| there.clone_from(change));
            }
            input
        };
        let place = |address: &str, path: &str| self.place(&plan.config, address, path);
        let (number, names) = (approved.number(), || addresses_of(plan));
        let again =
            policy::Again { number, at, change: &change, names: &names, whole: &whole, place: &place };
        policy::check_again(&again, &recheck.waiting, gate)
    }

    fn with_subjects<T>(&self, then: impl FnOnce(&[Subject<'_>]) -> T) -> T {
        let judged: Vec<&Manifest> = self.manifests.iter().filter(|_| self.judges_models).collect();
        let places: Vec<_> =
            judged.iter().map(|manifest| |path: &str| Some(manifest.span_of(path))).collect();
        let subjects: Vec<_> = judged
            .iter()
            .zip(&places)
            .map(|(manifest, place)| Subject {
                name: manifest.name(),
                manifest: manifest.as_written(),
                place,
            })
            .collect();
        then(&subjects)
    }

    /// The document that rules for plans get, with the values that they look at.
    fn input(&self, plan: &Plan, sight: &Sight) -> String {
        let sees = |type_name: &str| sight.sees(type_name);
        let shown = self.is_real.then(|| discretion::judged_in_part(plan, &sees));
        let plan = match &shown {
            Some(plan) => Planned::Whole(json::Judged { plan, sees: &sees }),
            None => Planned::Nothing { resource_changes: [] },
        };
        let manifests = self.manifests.iter();
        let document = Document {
            format_version: INPUT_FORMAT,
            plan,
            manifests: manifests.map(|manifest| (manifest.name(), manifest.as_written())).collect(),
            models: models(&self.context.manifests),
            drift: None,
            environment: json!({ "name": self.context.environment }),
            run: run(),
        };
        serde_json::to_string(&document).expect("a document has string keys only")
    }

    /// Where something stands that a policy speaks of.
    fn place(&self, config: &Module, address: &str, path: &str) -> Option<Span> {
        places::place((address, path), config, (self.manifests, self.sources))
    }
}

fn addresses_of(plan: &Plan) -> Vec<String> {
    plan.operations.iter().map(|operation| operation.address.to_string()).collect()
}

/// By the names of their manifests, what the files of models say of themselves.
fn models(manifests: &Value) -> Json {
    let (Shape::Map(_, entries) | Shape::Object(entries)) = manifests.kind() else { return json!({}) };
    let artifact = |value: &Value| match value.kind() {
        Shape::Object(fields) => fields.get("artifact").map_or(Json::Null, json::known),
        _ => Json::Null,
    };
    Json::Object(entries.iter().map(|(name, value)| (name.to_string(), artifact(value))).collect())
}

/// Who runs this, for what, and when: from the pipeline, where there is one.
pub(super) fn run() -> Json {
    let first = |names: &[&str]| {
        let said =
            names.iter().filter_map(std::env::var_os).map(|value| value.to_string_lossy().into_owned());
        said.into_iter().find(|value| !value.is_empty())
    };
    json!({
        "who": first(&["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "USERNAME"]),
        "repository": first(&["GITHUB_REPOSITORY", "CI_PROJECT_PATH"]),
        "commit": first(&["GITHUB_SHA", "CI_COMMIT_SHA"]),
        "branch": first(&["GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"]),
        "event": first(&["GITHUB_EVENT_NAME", "CI_PIPELINE_SOURCE"]),
        "in_pipeline": first(&["CI"]).is_some(),
        "url": session::run_url(),
        "time": session::now().to_string(),
    })
}
