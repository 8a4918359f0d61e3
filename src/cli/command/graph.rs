//! `mlo graph`

use crate::cli::args::{Engine, Global, Graph, GraphFormat, GraphType};
use crate::cli::exit::Exit;
use crate::cli::saved::{self, Refused, Saved};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed, Session};
use crate::cli::view::graph::{Drawing, Look};
use crate::graph::{self, Dag, ModuleTree, Node};
use crate::plan::{Action, Kind, Operation, Part, Plan, Step};
use std::path::Path;

pub(in crate::cli) fn run(options: &Graph, _: &Global, screen: &mut Screen) -> Exit {
    let bare = |drawn: Result<Drawing, Failed>| drawn.map_err(|failed| (failed, Exit::Error));
    let drawn = match (&options.plan, options.of) {
        (Some(path), _) => saved_steps(path, options, screen),
        (None, GraphType::Config) => bare(blocks(options, false, screen)),
        (None, GraphType::Plan) => bare(blocks(options, true, screen)),
        (None, GraphType::Apply) => steps(Kind::Apply, options, screen),
        (None, GraphType::PlanDestroy) => steps(Kind::Destroy, options, screen),
    };
    match drawn {
        Ok(drawing) => {
            screen.print(&match options.format {
                GraphFormat::Dot => drawing.dot(),
                GraphFormat::Svg => drawing.svg(),
            });
            Exit::Done
        }
        Err((failed, exit)) => session::fail(screen, false, &failed, exit),
    }
}

/// The blocks of the configuration, and what they refer to. Where modules begin and end is drawn if `all` is, or if a
/// reference leads over it.
fn blocks(options: &Graph, all: bool, screen: &Screen) -> Result<Drawing, Failed> {
    let (config, messages, sources) = session::read_configuration(&options.configuration.source())?;
    screen.report(&messages, &sources);
    let tree = ModuleTree::new(&config);
    let graph = match graph::build(&tree) {
        Ok(graph) => graph,
        Err(messages) => return Err(Failed { sources, messages }),
    };
    let drawn = if all { vec![true; graph.dag.len()] } else { with_neighbours(&graph) };
    Ok(drawing(&graph.dag, |id, node| {
        drawn.get(id).is_some_and(|drawn| *drawn).then(|| (name(node, &tree), look(node)))
    }))
}

/// Which nodes stand for a block, or for a beginning that depends on something, or an end that something depends on.
fn with_neighbours(graph: &graph::Graph) -> Vec<bool> {
    // Blocks are drawn, and ends as long as nothing is known of what comes after them.
    let node = |id: usize| graph.dag.get(id);
    let mut drawn: Vec<_> = (0..graph.dag.len()).map(|id| !matches!(node(id), Node::Expand(_))).collect();
    for id in graph.order.iter().copied().filter(|id| matches!(node(*id), Node::Expand(_))) {
        let after_something = graph.dag.dependencies(id).any(|other| drawn.get(other) == Some(&true));
        drawn.get_mut(id).into_iter().for_each(|drawn| *drawn = after_something);
    }
    for id in graph.order.iter().rev().copied().filter(|id| matches!(node(*id), Node::Close(_))) {
        // Every check waits for the end of all.
        let counts =
            |other: usize| !matches!(node(other), Node::Check(..)) && drawn.get(other) == Some(&true);
        let before_something = graph.dag.dependents(id).any(counts);
        drawn.get_mut(id).into_iter().for_each(|drawn| *drawn = before_something);
    }
    drawn
}

/// The steps of the plan that would be made now.
fn steps(kind: Kind, options: &Graph, screen: &mut Screen) -> Result<Drawing, (Failed, Exit)> {
    let opened = Session::open(&options.configuration.source(), kind, screen);
    let (session, messages) = opened.map_err(|failed| (failed, Exit::Error))?;
    screen.report(&messages, &session.sources);
    planned(session, (kind, None), screen)
}

/// The steps of a plan that was saved, made again as an apply of it would.
fn saved_steps(path: &Path, options: &Graph, screen: &mut Screen) -> Result<Drawing, (Failed, Exit)> {
    let (session, saved, messages) = saved::open(path, &options.configuration.source(), screen)?;
    screen.report(&messages, &session.sources);
    planned(session, (saved.plan.kind, Some(&saved)), screen)
}

