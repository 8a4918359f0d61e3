//! `mlo state import-terraform`: what Terraform keeps comes into a state of ours, and nothing else does.

use crate::support::{Project, fed};
use serde_json::{Value, json};

/// A configuration that Terraform 1.11.4 applied, and the state that it wrote.
const CASE: &str = "tests/cases/terraform-state";
const TAKE: [&str; 4] = ["state", "import-terraform", "terraform.tfstate", "--auto-approve"];
/// The secrets of the case.
const SECRETS: [&str; 2] = ["correct-horse-battery", "not-the-same-secret"];

fn resource(type_name: &str, provider: &str, instances: &Value) -> Value {
    let provider = format!("provider[\"registry.terraform.io/{provider}\"]");
    json!({ "mode": "managed", "type": type_name, "name": "x", "provider": provider, "instances": instances })
}

/// A `terraform_data.x` of which one instance says `more` beside its attributes.
fn data(more: &Value) -> Value {
    let mut instance =
        json!({ "schema_version": 0, "attributes": { "id": "i", "input": null, "output": null } });
    instance.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut data = resource("terraform_data", "", &json!([instance]));
    data["provider"] = "provider[\"terraform.io/builtin/terraform\"]".into();
    data
}

fn state(resources: &Value) -> String {
    json!({ "version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l", "outputs": {}, "resources": resources })
        .to_string()
}

fn pulled(project: &Project) -> Value {
    serde_json::from_str(&project.ok(&["state", "pull"]).out).unwrap()
}

#[test]
fn after_a_state_of_terraform_is_taken_in_a_plan_has_no_changes() {
    let project = Project::copy_of(CASE);
    let said = project.ok(&TAKE);
    said.has_not(&SECRETS).has(&[
        "terraform.tfstate (Terraform 1.11.4, serial 17): 16 objects and 4 outputs to take in\n",
        "  terraform_data.counted[0]\n",
        "  terraform_data.named[\"us \\\"east\\\" $${x}\"]\n",
        "  module.regions[\"eu\"].terraform_data.inner[1]\n",
        "  output password (sensitive)\n",
    ]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]).has_not(&SECRETS);
    assert_eq!(project.ok(&["state", "list"]).out.lines().count(), 16);
    let secret = project.ok(&["state", "show", "terraform_data.secret"]);
    secret.has(&["user     = \"ada\"", "(sensitive value)"]).has_not(&SECRETS);
    project.ok(&["state", "show", "module.numbered[0].terraform_data.kept"]).has_not(&SECRETS);
    project.ok(&["output"]).has(&["us-1", "(sensitive"]).has_not(&SECRETS);
    assert_eq!(project.ok(&["output", "password", "--raw"]).out.trim(), SECRETS[0]);
    let state = pulled(&project);
    let kept = state["objects"].as_array().unwrap();
    let kept = kept.iter().find(|one| one["address"] == "module.numbered[0].terraform_data.kept").unwrap();
    let made_from =
        ["terraform_data.counted", "terraform_data.plain", "module.numbered.terraform_data.inner"];
    assert_eq!(kept["object"]["dependencies"], json!(made_from));
    // It is ours from now on: a change is one, and a second taking in is refused.
    project.edit("main.tf", "\"iris\"", "\"rose\"");
    project.ok(&["plan"]).has(&["Plan: 0 to add, 1 to change, 0 to destroy."]);
    project.mlo(&TAKE).ends_with(1).has(&["MLO6030", "it is not empty", "mlo state rm", "mlo state push"]);
    assert_eq!(pulled(&project), state);
    project.ok(&["destroy", "--auto-approve"]);
}

