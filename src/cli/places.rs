//! Where in the user's files something stands that a policy speaks of.
//!
//! Goes in: an address and a path in its object, such as `spec[0].template[0].spec[0].container[1].image`. Comes out: the
//! argument, or the nearest block around it; of what stands in somebody else's module, the place that calls it. Never happens:
//! a place in a file that is not the project's own.

use crate::diag::{SourceMap, Span};
use crate::lang::config::{Module, ResourceKey};
use crate::lang::syntax::ast::{Body, Expr, ExprKind};
use crate::manifest::{Manifest, Manifests};
use mlo_state::Address;

/// Whether a source is one of the project's own, going by its name: what is fetched, or comes with the program, has an address.
pub(super) fn is_own(name: &str) -> bool {
    !name.contains("//")
}

/// The place of a path in an object of a configuration, or in a model, which has its manifest's name.
pub(super) fn place(
    (address, path): (&str, &str),
    config: &Module,
    (manifests, sources): (&Manifests, &SourceMap),
) -> Option<Span> {
    if let Some(manifest) = manifests.get(address) {
        return Some(manifest.span_of(path));
    }
    let is_own = |span: Span| is_own(&sources.get(span.source).name);
    let parsed: Address = address.parse().ok()?;
    let (mut module, mut caller) = (config, None);
    for step in parsed.module.block() {
        let call = module.calls.get(&step)?;
        caller = Some(call.span).filter(|span| is_own(*span)).or(caller);
        module = &call.module;
    }
    let Address { mode, type_name, name, .. } = parsed;
    let resource = module.resources.get(&ResourceKey { mode, type_name, name })?;
    if is_own(resource.span) {
        let steps: Vec<_> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
        return Some(within(&resource.body, &steps).unwrap_or(resource.span));
    }
    let about = |manifest: &&Manifest| address.contains(&format!("[\"{}\"]", manifest.name()));
    let manifest = manifests.iter().find(about).map(|manifest| manifest.span_of("spec.model"));
    manifest.or(caller)
}

/// The place of a path in the body of a block.
fn within(body: &Body, steps: &[&str]) -> Option<Span> {
    let (first, rest) = steps.split_first()?;
    if let Some(attribute) = body.attributes().find(|attribute| &*attribute.name.name == *first) {
        return Some(inside(&attribute.value, rest));
    }
    // Of a list of one the position may be left out.
    let position = rest.first().and_then(|step| step.parse::<usize>().ok());
    let rest = if position.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
    let named = || body.blocks().filter(|block| &*block.kind.name == *first);
    let block = named().nth(position.unwrap_or(0)).or_else(|| named().next());
    if let Some(block) = block {
        return Some(within(&block.body, rest).unwrap_or(block.kind.span));
    }
    let is_made = |label: &str| label == *first;
    let dynamic = body.blocks().filter(|block| &*block.kind.name == "dynamic");
    let mut dynamic = dynamic.filter(|block| block.labels.first().is_some_and(|label| is_made(&label.name)));
    dynamic.next().map(|block| block.kind.span)
}

/// The place of a path in an expression, as far as it spells out what the path leads through.
fn inside(expression: &Expr, steps: &[&str]) -> Span {
    let Some((first, rest)) = steps.split_first() else { return expression.span };
    let part = match &expression.kind {
        ExprKind::Paren(inner) => return inside(inner, steps),
        ExprKind::Tuple(items) => first.parse::<usize>().ok().and_then(|index| items.get(index)),
        ExprKind::Object(entries) => {
            let is_it = |key: &Expr| match &key.kind {
                ExprKind::Name(name) | ExprKind::String(name) => **name == **first,
                _ => false,
            };
            entries.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
        }
        _ => None,
    };
    part.map_or(expression.span, |part| inside(part, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::syntax::parse;

    #[test]
    fn a_path_leads_through_blocks_and_through_what_is_spelt_out() {
        let text = "spec {\n  replicas = 1\n  container {\n    name = \"a\"\n  }\n  container {\n    image = \"m:1\"\n  }\n}\n\
                    manifest = {\n  kind = \"Pod\"\n  \"spec\" = ({ containers = [{ image = \"a\" }, { image = \"b\" }] })\n}\n\
                    computed = local.x\ndynamic \"volume\" {\n  for_each = []\n}\n";
        let mut sources = SourceMap::new();
        let source = sources.add("main.hcl", text);
        let parsed = parse(source, text);
        for (path, expected) in [
            ("spec[0].container[1].image", Some("\"m:1\"")),
            ("spec.container[1].image", Some("\"m:1\"")),
            ("spec[0].container[0].image", Some("container")),
            ("spec[0].replicas", Some("1")),
            ("spec[0].gone", Some("spec")),
            ("manifest.spec.containers[1].image", Some("\"b\"")),
            ("manifest.spec.containers[7].image", Some("[{ image = \"a\" }, { image = \"b\" }]")),
            ("manifest.kind.further", Some("\"Pod\"")),
            ("computed.a.b", Some("local.x")),
            ("volume[0].host_path", Some("dynamic")),
            ("gone", None),
            ("", None),
        ] {
            let steps: Vec<_> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
            let span = within(&parsed.file.body, &steps);
            let found = span.map(|span| &text[span.start as usize..span.end as usize]);
            assert_eq!(found, expected, "{path}");
        }
    }
}
