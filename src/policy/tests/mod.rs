//! The gate, seen from outside: the policies that we ship, the defects that others had, and what a broken policy does.
use super::*;

#[test]
fn smoke() {
    let bundle = Bundle::builtin().unwrap();
    let mut gate = Gate::new(&bundle, "dev").unwrap_or_else(|e| panic!("{e} {:?}", e));
    let text = std::fs::read_to_string("examples/iris/iris.yaml").unwrap();
    let manifest = super::gate::yaml_to_json(&text).unwrap();
    let s = Subject { name: "iris", manifest, place: &|_| None };
    eprintln!("{:#?}", gate.decide(&[s]));
    for (n, t) in [("dup", "a: 1\na: 2\n"), ("alias", "a: &x 1\nb: *x\n"), ("nan", "a: .nan\n"), ("empty", "# x\n")] {
        eprintln!("{n} {:?}", super::gate::yaml_to_json(t));
    }
}
