//! `mlo policy explain`

use crate::cli::args::{PolicyExplain, Source};
use crate::cli::command::policy_process;
use crate::cli::environment::Chosen;
use crate::cli::exit::Exit;
use crate::cli::judging;
use crate::cli::policies;
use crate::cli::project::Place;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::cli::view::{Paint, rules};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::fetch::Mode;
use crate::lang::load::States;
use crate::policy::{Bundles, Circumstances, PolicyError};

pub(in crate::cli) fn run(options: &PolicyExplain, screen: &mut Screen) -> Exit {
    let mut sources = SourceMap::new();
    match explain(options, &mut sources, screen) {
        Ok(()) => Exit::Done,
        Err(messages) => session::fail(screen, options.json, &Failed { sources, messages }, Exit::Error),
    }
}

fn explain(options: &PolicyExplain, sources: &mut SourceMap, screen: &Screen) -> Result<(), Diagnostics> {
    let failed = |error: PolicyError| Diagnostics::from(error.outside_of_a_gate());
    let (here, bundles) = asked(options, sources, screen)?;
    let bundles = bundles.map_err(failed)?;
    let Some(wanted) = options.rule.as_deref() else {
        let all = bundles.rules(&here).map_err(failed)?;
        if options.json {
            screen.print_json(rules::list_json(&all, &here.environment));
        } else {
            screen.print(&rules::list(&all, &here.environment, Paint(screen.style())));
        }
        return Ok(());
    };
    let program = policy_process::program().map_err(failed)?;
    let found = bundles.explain(wanted, &here, &program).map_err(failed)?;
    if found.is_empty() {
        let known = bundles.rules(&here).map_err(failed)?;
        let error = Diagnostic::error(code::engine::USAGE, format!("there is no rule `{wanted}`"));
        let error = error.did_you_mean(wanted, known.iter().map(|known| known.about.rule.as_str()));
        return Err(error.help("`mlo policy explain` lists all rules").into());
    }
    let are_several = bundles.listed().len() > 1;
    if options.json {
        screen.print_json(rules::each_json(&found, &here.environment));
    } else {
        let each = found
            .iter()
            .map(|found| rules::one(found, are_several, &here.environment, Paint(screen.style())));
        screen.print(&each.collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

/// The environment that is named, with the levels that the configuration here says, if there is one; and the bundles that a run
/// here is judged by.
fn asked(
    options: &PolicyExplain,
    sources: &mut SourceMap,
    screen: &Screen,
) -> Result<(Circumstances, Result<Bundles, PolicyError>), Diagnostics> {
    let place = Place::find(None)?;
    let declared = place.declared_states(sources);
    if declared.is_err() {
        screen.say("The configuration here cannot be read, so its levels and bundles are left out.\n");
    }
    let States { environments, policies: configured, .. } = declared.unwrap_or_default();
    let environment = Chosen::if_named(&environments, options.environment.env.as_deref())?.name;
    let levels = |block: &crate::lang::config::Environment| {
        let said = block.policy.iter();
        let said = said
            .map(|(rule, (level, span))| (rule.to_string(), (judging::level(*level), sources.place(*span))));
        said.collect()
    };
    let blocks = environments.iter().map(|(name, block)| (name.to_string(), levels(block))).collect();
    let source =
        Source { policies: options.policies.clone(), network: options.network.clone(), ..Source::default() };
    let policies::Read { bundles, news } = policies::read(&place, &source, &configured, Mode::Missing);
    if !options.json {
        screen.say(&news);
    }
    Ok((Circumstances { environment, blocks, today: judging::today() }, bundles))
}
