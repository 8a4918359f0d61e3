use super::*;
use crate::provider::object::{empty, with};
use std::sync::Arc;

const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: one
  cluster: { server: "https://one.example:6443" }
- name: two
  cluster: { server: "https://two.example" }
users:
- name: me
  user: { token: hunter2 }
- name: cloud
  user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: get-token, args: [eks] } }
contexts:
- name: dev
  context: { cluster: one, user: me, namespace: team }
- name: prod
  context: { cluster: two, user: cloud }
"#;

fn configured(
    arguments: &[(&str, &str)],
    environment: &[(&str, &str)],
) -> Result<Option<Place>, ProviderError> {
    let given = arguments.iter().map(|(name, text)| (*name, Value::string(*text)));
    let config = with(&empty(&schema()), given);
    let environment: std::collections::BTreeMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Arc::new(move |name: &str| environment.get(name).cloned());
    let surroundings = Surroundings { environment, ..Surroundings::nowhere() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(place(&config, &surroundings))
}

fn host(place: &Place) -> String {
    place.config.cluster_url.to_string()
}

#[test]
fn arguments_come_before_files_and_files_before_the_pod() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let mut written = std::fs::File::create(&file).unwrap();
    std::io::Write::write_all(&mut written, KUBECONFIG.as_bytes()).unwrap();
    let file = file.display().to_string();
    let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("KUBERNETES_SERVICE_PORT", "443")];

    let found = configured(&[("host", "https://mine:6443"), ("token", "t")], &[("KUBECONFIG", &file)])
        .unwrap()
        .unwrap();
    assert_eq!(host(&found), "https://mine:6443/");
    let found = configured(&[], &[&[("KUBECONFIG", file.as_str())][..], &pod].concat()).unwrap().unwrap();
    assert_eq!((host(&found).as_str(), found.namespace.as_str()), ("https://one.example:6443/", "team"));
    let found = configured(&[("config_path", &file), ("config_context", "prod")], &[]).unwrap().unwrap();
    assert_eq!(
        (host(&found).as_str(), found.namespace.as_str(), found.exec.is_some()),
        ("https://two.example/", "default", true)
    );
    let found = configured(&[("config_path", &file), ("namespace", "other")], &[]).unwrap().unwrap();
    assert_eq!(found.namespace, "other");
    assert!(
        configured(&[], &[("KUBECONFIG", "/nowhere/config")]).unwrap().is_none(),
        "what is not there is passed over"
    );
    assert!(configured(&[], &[]).unwrap().is_none());

    let error = configured(&[("config_path", &file), ("config_context", "stage")], &[]).err().unwrap();
    assert_eq!(error.help, ["its contexts are: `dev`, `prod`"]);
    let error = configured(&[("config_path", "/nowhere/config")], &[]).err().unwrap();
    assert!(error.summary.contains("/nowhere/config"), "{error}");
    let error = configured(&[], &pod).err().unwrap();
    assert!(error.summary.contains("ca.crt"), "{error}");
}

#[test]
fn what_cannot_be_used_is_named() {
    for (name, text) in [("host", "10.0.0.1"), ("host", "ftp://x"), ("proxy_url", "x y")] {
        let error = configured(&[("host", "https://mine"), (name, text)], &[]).err().unwrap();
        assert_eq!(error.path, Some(Path::root().name(name)), "{name} {text}");
    }
    let error =
        configured(&[("host", "https://mine"), ("cluster_ca_certificate", "bm8=")], &[]).err().unwrap();
    assert!(error.summary.contains("`cluster_ca_certificate` holds no certificate"), "{error}");
}
