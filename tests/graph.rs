//! `mlo graph`: what depends on what, as DOT and as a picture.

use crate::support::Project;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const ROOT: &str = r#"
variable "n" { default = 2 }
provider "local" {}
resource "mlo_data" "a" {
  input = var.n
}
module "m" {
  source = "./m"
  count  = mlo_data.a.input
  text   = "<&\">"
}
resource "mlo_data" "b" {
  for_each   = { "<&\">" = 1 }
  input      = module.m[0].id
  depends_on = [module.m]
}
resource "local_file" "f" {
  filename = "f"
  content  = mlo_data.b["<&\">"].output
}
check "c" {
  assert {
    condition     = mlo_data.a.input == 2
    error_message = "no"
  }
}
"#;
const MODULE: &str = r#"
variable "text" {}
resource "mlo_data" "inner" {
  input = var.text
}
output "id" { value = mlo_data.inner.id }
"#;

fn project() -> Project {
    Project::with(&[("main.hcl", ROOT), ("m/main.hcl", MODULE)])
}

/// The lines of an edge, sorted, without their indent.
fn edges(dot: &str) -> Vec<&str> {
    let mut edges: Vec<_> = dot
        .lines()
        .filter(|line| line.contains(" -> "))
        .map(|line| line.trim().trim_end_matches(';'))
        .collect();
    edges.sort_unstable();
    edges
}

