//! Override files: what they say goes into the blocks of the other files, as Terraform merges them.
//!
//! Arguments replace arguments of the same name; blocks in a block replace all of their kind, but `lifecycle` goes in
//! argument by argument; `locals` go in one by one.

use super::arguments::plain_text;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::syntax::ast::{Attribute, Block, Body, Item};
use crate::lang::syntax::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one block of an override file is merged into: its kind, its labels, and the alias of a provider.
type Key = (Arc<str>, Vec<Arc<str>>, Option<Arc<str>>);
/// Where a block or an argument of `locals` is: file, item, and argument in it.
type Place = (usize, usize);

/// Merges override files, in their order, into the other files of a module.
///
/// `whole`: all of them could be read, so that what is not in `bodies` is not there.
pub(super) fn merge(
    bodies: &mut Vec<Body>,
    overrides: Vec<Body>,
    whole: bool,
    diagnostics: &mut Diagnostics,
) {
    if overrides.is_empty() {
        return;
    }
    let mut merger = Merger::new(bodies, whole, diagnostics);
    let mut added = Vec::new();
    for body in overrides {
        for item in body.items {
            match item {
                // Arguments outside of blocks are errors wherever they stand.
                Item::Attribute(_) => added.push(item),
                Item::Block(block) => added.extend(merger.block(block).map(Item::Block)),
            }
        }
    }
    if let Some(first) = bodies.first_mut() {
        first.items.extend(added);
    } else if let Some(span) = added.first().map(item_span) {
        bodies.push(Body { items: added, span });
    }
}

fn item_span(item: &Item) -> Span {
    match item {
        Item::Attribute(attribute) => attribute.span,
        Item::Block(block) => block.span,
    }
}

struct Merger<'a> {
    bodies: &'a mut Vec<Body>,
    whole: bool,
    diagnostics: &'a mut Diagnostics,
    /// The first block of each name.
    blocks: BTreeMap<Key, Place>,
    /// The first block with each local.
    locals: BTreeMap<Arc<str>, Place>,
    /// `mlo` and `terraform` blocks.
    settings: Vec<Place>,
}

impl<'a> Merger<'a> {
    fn new(bodies: &'a mut Vec<Body>, whole: bool, diagnostics: &'a mut Diagnostics) -> Self {
        let (mut blocks, mut locals, mut settings) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (file, body) in bodies.iter().enumerate() {
            for (at, item) in body.items.iter().enumerate() {
                let Item::Block(block) = item else { continue };
                match block.kind.name.as_ref() {
                    "locals" => {
                        for local in block.body.attributes() {
                            locals.entry(local.name.name.clone()).or_insert((file, at));
                        }
                    }
                    "mlo" | "terraform" => settings.push((file, at)),
                    _ => drop(blocks.entry(key(block)).or_insert((file, at))),
                }
            }
        }
        Self { bodies, whole, diagnostics, blocks, locals, settings }
    }

    fn at(&mut self, (file, at): Place) -> Option<&mut Block> {
        match self.bodies.get_mut(file)?.items.get_mut(at)? {
            Item::Block(block) => Some(block),
            Item::Attribute(_) => None,
        }
    }

    /// Merges one block; gives it back if it is a block of its own.
    fn block(&mut self, block: Block) -> Option<Block> {
        match block.kind.name.as_ref() {
            "locals" => {
                self.locals(block);
                None
            }
            "mlo" | "terraform" => {
                self.settings(&block);
                Some(block)
            }
            "variable" | "output" | "module" | "resource" | "data" | "provider" => self.named(block),
            kind @ ("moved" | "import" | "removed" | "check" | "environment") => {
                let error = refused(&format!("a `{kind}` block in an override file"), block.header);
                self.diagnostics.push(error.help("write it in another file"));
                None
            }
            _ => Some(block),
        }
    }

    fn named(&mut self, mut block: Block) -> Option<Block> {
        let Some(place) = self.blocks.get(&key(&block)).copied() else {
            // An absent configuration of a provider stands for an empty one.
            if block.kind.name.as_ref() == "provider" && key(&block).2.is_none() {
                return Some(block);
            }
            if self.whole {
                self.diagnostics.push(missing(&what(&block), block.header));
            }
            return None;
        };
        resolve(&mut block, &["lifecycle", "validation", "precondition"], self.diagnostics);
        self.refuse_parts(&mut block);
        let items = std::mem::take(&mut block.body.items);
        let mut messages = Diagnostics::new();
        if let Some(base) = self.at(place) {
            resolve(base, &["lifecycle"], &mut messages);
            merge_items(&mut base.body.items, items);
        }
        self.diagnostics.extend(messages);
        None
    }

    /// Takes out what an override cannot change.
    fn refuse_parts(&mut self, block: &mut Block) {
        let mut found = Vec::new();
        refuse_in(&mut block.body.items, &mut found);
        for item in &mut block.body.items {
            if let Item::Block(inner) = item
                && inner.kind.name.as_ref() == "lifecycle"
            {
                resolve(inner, &["precondition", "postcondition"], self.diagnostics);
                refuse_in(&mut inner.body.items, &mut found);
            }
        }
        for (name, span) in found {
            self.diagnostics.push(refused(&format!("`{name}` in an override file"), span));
        }
    }

    fn locals(&mut self, block: Block) {
        for item in block.body.items {
            let Item::Attribute(local) = item else { continue };
            let name = local.name.name.clone();
            match self.locals.get(&name).copied() {
                Some(place) => {
                    if let Some(base) = self.at(place) {
                        merge_items(&mut base.body.items, vec![Item::Attribute(local)]);
                    }
                }
                None if self.whole => {
                    self.diagnostics.push(missing(&format!("local `{name}`"), local.name.span));
                }
                None => {}
            }
        }
    }

