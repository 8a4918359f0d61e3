use super::{Relocated, relocate};
use crate::diag::{SourceMap, Style, render};
use crate::graph::ModuleTree;
use crate::lang::load::{LoadRequest, Root, Unwritten, load};
use crate::lang::scope::Nowhere;
use mlo_state::{Object, Snapshot, Status};
use std::collections::BTreeMap;

/// A configuration: `main.tf`, and more files after lines `== name`.
fn with_tree<T>(text: &str, look: impl FnOnce(&ModuleTree<'_>) -> T) -> T {
    let text = format!("\n== main.tf\n{text}");
    let files = text.split("\n== ").skip(1).map(|file| file.split_once('\n').unwrap());
    let files: BTreeMap<_, _> = files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let mut sources = SourceMap::new();
    let root = Root::Memory(&files);
    let request = LoadRequest {
        root,
        builtin: &|_| None,
        builtin_names: &[],
        version: "0.1.0",
        elsewhere: &Nowhere,
        unwritten: Unwritten::Nothing,
    };
    let (module, messages) = load(&request, &mut sources);
    let all: Vec<_> = messages.iter().map(|each| render(each, &sources, Style::Plain)).collect();
    look(&ModuleTree::new(&module.unwrap_or_else(|| panic!("{}", all.join("\n")))))
}

fn object(dependencies: &[&str]) -> Object {
    Object {
        provider: "fake".into(),
        schema_version: 0,
        attributes: serde_json::Map::new(),
        sensitive: Vec::new(),
        dependencies: dependencies.iter().map(|block| block.parse().unwrap()).collect(),
        status: Status::Ready,
        token: String::new(),
        handle: None,
    }
}

fn state(addresses: &[&str]) -> Snapshot {
    let mut snapshot = Snapshot::empty("lab");
    for address in addresses {
        snapshot.objects.insert(address.parse().unwrap(), object(&[]));
    }
    snapshot
}

/// `old -> new` for each object that moves, and the first line of each message.
fn moved(text: &str, addresses: &[&str]) -> Vec<String> {
    with_tree(text, |tree| {
        let snapshot = state(addresses);
        let Relocated { snapshot: now, moves, messages } = relocate(tree, &snapshot, None);
        assert_eq!(now.objects.len(), snapshot.objects.len(), "no object is lost");
        let moves = moves.iter().map(|one| format!("{} -> {}", one.from, one.to));
        moves.chain(messages.iter().map(|message| message.summary.clone())).collect()
    })
}

#[test]
fn blocks_instances_and_modules_move() {
    let child = "\n== m/main.tf\nresource \"t_t\" \"x\" {}\n";
    for (text, addresses, expected) in [
        // A block takes all its instances along.
        (
            "resource \"t_t\" \"b\" { for_each = {} }\nmoved {\n from = t_t.a\n to = t_t.b\n}",
            &["t_t.a[\"x\"]", "t_t.a[\"y\"]", "t_t.c"][..],
            &["t_t.a[\"x\"] -> t_t.b[\"x\"]", "t_t.a[\"y\"] -> t_t.b[\"y\"]"][..],
        ),
        // Into and out of `for_each` and `count`.
        (
            "resource \"t_t\" \"a\" { for_each = {} }\nmoved {\n from = t_t.a\n to = t_t.a[\"k\"]\n}",
            &["t_t.a", "t_t.a[\"z\"]"],
            &["t_t.a -> t_t.a[\"k\"]"],
        ),
        (
            "resource \"t_t\" \"a\" { count = 2 }\nmoved {\n from = t_t.a[\"k\"]\n to = t_t.a[1]\n}",
            &["t_t.a[\"k\"]"],
            &["t_t.a[\"k\"] -> t_t.a[1]"],
        ),
        // Chains, in whatever order they are written.
        (
            "moved {\n from = t_t.b\n to = t_t.c\n}\nmoved {\n from = t_t.a\n to = t_t.b\n}",
            &["t_t.a"],
            &["t_t.a -> t_t.c"],
        ),
        // A module, all its instances, or one.
        (
            &format!(
                "module \"n\" {{\n source = \"./m\"\n for_each = {{}}\n}}\nmoved {{\n from = module.m\n to = module.n\n}}{child}"
            ),
            &["module.m[\"a\"].t_t.x", "module.m[\"b\"].module.q.t_t.y[0]"],
            &[
                "module.m[\"a\"].t_t.x -> module.n[\"a\"].t_t.x",
                "module.m[\"b\"].module.q.t_t.y[0] -> module.n[\"b\"].module.q.t_t.y[0]",
            ],
        ),
        (
            &format!(
                "module \"m\" {{\n source = \"./m\"\n for_each = {{}}\n}}\nmoved {{\n from = module.m\n to = module.m[\"k\"]\n}}{child}"
            ),
            &["module.m.t_t.x", "module.m[0].t_t.x"],
            &["module.m.t_t.x -> module.m[\"k\"].t_t.x"],
        ),
        // Into a module, and then with the module.
        (
            &format!(
                "module \"n\" {{\n source = \"./m\"\n}}\nmoved {{\n from = t_t.x\n to = module.m.t_t.x\n}}\nmoved {{\n from = module.m\n to = module.n\n}}{child}"
            ),
            &["t_t.x"],
            &["t_t.x -> module.n.t_t.x"],
        ),
        // What is said of a block counts before what is said of its module.
        (
            &format!(
                "module \"n\" {{\n source = \"./m\"\n}}\nmoved {{\n from = module.m\n to = module.n\n}}\nmoved {{\n from = module.m.t_t.x\n to = t_t.y\n}}{child}"
            ),
            &["module.m.t_t.x", "module.m.t_t.z"],
            &["module.m.t_t.x -> t_t.y", "module.m.t_t.z -> module.n.t_t.z"],
        ),
        // A module's own blocks hold in each of its instances.
        (
            &format!(
                "module \"m\" {{\n source = \"./m\"\n count = 2\n}}{child}moved {{\n from = t_t.w\n to = t_t.x\n}}\n"
            ),
            &["module.m[0].t_t.w", "module.m[1].t_t.w", "t_t.w"],
            &["module.m[0].t_t.w -> module.m[0].t_t.x", "module.m[1].t_t.w -> module.m[1].t_t.x"],
        ),
        // `count` alone.
        ("resource \"t_t\" \"a\" { count = 2 }", &["t_t.a"], &["t_t.a -> t_t.a[0]"]),
        ("resource \"t_t\" \"a\" {}", &["t_t.a[0]", "t_t.a[1]"], &["t_t.a[0] -> t_t.a"]),
        ("resource \"t_t\" \"a\" {}", &["t_t.a", "t_t.a[0]"], &[]),
        ("resource \"t_t\" \"a\" { for_each = {} }", &["t_t.a"], &[]),
        // What is said counts before what `count` alone would do.
        (
            "resource \"t_t\" \"a\" {}\nmoved {\n from = t_t.a[1]\n to = t_t.a\n}",
            &["t_t.a[0]", "t_t.a[1]"],
            &["t_t.a[1] -> t_t.a"],
        ),
        // The nearer of two that end at one address; the other stays.
        (
            "resource \"t_t\" \"a\" { count = 2 }\nmoved {\n from = t_t.a[0]\n to = t_t.b\n}\nmoved {\n from = t_t.a[1]\n to = t_t.a[0]\n}",
            &["t_t.a[0]", "t_t.a[1]"],
            &["t_t.a[0] -> t_t.b"],
        ),
    ] {
        let moves = moved(text, addresses);
        let (moves, rest): (Vec<_>, Vec<_>) = moves.into_iter().partition(|line| line.contains(" -> "));
        assert_eq!(moves, expected, "{text}\n{rest:?}");
    }
}

#[test]
fn what_is_taken_stays_taken_and_is_told() {
    let moves = "moved {\n from = t_t.a\n to = t_t.b\n}\nmoved {\n from = t_t.z\n to = t_t.a\n}";
    assert_eq!(
        moved(moves, &["t_t.a", "t_t.b"]),
        ["not moved, because another object is there: t_t.a to t_t.b"]
    );
    // `z` follows both blocks; the nearer object has its end, and the other stays.
    assert_eq!(
        moved(moves, &["t_t.a", "t_t.z"]),
        ["t_t.a -> t_t.b", "not moved, because another object is there: t_t.z to t_t.b"]
    );
}

#[test]
fn what_contradicts_is_refused() {
    for (text, expected) in [
        (
            "moved {\n from = t_t.a\n to = t_t.b\n}\nmoved {\n from = t_t.b\n to = t_t.a\n}",
            "`moved` blocks lead in a circle: t_t.a → t_t.b → t_t.a",
        ),
        (
            "moved {\n from = t_t.a\n to = t_t.c\n}\nmoved {\n from = t_t.b\n to = t_t.c\n}",
            "t_t.a and t_t.b are both moved to t_t.c",
        ),
        (
            "module \"m\" {\n source = \"./m\"\n}\nmoved {\n from = module.m.t_t.a\n to = t_t.c\n}\n== m/main.tf\nmoved {\n from = t_t.a\n to = t_t.b\n}",
            "module.m.t_t.a is moved to two addresses: t_t.c and module.m.t_t.b",
        ),
        ("moved {\n from = t_t.a\n to = u_u.a\n}", "an object of type `t_t` cannot become one of type `u_u`"),
        (
            "resource \"t_t\" \"a\" {}\nmoved {\n from = t_t.a\n to = t_t.b\n}",
            "t_t.a has moved, and is still in the configuration",
        ),
    ] {
        assert_eq!(moved(text, &[]), [expected]);
    }
    assert_eq!(moved("moved {\n from = mlo_data.a\n to = terraform_data.a\n}", &[]), [""; 0]);
}

#[test]
fn what_was_made_from_a_block_is_made_from_it_under_its_new_name() {
    let text = "moved {\n from = t_t.a[0]\n to = t_t.b\n}";
    with_tree(text, |tree| {
        for (more, expected) in [(None, "[t_t.b]"), (Some("t_t.a[1]"), "[t_t.a, t_t.b]")] {
            let mut snapshot = state(&["t_t.a[0]"]);
            snapshot.objects.extend(more.map(|more| (more.parse().unwrap(), object(&[]))));
            snapshot.objects.insert("t_t.z".parse().unwrap(), object(&["t_t.a"]));
            let now = relocate(tree, &snapshot, None).snapshot.into_owned();
            let names: Vec<_> =
                now.objects[&"t_t.z".parse().unwrap()].dependencies.iter().map(ToString::to_string).collect();
            assert_eq!(format!("[{}]", names.join(", ")), expected);
        }
    });
}

#[test]
fn ten_thousand_objects_follow_a_thousand_blocks_in_time() {
    let chain = (0..1000).map(|at| format!("moved {{\n from = t_t.a{at}\n to = t_t.b{at}\n}}\n"));
    let addresses: Vec<_> =
        (0..1000).flat_map(|at| (0..10).map(move |key| format!("t_t.a{at}[{key}]"))).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    assert_eq!(moved(&chain.collect::<String>(), &addresses).len(), 10_000);
}
