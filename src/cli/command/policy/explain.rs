//! `mlo policy explain`

use crate::cli::args::PolicyExplain;
use crate::cli::command::policy_process;
use crate::cli::environment::Chosen;
use crate::cli::exit::Exit;
use crate::cli::judging;
use crate::cli::project::Place;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::cli::view::{Paint, rules};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::lang::load::States;
use crate::policy::{Bundle, Circumstances, Explained, PolicyError};

pub(in crate::cli) fn run(options: &PolicyExplain, screen: &mut Screen) -> Exit {
    let mut sources = SourceMap::new();
    match explain(options, &mut sources, screen) {
        Ok(()) => Exit::Done,
        Err(messages) => session::fail(screen, options.json, &Failed { sources, messages }, Exit::Error),
    }
}

fn explain(options: &PolicyExplain, sources: &mut SourceMap, screen: &Screen) -> Result<(), Diagnostics> {
    let failed = |error: PolicyError| Diagnostics::from(error.diagnostic());
    let bundle = options.policies.as_deref().map_or_else(Bundle::builtin, Bundle::from_folder);
    let bundle = bundle.map_err(failed)?;
    let here = circumstances(options, sources, screen)?;
    let known = bundle.rules().map_err(failed)?;
    let program = policy_process::program().map_err(failed)?;
    let Some(wanted) = options.rule.as_deref() else {
        let all = bundle.weights(&known, &here).map_err(failed)?;
        if options.json {
            screen.print_json(rules::list_json(&all, &here.environment));
        } else {
            screen.print(&rules::list(&all, &here.environment, Paint(screen.style())));
        }
        return Ok(());
    };
    let Some(found) = bundle.explain(wanted, &here, &program).map_err(failed)? else {
        let error = Diagnostic::error(code::engine::USAGE, format!("there is no rule `{wanted}`"));
        let error = error.did_you_mean(wanted, known.iter().map(|about| about.rule.as_str()));
        return Err(error.help("`mlo policy explain` lists all rules").into());
    };
    show(&found, (options, &here), screen);
    Ok(())
}

fn show(found: &Explained, (options, here): (&PolicyExplain, &Circumstances), screen: &Screen) {
    if options.json {
        screen.print_json(rules::one_json(found, &here.environment));
    } else {
        screen.print(&rules::one(found, &here.environment, Paint(screen.style())));
    }
}

/// The environment that is named, and the levels that the configuration here says, if there is one.
fn circumstances(
    options: &PolicyExplain,
    sources: &mut SourceMap,
    screen: &Screen,
) -> Result<Circumstances, Diagnostics> {
    let declared = Place::find(None)?.declared_states(sources);
    if declared.is_err() {
        screen.say("The configuration here cannot be read, so levels of its environments are left out.\n");
    }
    let States { environments, .. } = declared.unwrap_or_default();
    let environment = Chosen::if_named(&environments, options.environment.env.as_deref())?.name;
    let levels = |block: &crate::lang::config::Environment| {
        let said = block.policy.iter();
        let said = said
            .map(|(rule, (level, span))| (rule.to_string(), (judging::level(*level), sources.place(*span))));
        said.collect()
    };
    let blocks = environments.iter().map(|(name, block)| (name.to_string(), levels(block))).collect();
    Ok(Circumstances { environment, blocks, today: judging::today() })
}