    /// What the override sets is taken out of the other blocks of this kind; the override's block is read beside them.
    fn settings(&mut self, block: &Block) {
        let mut resolved = block.clone();
        let parts = &["required_providers", "state", "backend"];
        resolve(&mut resolved, parts, &mut Diagnostics::new());
        let names: BTreeSet<_> = resolved.body.attributes().map(|it| it.name.name.clone()).collect();
        let of_providers = |block: &Block| -> Vec<Arc<str>> {
            let providers = block.body.blocks().filter(|it| it.kind.name.as_ref() == "required_providers");
            providers
                .flat_map(|it| it.body.attributes().map(|it| it.name.name.clone()).collect::<Vec<_>>())
                .collect()
        };
        let providers: BTreeSet<_> = of_providers(&resolved).into_iter().collect();
        let is_place = |block: &Block| matches!(block.kind.name.as_ref(), "state" | "backend" | "cloud");
        let sets_keys = resolved.body.blocks().any(|it| it.kind.name.as_ref() == "encryption");
        let sets_place = resolved.body.blocks().any(is_place);
        for place in self.settings.clone() {
            let mut messages = Diagnostics::new();
            let Some(base) = self.at(place) else { continue };
            resolve(base, parts, &mut messages);
            base.body.items.retain_mut(|item| match item {
                Item::Attribute(attribute) => !names.contains(&attribute.name.name),
                Item::Block(inner) => {
                    if inner.kind.name.as_ref() == "required_providers" {
                        let is_kept = |item: &Item| match item {
                            Item::Attribute(entry) => !providers.contains(&entry.name.name),
                            Item::Block(_) => true,
                        };
                        inner.body.items.retain(is_kept);
                    }
                    let is_keys = inner.kind.name.as_ref() == "encryption";
                    !(sets_place && is_place(inner) || sets_keys && is_keys)
                }
            });
            self.diagnostics.extend(messages);
        }
    }
}

fn refuse_in(items: &mut Vec<Item>, found: &mut Vec<(String, Span)>) {
    items.retain(|item| {
        let (name, span) = match item {
            Item::Attribute(attribute) => (&attribute.name.name, attribute.name.span),
            Item::Block(block) => (&block.kind.name, block.header),
        };
        let refused = matches!(name.as_ref(), "depends_on" | "validation" | "precondition" | "postcondition");
        if refused {
            found.push((name.to_string(), span));
        }
        !refused
    });
}

/// Puts items in the place of those of the same name.
fn merge_items(base: &mut Vec<Item>, over: Vec<Item>) {
    let mut over: Vec<_> = over.into_iter().map(Some).collect();
    // `lifecycle` goes in argument by argument.
    for item in &mut over {
        if let Some(Item::Block(block)) = item
            && block.kind.name.as_ref() == "lifecycle"
            && let Some(inner) = base.iter_mut().find_map(|item| lifecycle(item))
            && let Some(Item::Block(block)) = item.take()
        {
            merge_items(&mut inner.body.items, block.body.items);
        }
    }
    let over: Vec<_> = over.into_iter().flatten().collect();
    let names: BTreeSet<_> = over.iter().map(name).cloned().collect();
    base.retain(|item| !names.contains(name(item)));
    base.extend(over);
}

fn lifecycle(item: &mut Item) -> Option<&mut Block> {
    match item {
        Item::Block(block) if block.kind.name.as_ref() == "lifecycle" => Some(block),
        _ => None,
    }
}

/// The argument's name, or the kind of a block; of a `dynamic` block, of those that it stands for.
fn name(item: &Item) -> &Arc<str> {
    match item {
        Item::Attribute(attribute) => &attribute.name.name,
        Item::Block(block) if block.kind.name.as_ref() == "dynamic" => {
            block.labels.first().map_or(&block.kind.name, |label| &label.name)
        }
        Item::Block(block) => &block.kind.name,
    }
}

/// Turns properties of JSON that are blocks of the language into blocks.
fn resolve(block: &mut Block, kinds: &[&str], diagnostics: &mut Diagnostics) {
    let is_it =
        |property: &Attribute| property.json.is_some() && kinds.contains(&property.name.name.as_ref());
    if !block.body.attributes().any(is_it) {
        return;
    }
    for item in std::mem::take(&mut block.body.items) {
        match item {
            Item::Attribute(property) if is_it(&property) => {
                let labels = usize::from(matches!(property.name.name.as_ref(), "state" | "backend"));
                let blocks = json::blocks(property, labels, diagnostics);
                block.body.items.extend(blocks.into_iter().map(Item::Block));
            }
            item => block.body.items.push(item),
        }
    }
}

fn key(block: &Block) -> Key {
    let alias = block.body.attributes().find(|it| it.name.name.as_ref() == "alias");
    let alias = alias.filter(|_| block.kind.name.as_ref() == "provider").and_then(|it| plain_text(&it.value));
    (block.kind.name.clone(), block.labels.iter().map(|label| label.name.clone()).collect(), alias)
}

fn what(block: &Block) -> String {
    let (kind, labels, alias) = key(block);
    let labels: Vec<_> = labels.iter().chain(&alias).map(AsRef::as_ref).collect();
    format!("{kind} `{}`", labels.join("."))
}

fn missing(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(code::lang::OVERRIDE, format!("there is no {what} to override"))
        .at(span, "declared in no other file")
        .help("write it in a file whose name does not end with `override`")
}

fn refused(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(code::lang::OVERRIDE, what).at(span, "this cannot be overridden")
}