fn planned(
    session: Session,
    what: (Kind, Option<&Saved>),
    screen: &mut Screen,
) -> Result<Drawing, (Failed, Exit)> {
    let runtime = session::runtime().map_err(|messages| (messages, Exit::Error));
    match runtime.and_then(|runtime| runtime.block_on(plan(&session, what, screen))) {
        Ok(plan) => Ok(drawn_steps(&plan)),
        Err((messages, exit)) => Err((Failed { sources: session.sources, messages }, exit)),
    }
}

fn drawn_steps(plan: &Plan) -> Drawing {
    let tree = ModuleTree::new(&plan.config);
    drawing(&plan.steps.dag, |_, step| {
        Some(match step {
            Step::Join => (String::new(), Look::Point),
            Step::Evaluate(node) => (name(node, &tree), look(node)),
            Step::Settle(node) => (format!("{} (done)", name(node, &tree)), Look::Value),
            Step::Operate(number, part) => {
                let operation = plan.operations.get(*number)?;
                (operated(operation, *part), Look::Object)
            }
        })
    })
}

/// The plan as it would be made now; if it is a saved one that is made again, the same or none.
async fn plan(
    session: &Session,
    (kind, saved): (Kind, Option<&Saved>),
    screen: &mut Screen,
) -> Result<Plan, Refused> {
    let loaded = session.store.read().await;
    let loaded = loaded.map_err(|error| session::store_failure(&error, &session.place))?;
    let mut said = session::what_is_open(&loaded.pending);
    let snapshot = match saved {
        Some(saved) => saved.state(loaded.snapshot)?,
        None => session::snapshot_or_new(loaded),
    };
    let engine = saved.map(|saved| saved.engine(&Engine::default()));
    let (made, messages) = session.plan(kind, engine.as_ref(), &snapshot).await;
    said.extend(messages);
    match made {
        Ok((plan, _)) => {
            secrets::hide_secrets(screen, &plan);
            screen.report(&said, &session.sources);
            saved.map_or(Ok(()), |saved| saved.check(&plan))?;
            Ok(plan)
        }
        Err(partial) => {
            secrets::hide_partial(screen, &partial, &snapshot);
            Err((said, Exit::Error))
        }
    }
}

/// The nodes that get a name, and the edges between them.
fn drawing<N>(dag: &Dag<N>, mut node: impl FnMut(usize, &N) -> Option<(String, Look)>) -> Drawing {
    let mut drawing = Drawing::default();
    let number: Vec<_> = (0..dag.len())
        .map(|id| {
            drawing.nodes.push(node(id, dag.get(id))?);
            Some(drawing.nodes.len() - 1)
        })
        .collect();
    let number = |id: usize| number.get(id).copied().flatten();
    for id in 0..dag.len() {
        let Some(from) = number(id) else { continue };
        let mut to: Vec<_> = dag.dependencies(id).filter_map(number).collect();
        to.sort_unstable();
        to.dedup();
        drawing.edges.extend(to.into_iter().map(|to| (from, to)));
    }
    drawing
}

fn name(node: &Node, tree: &ModuleTree<'_>) -> String {
    let name = node.describe(tree).name;
    match node {
        Node::Expand(_) => format!("{name} (expand)"),
        Node::Close(_) => format!("{name} (close)"),
        _ => name,
    }
}

fn look(node: &Node) -> Look {
    match node {
        Node::Resource(..) => Look::Object,
        Node::Provider(..) => Look::Provider,
        Node::Variable(..)
        | Node::Local(..)
        | Node::Output(..)
        | Node::Expand(_)
        | Node::Close(_)
        | Node::Check(..) => Look::Value,
    }
}

fn operated(operation: &Operation, part: Part) -> String {
    let verb = match (part, operation.action) {
        (Part::Delete, _) | (Part::Apply, Action::Delete) => "destroy",
        (Part::Apply, Action::Update) => "update",
        (Part::Apply, Action::Read) => "read",
        (Part::Apply, Action::Forget) => "forget",
        (Part::Apply, Action::NoOp) => "keep",
        (Part::Apply, Action::Create | Action::Replace) => "create",
    };
    let deposed = operation.deposed.as_ref().map(|key| format!(" (deposed {key})")).unwrap_or_default();
    format!("{verb} {}{deposed}", operation.address)
}
