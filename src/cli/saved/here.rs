//! What the project says of a saved plan that is applied or approved in it.
//!
//! Goes in: a plan, and the configuration that lies in its folder now. Comes out: the environment, where its state is, what
//! that is sealed with, whose plans and approvals count. Never happens: one of these taken from what the plan embeds, for
//! whoever wrote the file wrote that too; what is embedded can only ask for more.

use super::super::approval;
use super::super::args::Source;
use super::super::backend::Backend;
use super::super::environment::Chosen;
use super::super::exit::Exit;
use super::super::project::Place;
use super::super::vault::Keys;
use super::{AGAIN, Refused, refuse};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::lang::config::{Environment, PolicyBundle};
use crate::lang::load::States;
use crate::plan::file::PlanFile;
use crate::sign::Rules;

/// What the project says.
pub(in crate::cli) struct Here {
    pub(in crate::cli) environment: Chosen,
    pub(in crate::cli) backend: Backend,
    pub(in crate::cli) keys: Keys,
    /// The bundles of policies that the project names.
    pub(in crate::cli) policies: Vec<PolicyBundle>,
    pub(super) rules: Rules,
}

impl Here {
    /// What is said here of a plan that was made in `embedded`; whether its file `was_sealed` matters where there are keys,
    /// and whether its environment `is_named` on the command line where others have rules.
    ///
    /// # Errors
    /// If the plan is not one of this project, or may be anybody's.
    pub(super) fn of(
        (file, was_sealed, name): (&PlanFile, bool, &str),
        place: &Place,
        embedded: &Chosen,
        (source, is_named, sources): (&Source, bool, &mut SourceMap),
    ) -> Result<Self, Refused> {
        let failed = |messages: Diagnostics| (messages, Exit::Error);
        if place.has_builtin_root() && !file.made_from.configuration.is_empty() {
            let summary = format!(
                "`{name}` was made from a configuration, and there is none in `{}`",
                file.made_from.folder
            );
            let (messages, exit) = refuse(
                code::engine::PLAN_FOREIGN,
                summary,
                "run this where the configuration is, such as a checkout of its main branch",
            );
            let why =
                "Whose plans count, where the state is and what seals it are never taken from a plan alone.";
            return Err((messages.map(|message| message.detail(why)), exit));
        }
        check_folder(name, place)?;
        let States { place: states, environments, policies, .. } =
            place.declared_states(sources).map_err(failed)?;
        let named = Some(file.made_from.environment.as_str()).filter(|_| file.made_from.is_named);
        let environment = Chosen::of(&environments, named).ok();
        let environment = environment.filter(|here| here.block.is_some() == embedded.block.is_some());
        let environment = environment.ok_or_else(|| foreign(name, embedded, environments.is_empty()))?;
        check_protected((file, name, is_named), place, sources)?;
        let rules = approval::rules(&environment).map_err(failed)?;
        let rules = rules.with_those_of(&approval::rules(embedded).map_err(failed)?);
        let keys = Keys::of_place(place, source).map_err(failed)?;
        if let Some(error) = keys.vault.check_clear().err().filter(|_| !was_sealed) {
            let message = Diagnostic::error(code::state::SEALED, format!("`{name}`: {error}"));
            let why = "Without the key it can have been written by anybody, or before there was one.";
            return Err((message.detail(why).help(AGAIN).into(), Exit::Error));
        }
        let states = environment.place(states.as_ref());
        let backend = Backend::of(place, states, &source.backend).map_err(failed)?;
        Ok(Self { environment, backend, keys, policies, rules })
    }
}

/// Where the command runs in a project, a plan is of that one: another folder, which a plan could name, has other rules.
fn check_folder(name: &str, place: &Place) -> Result<(), Refused> {
    let here = Place::find(None).map_err(|said| (said, Exit::Error))?;
    if here.folder == place.folder || here.has_builtin_root() {
        return Ok(());
    }
    let summary = format!("`{name}` is a plan of `{}`, and this folder is a project of its own", place.shown);
    let help = format!("run this in that folder: `cd {}`", place.shown);
    Err(refuse(code::engine::PLAN_FOREIGN, summary, &help))
}

/// Where an environment takes only what was approved or signed, a plan of another one is applied only if that one is named:
/// which one it is of, the plan says.
fn check_protected(
    (file, name, is_named): (&PlanFile, &str, bool),
    place: &Place,
    sources: &mut SourceMap,
) -> Result<(), Refused> {
    let folder = Place { manifest: None, ..place.clone() };
    let environments = folder.declared_states(sources).map_err(|said| (said, Exit::Error))?.environments;
    let asks = |block: &Environment| block.require_approval || !block.authors.is_empty();
    let own = environments.get(file.made_from.environment.as_str()).filter(|_| place.manifest.is_none());
    let Some(first) = environments.values().find(|block| asks(block)) else { return Ok(()) };
    if own.is_some_and(asks) || is_named && place.manifest.is_none() {
        return Ok(());
    }
    let (environment, first) = (&file.made_from.environment, &first.name.name);
    let summary = if place.manifest.is_some() {
        format!(
            "`{name}` is of one manifest alone, in a folder whose environment `{first}` has rules of its own"
        )
    } else {
        format!(
            "`{name}` says itself that it is for `{environment}`, and plans for `{first}` have to be let through"
        )
    };
    let help = format!("if that is meant, name it: `mlo apply --env {environment} {name}`");
    Err(refuse(code::engine::PLAN_FOREIGN, summary, &help))
}

/// That the configuration has other environments now.
fn foreign(name: &str, embedded: &Chosen, has_none: bool) -> Refused {
    let own = if embedded.is_named {
        format!("the environment `{}`", embedded.name)
    } else {
        "no environment".to_owned()
    };
    let now = if has_none { "none" } else { "others" };
    let summary = format!("`{name}` is for {own}, and the configuration has {now} now");
    refuse(
        code::engine::PLAN_FOREIGN,
        summary,
        "make a plan for one that there is: `mlo plan --env NAME --out FILE`",
    )
}
