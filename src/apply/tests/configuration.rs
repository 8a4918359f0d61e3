//! Configurations at random: blocks that are made from one another, alone, by `count` and by `for_each`, through local
//! values, data sources and modules in modules, with whatever `lifecycle` says.

use proptest::prelude::*;
use std::fmt::Write as _;

/// Blocks of the root module.
const BLOCKS: usize = 8;
/// Blocks of each called module.
const INNER_BLOCKS: usize = 3;
/// The keys of `for_each`.
const KEYS: [&str; 3] = ["a", "b", "c"];

/// How often something stands.
#[derive(Debug, Clone)]
enum Repeat {
    Once,
    Count(usize),
    /// Which of the keys.
    ForEach(Vec<bool>),
}

/// Block `n` is made from earlier blocks and modules.
#[derive(Debug, Clone)]
pub(super) struct Block {
    from: Vec<usize>,
    repeat: Repeat,
    value: u8,
    fixed: u8,
    way: Way,
    lifecycle: Lifecycle,
    output: bool,
}

/// How what it is made from comes to a block.
#[derive(Debug, Clone, Copy)]
enum Way {
    Straight,
    Local,
    /// By a data source, which waits for it.
    Data,
    /// By a data source with an instance for each that the block has.
    DataOfEach,
}

/// Arguments of `lifecycle`.
#[derive(Debug, Clone, Copy)]
struct Lifecycle {
    creates_first: bool,
    ignores_value: bool,
    /// Whether what it is made from replaces it when that changes.
    triggered: bool,
}

/// A module: what it gets, its blocks, and a module that it calls in turn.
#[derive(Debug, Clone)]
struct Called {
    from: Vec<usize>,
    repeat: Repeat,
    blocks: Vec<Option<Block>>,
    inner: Option<Box<Called>>,
}

/// A whole configuration.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    blocks: Vec<Option<Block>>,
    /// Called after the block of their number and those before it: `m3` sees the blocks 0 to 3, and 4 and later see it.
    modules: Vec<(usize, Called)>,
}

fn repeat() -> impl Strategy<Value = Repeat> {
    prop_oneof![
        4 => Just(Repeat::Once),
        1 => (0..3_usize).prop_map(Repeat::Count),
        1 => prop::collection::vec(any::<bool>(), KEYS.len()).prop_map(Repeat::ForEach),
    ]
}

fn block(earlier: usize) -> impl Strategy<Value = Block> {
    let rarely = || prop::bool::weighted(0.2);
    let lifecycle = (prop::bool::weighted(0.3), rarely(), rarely());
    let lifecycle = lifecycle.prop_map(|(creates_first, ignores_value, triggered)| Lifecycle {
        creates_first,
        ignores_value,
        triggered,
    });
    let way = prop_oneof![4 => Just(Way::Straight), 2 => Just(Way::Local), 1 => Just(Way::Data), 1 => Just(Way::DataOfEach)];
    let values = (0..3_u8, 0..2_u8, rarely());
    (prop::collection::vec(0..earlier, 0..3), repeat(), values, way, lifecycle).prop_map(
        |(from, repeat, (value, fixed, output), way, lifecycle)| Block {
            from,
            repeat,
            value,
            fixed,
            way,
            lifecycle,
            output,
        },
    )
}

fn called() -> impl Strategy<Value = Called> {
    let flat = || {
        let blocks = prop::collection::vec(prop::option::weighted(0.7, block(INNER_BLOCKS)), INNER_BLOCKS);
        (prop::collection::vec(0..BLOCKS, 0..3), repeat(), blocks)
    };
    let inner = prop::option::weighted(0.3, flat());
    (flat(), inner).prop_map(|((from, repeat, blocks), inner)| {
        let inner =
            inner.map(|(from, repeat, blocks)| Box::new(Called { from, repeat, blocks, inner: None }));
        Called { from, repeat, blocks, inner }
    })
}

/// Some of eight blocks, and up to two calls of modules.
pub(super) fn configuration() -> impl Strategy<Value = Configuration> {
    // Numbers from `BLOCKS` on are modules.
    let blocks = prop::collection::vec(prop::option::weighted(0.8, block(BLOCKS + 2)), BLOCKS);
    let modules = prop::collection::vec((0..BLOCKS, called()), 0..3);
    (blocks, modules).prop_map(|(blocks, modules)| Configuration { blocks, modules })
}

/// The files of a configuration, each after a line `== name`.
pub(super) fn text(configuration: &Configuration) -> String {
    let Configuration { blocks, modules } = configuration;
    let mut files = String::new();
    let mut root = String::new();
    for (number, block) in blocks.iter().enumerate() {
        let earlier = |from: usize| match from.checked_sub(BLOCKS) {
            None => (from < number).then(|| id(blocks, from)).flatten(),
            Some(module) => {
                let (after, called) = modules.get(module)?;
                (*after < number).then(|| outputs(&format!("m{module}"), &called.repeat))
            }
        };
        if let Some(block) = block {
            let triggers = |from: usize| (from < number && id(blocks, from).is_some()).then(|| name(from));
            write_block(number, block, (&earlier, &triggers), &mut root);
        }
    }
    for (module, (after, called)) in modules.iter().enumerate() {
        let visible = |from: usize| (from <= *after).then(|| id(blocks, from)).flatten();
        let path = format!("m{module}");
        write_call(&path, &path, called, &visible, (&mut root, &mut files));
    }
    root + &files
}

