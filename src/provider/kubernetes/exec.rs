//! Exec plugins: programs that print a credential (`client.authentication.k8s.io`).
//!
//! Goes in: what a kubeconfig or an `exec` block says. Comes out: a token or a certificate. Never happens: a program that
//! waits for ever, or asks the terminal.

use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::Value;
use crate::provider::ProviderError;
use crate::provider::object::{attribute, text};
use kube::config::{AuthInfo, ExecConfig};
use serde_json::{Value as Json, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// Time for the program to end: a login through a browser would take longer, and nobody is asked here.
const WITHIN: Duration = Duration::from_mins(1);
/// Bytes of what it prints at most.
const BYTES_MAX: u64 = 1024 * 1024;
/// Characters of its complaint that are shown.
const SAID_MAX: usize = 2000;

/// A program that prints a credential.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exec {
    api_version: String,
    command: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    drop_env: Vec<String>,
    /// What to do if the program is not there.
    hint: Option<String>,
}

impl Exec {
    /// Of an `exec` block; nothing if there is none.
    pub(super) fn of_block(block: &Value) -> Option<Self> {
        let strings = |name| {
            let items = attribute(block, name);
            let items = items.as_items().unwrap_or_default().iter();
            items.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let env = attribute(block, "env");
        let env = env.as_entries().into_iter().flatten();
        Some(Self {
            api_version: text(block, "api_version")?.to_owned(),
            command: text(block, "command")?.to_owned(),
            args: strings("args"),
            env: env
                .filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned())))
                .collect(),
            drop_env: Vec::new(),
            hint: None,
        })
    }

    /// Of a kubeconfig.
    ///
    /// # Errors
    /// If it names no program.
    pub(super) fn of_kubeconfig(exec: ExecConfig) -> Result<Self, ProviderError> {
        let command = exec.command.ok_or_else(|| {
            ProviderError::permanent("the kubeconfig has an `exec` without a `command`").code(&ARGUMENT)
        })?;
        let pair = |mut entry: std::collections::HashMap<String, String>| {
            entry.remove("name").zip(entry.remove("value"))
        };
        Ok(Self {
            api_version: exec.api_version.unwrap_or_else(|| "client.authentication.k8s.io/v1".to_owned()),
            command,
            args: exec.args.unwrap_or_default(),
            env: exec.env.unwrap_or_default().into_iter().filter_map(pair).collect(),
            drop_env: exec.drop_env.unwrap_or_default(),
            hint: exec.install_hint,
        })
    }

    /// Who asks, with the credential that the program prints.
    ///
    /// # Errors
    /// If it prints none.
    pub(super) async fn credential(&self) -> Result<AuthInfo, ProviderError> {
        let printed = tokio::time::timeout(WITHIN, self.run())
            .await
            .unwrap_or_else(|_| Err(self.failed(format!("it did not end within {} s", WITHIN.as_secs()))))?;
        let read =
            |pointer: &str| printed.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty());
        let mut who = AuthInfo::default();
        let encoded = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
        if let Some(token) = read("/status/token") {
            who.token = Some(token.to_owned().into());
        }
        if let Some((certificate, key)) =
            read("/status/clientCertificateData").zip(read("/status/clientKeyData"))
        {
            who.client_certificate_data = Some(encoded(certificate));
            who.client_key_data = Some(encoded(key).into());
        }
        if who.token.is_none() && who.client_certificate_data.is_none() {
            return Err(self.failed("it printed neither a token nor a certificate"));
        }
        Ok(who)
    }

    async fn run(&self) -> Result<Json, ProviderError> {
        let info =
            json!({"apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": false}});
        let mut command = Command::new(&self.command);
        command
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        self.drop_env.iter().for_each(|name| {
            command.env_remove(name);
        });
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        let mut child = command.spawn().map_err(|error| {
            let failed = self.failed(error.to_string());
            self.hint.iter().fold(failed, |failed, hint| failed.help(hint.clone()))
        })?;
        let (mut out, mut said) = (Vec::new(), Vec::new());
        let streams = child.stdout.take().zip(child.stderr.take());
        if let Some((stdout, stderr)) = streams {
            let (mut stdout, mut stderr) = (stdout.take(BYTES_MAX), stderr.take(BYTES_MAX));
            let read = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut said));
            read.0.and(read.1).map_err(|error| self.failed(error.to_string()))?;
        }
        let status = child.wait().await.map_err(|error| self.failed(error.to_string()))?;
        if !status.success() {
            let said: String = String::from_utf8_lossy(&said).trim().chars().take(SAID_MAX).collect();
            return Err(self.failed(format!("{status}: {said}")));
        }
        serde_json::from_slice(&out).map_err(|_| self.failed("what it printed is no ExecCredential"))
    }

    /// What it printed is never shown: it may be the credential.
    fn failed(&self, why: impl Into<String>) -> ProviderError {
        let summary =
            format!("the program `{}`, which gives the credential for the cluster, failed", self.command);
        ProviderError::permanent(summary)
            .code(&ARGUMENT)
            .detail(why)
            .help("run it by hand to see what it needs")
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Exec {
        Exec {
            api_version: "client.authentication.k8s.io/v1".to_owned(),
            command: "sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: vec![("GIVEN".to_owned(), "from-env".to_owned())],
            drop_env: Vec::new(),
            hint: None,
        }
    }

    #[tokio::test]
    async fn what_a_program_prints_is_the_credential() {
        let given = r#"case "$KUBERNETES_EXEC_INFO" in *ExecCredential*) echo "{\"status\":{\"token\":\"$GIVEN\"}}";; esac"#;
        let who = shell(given).credential().await.unwrap();
        assert!(who.token.is_some() && who.client_certificate_data.is_none());
        let certificate = r#"echo '{"status":{"clientCertificateData":"C","clientKeyData":"K"}}'"#;
        let who = shell(certificate).credential().await.unwrap();
        assert_eq!(who.client_certificate_data.as_deref(), Some("Qw=="));
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_without_what_it_printed() {
        for (script, expected) in [
            ("echo hunter2; echo 'log in first' >&2; exit 3", "log in first"),
            ("echo hunter2", "no ExecCredential"),
            ("echo '{}'", "neither a token nor a certificate"),
        ] {
            let error = shell(script).credential().await.unwrap_err();
            assert!(error.detail.contains(expected), "{script}: {}", error.detail);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let missing =
            Exec { command: "no-such-program".to_owned(), hint: Some("get it".to_owned()), ..shell("") };
        let error = missing.credential().await.unwrap_err();
        assert!(error.help.contains(&"get it".to_owned()), "{error:?}");
    }
}
