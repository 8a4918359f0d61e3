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
use crate::lang::load::States;
use crate::plan::file::PlanFile;
use crate::sign::Rules;

/// What the project says.
pub(in crate::cli) struct Here {
    pub(in crate::cli) environment: Chosen,
    pub(in crate::cli) backend: Backend,
    pub(in crate::cli) keys: Keys,
    pub(super) rules: Rules,
}

impl Here {
    /// What is said here of a plan that was made in `embedded`; whether its file `was_sealed` matters where there are keys.
    ///
    /// # Errors
    /// If the plan is not one of this project, or may be anybody's.
    pub(super) fn of(
        (file, was_sealed, name): (&PlanFile, bool, &str),
        place: &Place,
        embedded: &Chosen,
        (source, sources): (&Source, &mut SourceMap),
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
        let States { place: states, environments, .. } = place.declared_states(sources).map_err(failed)?;
        let named = Some(file.made_from.environment.as_str()).filter(|_| file.made_from.is_named);
        let environment = Chosen::of(&environments, named).ok();
        let environment = environment.filter(|here| here.block.is_some() == embedded.block.is_some());
        let environment = environment.ok_or_else(|| foreign(name, embedded, environments.is_empty()))?;
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
        Ok(Self { environment, backend, keys, rules })
    }
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