fn name(number: usize) -> String {
    format!("fake_thing.n{number}")
}

/// The ids of a block's objects, if there is such a block.
fn id(blocks: &[Option<Block>], number: usize) -> Option<String> {
    Some(ids(number, &blocks.get(number)?.as_ref()?.repeat))
}

fn ids(number: usize, repeat: &Repeat) -> String {
    match repeat {
        Repeat::Once => format!("{}.id", name(number)),
        Repeat::Count(_) => format!("{}[*].id", name(number)),
        Repeat::ForEach(_) => format!("values({})[*].id", name(number)),
    }
}

fn outputs(name: &str, repeat: &Repeat) -> String {
    match repeat {
        Repeat::Once => format!("module.{name}.o"),
        Repeat::Count(_) => format!("module.{name}[*].o"),
        Repeat::ForEach(_) => format!("{{ for k, m in module.{name} : k => m.o }}"),
    }
}

fn repeat_text(repeat: &Repeat) -> String {
    match repeat {
        Repeat::Once => String::new(),
        Repeat::Count(count) => format!("  count = {count}\n"),
        Repeat::ForEach(taken) => {
            let keys = KEYS.iter().zip(taken).filter(|(_, taken)| **taken);
            let keys: Vec<_> = keys.map(|(key, _)| format!("\"{key}\"")).collect();
            format!("  for_each = toset([{}])\n", keys.join(", "))
        }
    }
}

type Names<'n> = &'n dyn Fn(usize) -> Option<String>;

fn write_block(number: usize, block: &Block, (earlier, triggers): (Names<'_>, Names<'_>), out: &mut String) {
    let sources: Vec<_> = block.from.iter().filter_map(|from| earlier(*from)).collect();
    let mut from = format!("[{}]", sources.join(", "));
    let repeat = repeat_text(&block.repeat);
    let own = match block.repeat {
        Repeat::Once => "",
        Repeat::Count(_) => "[count.index]",
        Repeat::ForEach(_) => "[each.key]",
    };
    match block.way {
        Way::Straight => {}
        Way::Local => {
            writeln!(out, "locals {{\n  l{number} = {from}\n}}").unwrap();
            from = format!("local.l{number}");
        }
        Way::Data => {
            writeln!(out, "data \"fake_fact\" \"d{number}\" {{\n  query = {from}\n}}").unwrap();
            from = format!("data.fake_fact.d{number}.answer");
        }
        Way::DataOfEach => {
            writeln!(out, "data \"fake_fact\" \"d{number}\" {{\n{repeat}  query = {from}\n}}").unwrap();
            from = format!("data.fake_fact.d{number}{own}.answer");
        }
    }
    let triggers: Vec<_> = block.from.iter().filter_map(|from| triggers(*from)).collect();
    let lifecycle = lifecycle(block.lifecycle, &triggers);
    writeln!(
        out,
        "resource \"fake_thing\" \"n{number}\" {{\n{repeat}  value = [{}, {from}]\n  fixed = {}\n{lifecycle}}}",
        block.value, block.fixed
    )
    .unwrap();
    if block.output {
        let ids = ids(number, &block.repeat);
        writeln!(out, "output \"o{number}\" {{\n  value = {ids}\n}}").unwrap();
    }
}

fn lifecycle(lifecycle: Lifecycle, triggers: &[String]) -> String {
    let Lifecycle { creates_first, ignores_value, triggered } = lifecycle;
    let mut text = format!("  lifecycle {{\n    create_before_destroy = {creates_first}\n");
    if ignores_value {
        text += "    ignore_changes = [value]\n";
    }
    if triggered {
        writeln!(text, "    replace_triggered_by = [{}]", triggers.join(", ")).unwrap();
    }
    text + "  }\n"
}

/// A call of a module, and its files. What it gets is known by `visible`.
fn write_call(
    name: &str,
    path: &str,
    called: &Called,
    visible: Names<'_>,
    (above, files): (&mut String, &mut String),
) {
    let given: Vec<_> = called.from.iter().filter_map(|from| visible(*from)).collect();
    writeln!(
        above,
        "module \"{name}\" {{\n{}  source = \"./{name}\"\n  v = [{}]\n}}",
        repeat_text(&called.repeat),
        given.join(", ")
    )
    .unwrap();
    let mut own = "variable \"v\" {}\n".to_owned();
    let blocks = &called.blocks;
    for (number, block) in blocks.iter().enumerate() {
        let Some(block) = block else { continue };
        // What stands last is the module's variable.
        let earlier = |from: usize| match from {
            from if from < number => id(blocks, from),
            _ => Some("var.v".to_owned()),
        };
        let triggers = |from: usize| (from < number && id(blocks, from).is_some()).then(|| self::name(from));
        write_block(number, block, (&earlier, &triggers), &mut own);
    }
    let mut all: Vec<_> = (0..blocks.len()).filter_map(|number| id(blocks, number)).collect();
    let mut inner_files = String::new();
    if let Some(inner) = &called.inner {
        let seen = |from: usize| id(blocks, from);
        write_call("inner", &format!("{path}/inner"), inner, &seen, (&mut own, &mut inner_files));
        all.push(outputs("inner", &inner.repeat));
    }
    writeln!(own, "output \"o\" {{\n  value = [{}]\n}}", all.join(", ")).unwrap();
    write!(files, "\n== {path}/main.tf\n{own}{inner_files}").unwrap();
}
