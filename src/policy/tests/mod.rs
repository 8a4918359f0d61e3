//! The gate, seen from outside: the policies that we ship, the defects that others had, and what a broken policy does.
use super::*;

#[test]
fn smoke() {
    let mut engine = regorus::Engine::new();
    for f in ["model-governance.rego", "model-governance_test.rego"] {
        engine.add_policy(f.to_owned(), std::fs::read_to_string(format!("policies/{f}")).unwrap()).unwrap();
    }
    engine.add_data(regorus::Value::from_yaml_str(&std::fs::read_to_string("policies/data.yaml").unwrap()).unwrap()).unwrap();
    let text = std::fs::read_to_string("policies/model-governance_test.rego").unwrap();
    for line in text.lines().filter(|l| l.starts_with("test_")) {
        let name = line.split([' ', '(']).next().unwrap();
        match engine.eval_rule(format!("data.model.governance_test.{name}")) {
            Ok(v) if v == regorus::Value::from(true) => {}
            other => eprintln!("{name}: {other:?}"),
        }
    }
    let mut engine = regorus::Engine::new();
    engine.add_policy("t".to_owned(), std::fs::read_to_string("/tmp/t.rego").unwrap()).unwrap();
    engine.set_input_json(r#"{"e":{"x":1}}"#).unwrap();
    eprintln!("{:?}", engine.eval_query("data.t".to_owned(), false).unwrap().result[0].expressions[0].value.to_json_str());
}