#[test]
fn a_file_that_terraform_made_is_the_same_file_here() {
    let main = "resource \"local_file\" \"x\" {\n  filename = \"${path.module}/a.txt\"\n  content = \"hello\"\n  file_permission = \"0644\"\n  directory_permission = \"0755\"\n}\n";
    let attributes = json!({
        "filename": "./a.txt", "content": "hello", "sensitive_content": null, "content_base64": null, "source": null,
        "file_permission": "0644", "directory_permission": "0755", "content_md5": "5d41402abc4b2a76b9719d911017c592",
        "id": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", "content_sha1": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "content_sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    });
    let mut old = attributes.clone();
    old.as_object_mut().unwrap().retain(|name, _| !name.starts_with("content_") || name == "content_base64");
    for attributes in [attributes, old] {
        let project = Project::with(&[("main.hcl", main), ("a.txt", "hello")]);
        let instances = json!([{ "schema_version": 0, "attributes": attributes }]);
        project.write(
            "terraform.tfstate",
            state(&json!([resource("local_file", "hashicorp/local", &instances)])),
        );
        project.ok(&TAKE).has(&["  local_file.x\n"]);
        project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
        project.write("a.txt", "theirs");
        project.ok(&["plan"]).has(&["Plan: 0 to add, 1 to change, 0 to destroy."]);
    }
}

#[test]
fn tainted_and_deposed_objects_are_what_they_were() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"x\" {}\n")]);
    let mut both = data(&json!({ "status": "tainted" }));
    let deposed = data(&json!({ "deposed": "00000001" }))["instances"][0].clone();
    both["instances"].as_array_mut().unwrap().push(deposed);
    let read = json!({ "mode": "data", "type": "aws_ami", "name": "a", "instances": [{ "attributes": {} }],
        "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]" });
    project.write("terraform.tfstate", state(&json!([both, read])));
    project.ok(&TAKE).has(&[
        "  terraform_data.x is tainted: the next apply replaces it\n",
        "  terraform_data.x (deposed 00000001): the next apply destroys it\n",
        "Left out:\n  data.aws_ami.a: every plan reads it again\n",
    ]);
    project.ok(&["plan"]).has(&["Plan: 1 to add, 0 to change, 2 to destroy."]);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn dependencies_are_those_of_objects_in_both_forms() {
    for (form, written) in [("dependencies", "module.m.terraform_data.y"), ("depends_on", "terraform_data.y")]
    {
        let project = Project::with(&[("main.hcl", "")]);
        let (mut x, mut y) = (
            data(&json!({ form: [written, "data.aws_ami.a", "module.m", "aws_vpc.gone"] })),
            data(&json!({})),
        );
        y["name"] = "y".into();
        x["module"] = "module.m[\"k\"]".into();
        y["module"] = x["module"].clone();
        project.write("terraform.tfstate", state(&json!([x, y])));
        project.ok(&TAKE);
        let objects = pulled(&project)["objects"].clone();
        assert_eq!(
            objects[0]["object"]["dependencies"],
            json!(["module.m.terraform_data.y"]),
            "{form}: {objects}"
        );
    }
}