/// The names of a picture's elements, their nesting checked; every entity is one of XML's own.
fn elements(svg: &str) -> Vec<&str> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{piece}");
        } else {
            assert_eq!(tag.matches('"').count() % 2, 0, "{piece}");
            all.push(name);
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        for entity in text.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;"].iter().any(|known| entity.starts_with(known)), "{piece}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

#[test]
fn the_graph_of_a_configuration_has_its_references() {
    let project = project();
    let dot = project.ok(&["graph"]).out;
    assert!(dot.starts_with("digraph G {\n") && dot.ends_with("}\n"), "{dot}");
    let wanted = [
        r#""check.c" -> "mlo_data.a""#,
        r#""local_file.f" -> "mlo_data.b""#,
        r#""local_file.f" -> "provider.local""#,
        r#""mlo_data.a" -> "provider.mlo""#,
        r#""mlo_data.a" -> "var.n""#,
        r#""mlo_data.b" -> "module.m (close)""#,
        r#""mlo_data.b" -> "module.m (expand)""#,
        r#""mlo_data.b" -> "module.m.output.id""#,
        r#""mlo_data.b" -> "provider.mlo""#,
        r#""module.m (close)" -> "module.m (expand)""#,
        r#""module.m (close)" -> "module.m.mlo_data.inner""#,
        r#""module.m (close)" -> "module.m.output.id""#,
        r#""module.m (expand)" -> "mlo_data.a""#,
        r#""module.m.mlo_data.inner" -> "module.m (expand)""#,
        r#""module.m.mlo_data.inner" -> "module.m.var.text""#,
        r#""module.m.mlo_data.inner" -> "provider.mlo""#,
        r#""module.m.output.id" -> "module.m (expand)""#,
        r#""module.m.output.id" -> "module.m.mlo_data.inner""#,
        r#""module.m.var.text" -> "module.m (expand)""#,
    ];
    assert_eq!(edges(&dot), wanted);
    // A plan also walks where modules begin and end.
    let walked = project.ok(&["graph", "--type", "plan"]).out;
    assert!(wanted.iter().all(|edge| edges(&walked).contains(edge)), "{walked}");
    assert!(walked.contains(r#""mlo_data.a" -> "the root module (expand)""#), "{walked}");
}

#[test]
fn where_modules_begin_and_end_is_drawn_only_if_a_reference_leads_over_it() {
    let call = |name: &str, more: &str| format!("module \"{name}\" {{\n  source = \"./m\"\n{more}}}\n");
    let root = call("a", "") + &call("b", "  depends_on = [module.a]\n") + &call("c", "");
    let project =
        Project::with(&[("main.hcl", root.as_str()), ("m/main.hcl", "resource \"mlo_data\" \"x\" {}\n")]);
    let dot = project.ok(&["graph"]).out;
    assert_eq!(
        edges(&dot),
        [
            r#""module.a (close)" -> "module.a.mlo_data.x""#,
            r#""module.a.mlo_data.x" -> "provider.mlo""#,
            r#""module.b (expand)" -> "module.a (close)""#,
            r#""module.b.mlo_data.x" -> "module.b (expand)""#,
            r#""module.b.mlo_data.x" -> "provider.mlo""#,
            r#""module.c.mlo_data.x" -> "provider.mlo""#,
        ]
    );
}

#[test]
fn the_steps_of_an_apply_are_drawn_by_instance_with_names_escaped() {
    let project = project();
    let dot = project.ok(&["graph", "--type", "apply"]).out;
    for step in [
        r#"  "create mlo_data.a";"#,
        r#"  "create module.m[1].mlo_data.inner";"#,
        r#"  "create mlo_data.b[\"<&\\\">\"]";"#,
        r#"  "create local_file.f";"#,
    ] {
        assert!(dot.lines().any(|line| line == step), "{step}: {dot}");
    }
    assert!(!edges(&dot).is_empty());
    let svg = project.ok(&["graph", "--type", "apply", "--format", "svg"]).out;
    assert!(svg.contains(r#">create mlo_data.b["&lt;&amp;\"&gt;"]</text>"#), "{svg}");
    elements(&svg);
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.hcl", "resource \"mlo_data\" \"a\" {\n  input = 3\n}\n");
    let dot = project.ok(&["graph", "--type", "apply"]).out;
    assert!(dot.contains(r#""update mlo_data.a""#) && dot.contains(r#""destroy local_file.f""#), "{dot}");
    // It only looks.
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(2);
}

#[test]
fn the_steps_of_a_destroy_and_of_a_saved_plan_are_drawn() {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"n\" { default = 1 }\nresource \"mlo_data\" \"a\" { input = var.n }\nresource \"mlo_data\" \"b\" { input = mlo_data.a.output }\n",
    )]);
    project.ok(&["plan", "--out", "p.plan", "--var", "n=2"]);
    let saved = project.ok(&["graph", "--plan", "p.plan"]).out;
    assert_eq!(saved, project.ok(&["graph", "--type", "apply", "--var", "n=2"]).out);
    assert!(saved.contains("  \"create mlo_data.b\";\n"), "{saved}");
    project.mlo(&["graph", "--plan", "p.plan", "--type", "plan"]).ends_with(1).has(&["cannot be used"]);
    project.ok(&["apply", "p.plan"]);
    project.mlo(&["graph", "--plan", "p.plan"]).ends_with(4).has(&["MLO3041", "is stale"]);

    let dot = project.ok(&["graph", "--type", "plan-destroy"]).out;
    assert!(edges(&dot).contains(&r#""destroy mlo_data.a" -> "destroy mlo_data.b""#), "{dot}");
    project.ok(&["plan", "--destroy", "--out", "d.plan"]);
    assert_eq!(project.ok(&["graph", "--plan", "d.plan"]).out, dot);
    elements(&project.ok(&["graph", "--plan", "d.plan", "--format", "svg"]).out);
    // It only looks.
    assert_eq!(project.ok(&["state", "list"]).out.lines().count(), 2);
}

#[test]
fn a_picture_is_whole_and_has_each_block() {
    let project = project();
    let svg = project.ok(&["graph", "--format", "svg"]).out;
    let dot = project.ok(&["graph"]).out;
    let all = elements(&svg);
    assert_eq!(all[0], "svg");
    let nodes = dot.lines().filter(|line| line.starts_with("  \"") && !line.contains("->"));
    let names: Vec<_> = nodes.map(|line| line.split('"').nth(1).unwrap()).collect();
    assert!(names.len() > 10 && names.contains(&"module.m.mlo_data.inner"), "{names:?}");
    for name in &names {
        assert!(svg.contains(&format!(">{name}</text>")), "{name}: {svg}");
    }
    let count = |name: &str| all.iter().filter(|element| **element == name).count();
    assert_eq!(count("text"), names.len());
    assert_eq!(svg.matches("marker-end=").count(), edges(&dot).len());
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let circle = "locals {\n  a = local.b\n  b = local.a\n}\n";
    let project = Project::with(&[("main.hcl", circle)]);
    let said = project.mlo(&["graph"]);
    said.ends_with(1).has(&["in a circle: local.a → local.b → local.a", "main.hcl:2"]);
    assert_eq!(said.out, "");
    let project = Project::with(&[("main.hcl", "resource \"mlo_data\" \"a\" {\n")]);
    project.mlo(&["graph", "--type", "apply"]).ends_with(1).has(&["main.hcl"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn ten_thousand_blocks_are_drawn_in_time() {
    let mut root = String::new();
    for number in 0..10_000 {
        let input =
            if number == 0 { "0".to_owned() } else { format!("mlo_data.b{}.output", (number - 1) / 2) };
        let _ = write!(root, "resource \"mlo_data\" \"b{number}\" {{\n  input = {input}\n}}\n");
    }
    let project = Project::with(&[("main.hcl", root.as_str())]);
    for (options, what) in
        [(["--format", "dot"], "->"), (["--format", "svg"], "</text>"), (["--type", "apply"], "->")]
    {
        let begin = Instant::now();
        let out = project.ok(&[&["graph"][..], &options].concat()).out;
        assert!(out.matches(what).count() >= 9_999, "{options:?}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{options:?}: {:?}", begin.elapsed());
    }
}