#[test]
fn what_has_no_type_here_is_named_and_left_out_only_if_asked() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"x\" {}\n")]);
    let attributes = |more: Value| json!([{ "schema_version": 0, "attributes": more }]);
    let mut other =
        resource("local_file", "acme/local", &attributes(json!({ "filename": "a", "content": "a" })));
    other["module"] = "module.m[0]".into();
    let bucket = attributes(json!({ "bucket": "hunter2-hunter2" }));
    let newer = json!([{ "schema_version": 7, "attributes": { "filename": "b", "content": "b" } }]);
    let mut newer = resource("local_file", "hashicorp/local", &newer);
    newer["name"] = "newer".into();
    let x = data(&json!({ "dependencies": ["aws_s3_bucket.x"] }));
    project.write(
        "terraform.tfstate",
        state(&json!([resource("aws_s3_bucket", "hashicorp/aws", &bucket), other, newer, x])),
    );
    let reasons = [
        "aws_s3_bucket.x: there is no type `aws_s3_bucket` of `hashicorp/aws` here",
        "module.m[0].local_file.x: `local_file` of `acme/local` is another thing than the type of that name here",
        "local_file.newer: `local_file` of `hashicorp/local` is another thing",
    ];
    let refused = project.mlo(&TAKE);
    refused
        .ends_with(1)
        .has(&["MLO6030", "3 objects that cannot be taken in", "--skip-unknown"])
        .has(&reasons);
    refused.has_not(&["hunter2"]);
    project.ok(&["state", "list"]).has(&["There is no state yet"]);
    let taken = project.ok(&[&TAKE[..], &["--skip-unknown"]].concat());
    taken.has(&["Left out:\n"]).has(&reasons).has_not(&["hunter2"]);
    assert_eq!(project.ok(&["state", "list"]).out, "terraform_data.x\n");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn what_is_no_state_of_terraform_is_refused_and_nothing_is_changed() {
    let project = Project::with(&[("main.hcl", "")]);
    let deep = format!("{}0{}", "[".repeat(200), "]".repeat(200));
    let deep = state(&json!([data(&json!({ "private": null }))]))
        .replace("\"input\":null", &format!("\"input\":{deep}"));
    let good = state(&json!([data(&json!({}))]));
    let rows: &[(&str, &str)] = &[
        ("", "is empty"),
        ("resource \"a\" \"b\" {}", "is no state of Terraform: it is not understood at line 1, column 1"),
        ("[]", "is no state of Terraform"),
        ("{}", "is no state of Terraform: it has no version"),
        (&good[..good.len() / 2], "ends in the middle, at line 1, column"),
        (r#"{"version":5,"resources":[]}"#, "is of format version 5, and this program reads version 4"),
        (r#"{"version":3,"modules":[]}"#, "is of format version 3, of before Terraform 0.12"),
        (r#"{"format_version":"1.0","values":{}}"#, "`terraform state pull > terraform.tfstate`"),
        (r#"{"format_version":1,"mlo_version":"0.1.0"}"#, "`mlo state push`"),
        (r#"{"serial":1,"lineage":"l","encrypted_data":"aaaa"}"#, "is encrypted by OpenTofu"),
        (r#"{"version":4,"resources":[],"outputs":{}}"#, "there is nothing to take in"),
        (r#"{"version":4,"resources":"hunter2-hunter2"}"#, "is not as Terraform writes it at line 1, column"),
        (
            r#"{"version":4,"outputs":{"a":{"value":"hunter2-hunter2","type":"number"}}}"#,
            "output `a` is not of its type",
        ),
        (&deep, "nests too deep"),
        (&state(&json!([data(&json!({})), data(&json!({}))])), "terraform_data.x is there twice"),
        (&good.replace("\"x\"", "\"x y\""), "is not the address of a resource"),
        (&good.replace("\"id\":\"i\"", "\"id\":[\"hunter2-hunter2\"]"), "its attributes are not as here: "),
        (&good.replace("\"attributes\"", "\"attributes_flat\""), "as Terraform 0.11 did"),
        (&good.replace("\"provider[", "\"plugin["), "its provider is not understood"),
    ];
    for (text, said) in rows {
        project.write("terraform.tfstate", text);
        let refused = project.mlo(&TAKE);
        refused.ends_with(1).has(&["MLO6030", said]).has_not(&["hunter2"]);
    }
    let large = std::fs::File::create(project.path().join("terraform.tfstate")).unwrap();
    large.set_len(256 * 1024 * 1024 + 1).unwrap();
    project.mlo(&TAKE).ends_with(1).has(&["MLO6030", "is larger than 256 MiB"]);
    project.mlo(&["state", "import-terraform", "absent"]).ends_with(1).has(&["`absent` cannot be read"]);
    project.write("terraform.tfstate", &good);
    project.mlo(&TAKE[..3]).ends_with(1).has(&["terraform_data.x", "nobody can be asked", "--auto-approve"]);
    project.ok(&["state", "list"]).has(&["There is no state yet"]);
    fed(&mut project.command(&["state", "import-terraform", "-", "--auto-approve"]), &good).ends_with(0);
}
