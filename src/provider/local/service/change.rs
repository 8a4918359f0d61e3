//! Create, read, update and delete, put together from a service's folder, process and answers.

use super::folder::{Folder, Life, Role, RunFile};
use super::launch::{Failure, Launch, Running, choose};
use super::plan::{agrees, facts_of, signature_of};
use super::probe::{self, Answer};
use super::program::{self, Port};
use super::spec::Spec;
use super::{READY, addresses, process};
use crate::diag::code::provider::{MODEL, PROCESS};
use crate::lang::value::{Path as ValuePath, Type, Value};
use crate::provider::object::{attribute, same, text, text_or_null, with};
use crate::provider::{Change, ErrorClass, Imported, ProviderError, Subject, Surroundings};
use std::time::Duration;

/// Time for a process that runs to say who it is. It does so once it listens, before it loads its model.
const NAMELESS_WITHIN: Duration = Duration::from_secs(5);
/// Time for a process that was killed, and so does not answer any more, to be gone.
const DYING_WITHIN: Duration = Duration::from_millis(500);
/// Time between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Makes, changes or ends a service.
///
/// # Errors
/// See [`create`], [`update`], [`delete`].
pub(crate) async fn change(
    surroundings: &Surroundings,
    subject: Subject<'_>,
    change: Change<'_>,
) -> Result<Option<Value>, ProviderError> {
    let here = Here { surroundings, subject, ty: super::schema().block.implied_type() };
    match change {
        Change::Create { planned } => here.create(planned).await.map(Some),
        Change::Update { prior, planned } => here.update(prior, planned).await.map(Some),
        Change::Delete { .. } => here.delete().await.map(|()| None),
    }
}

/// The service as it is. A process that runs and is not ready, or does not answer, is there all the same: its `status`
/// says what is wrong, so that a plan shows it and an apply restarts it.
///
/// # Errors
/// If the folder of the services cannot be read.
pub(crate) async fn read(
    surroundings: &Surroundings,
    subject: Subject<'_>,
    prior: &Value,
) -> Result<Option<Value>, ProviderError> {
    let Some(folder) = Folder::find(surroundings, subject)? else { return Ok(None) };
    match settled(&folder, Role::Service).await {
        Life::Gone => Ok(None),
        Life::Running(run) => {
            let now = as_it_is(&folder, prior, &run).await;
            let dying = text(&now, "status") != Some(READY) && dies(&folder).await;
            Ok(Some(now).filter(|_| !dying))
        }
        Life::Nameless => {
            let status = Value::string("runs, but its run file is missing");
            Ok(Some(with(prior, [("status", status), ("pid", Value::null_of(Type::Number))])))
        }
    }
}

/// The service of an id on this machine that runs and that no state knows of any more.
///
/// # Errors
/// If the folder of the services cannot be read, or the service does not know the token that it was made with.
pub(crate) async fn import(
    surroundings: &Surroundings,
    subject: Subject<'_>,
    id: &str,
) -> Result<Option<Imported>, ProviderError> {
    let Some((folder, token)) = Folder::of_id(surroundings, id)? else { return Ok(None) };
    let ty = super::schema().block.implied_type();
    let Some(kept) = folder.kept_object(&ty) else { return Ok(None) };
    let own = Subject { token: &token, ..subject };
    let found = read(surroundings, own, &kept).await?;
    Ok(found.map(|value| Imported { value, token: Some(token) }))
}

/// The service that an earlier command started with the subject's token, if its process lives. Waits until it is ready,
/// as that command would have done.
///
/// # Errors
/// If the folder of the services cannot be read.
pub(crate) async fn find(
    surroundings: &Surroundings,
    subject: Subject<'_>,
) -> Result<Option<Value>, ProviderError> {
    let ty = super::schema().block.implied_type();
    let Some(folder) = Folder::find(surroundings, subject)? else { return Ok(None) };
    let Some(kept) = folder.kept_object(&ty) else { return Ok(None) };
    let spec = Spec::of(&kept, &surroundings.project);
    let patience = spec.map_or(NAMELESS_WITHIN, |spec| spec.ready_timeout);
    let ready = async {
        loop {
            let found = read(surroundings, subject, &kept).await?;
            if found.as_ref().is_none_or(|found| text(found, "status") == Some(READY)) {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(patience, ready).await {
        Ok(found) => found,
        Err(_) => read(surroundings, subject, &kept).await,
    }
}

/// Whether a process that does not answer as it should is just about to end.
async fn dies(folder: &Folder) -> bool {
    let gone = async {
        while !matches!(folder.life(Role::Service), Life::Gone) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(DYING_WITHIN, gone).await.is_ok()
}

/// The life of a service, once a process that has just started has said who it is.
async fn settled(folder: &Folder, role: Role) -> Life {
    let named = async {
        loop {
            match folder.life(role) {
                Life::Nameless => tokio::time::sleep(LOOK_EVERY).await,
                life => return life,
            }
        }
    };
    tokio::time::timeout(NAMELESS_WITHIN, named).await.unwrap_or(Life::Nameless)
}

/// An object with what its process says now.
async fn as_it_is(folder: &Folder, prior: &Value, run: &RunFile) -> Value {
    let host = text(prior, "host").and_then(super::spec::host).unwrap_or([127, 0, 0, 1].into());
    let mut now = with(prior, of_process(folder, host, run));
    let status = match probe::ask(host, run.port).await {
        Answer::Ready(ready) if ready.instance.as_deref() == Some(&run.instance) => {
            now = with(&now, [("digest", text_or_null(ready.digest))]);
            if !attribute(prior, "model_version").is_null() {
                now = with(&now, [("model_version", text_or_null(ready.version))]);
            }
            READY.to_owned()
        }
        Answer::NotReady { reason, instance } if instance.as_deref() == Some(&run.instance) => {
            format!("not ready: {reason}")
        }
        Answer::Ready(_) | Answer::NotReady { .. } => format!("another server answers on port {}", run.port),
        Answer::None(why) => format!("does not answer: {why}"),
    };
    with(&now, [("status", Value::string(status))])
}

/// The attributes that a process decides.
fn of_process(folder: &Folder, host: std::net::IpAddr, run: &RunFile) -> Vec<(&'static str, Value)> {
    let mut attributes = vec![
        ("id", Value::string(folder.id())),
        ("pid", Value::from(i64::from(run.pid))),
        ("started_at", Value::string(run.started_at.as_str())),
        ("log_file", Value::string(folder.log(Role::Service).to_string_lossy())),
    ];
    attributes.extend(addresses(host, run.port));
    attributes
}

/// The change of one service on this machine.
struct Here<'a> {
    surroundings: &'a Surroundings,
    subject: Subject<'a>,
    ty: Type,
}

impl Here<'_> {
    /// Starts a service. One that an earlier attempt started with the same token and arguments is taken as it is.
    ///
    /// # Errors
    /// Nothing of it is left then, neither a process nor a folder.
    async fn create(&self, planned: &Value) -> Result<Value, ProviderError> {
        let (spec, planned) = self.specify(planned).await?;
        program::locate(self.surroundings)?;
        if let Some(found) = self.earlier(&planned).await? {
            return Ok(found);
        }
        let folder = Folder::new(self.surroundings, &spec.name, self.subject);
        let port = choose(&spec, &folder.sweep(self.surroundings, self.subject)?)?;
        folder.make()?;
        self.launch(&folder, &spec, &planned, port).await.map_err(|failure| {
            // The failure is what the user has to know; what cannot be removed holds no process.
            let _ = folder.remove();
            failure.into_error(&spec)
        })
    }

    /// Changes a service. The new server is tried on a free port while the old one still answers, then takes its place; if
    /// it fails there, the old one is started again, on another port if its own was taken in between.
    ///
    /// # Errors
    /// [`ErrorClass::RolledBack`] with the old object if the new server was not ready and the old one runs.
    async fn update(&self, prior: &Value, planned: &Value) -> Result<Value, ProviderError> {
        let keeping = |error: ProviderError| error.keeping(prior.clone());
        let (spec, planned) = self.specify(planned).await.map_err(keeping)?;
        let found = Folder::find(self.surroundings, self.subject).map_err(keeping)?;
        let folder = found.unwrap_or_else(|| Folder::new(self.surroundings, &spec.name, self.subject));
        folder.make().map_err(keeping)?;
        match settled(&folder, Role::Service).await {
            Life::Nameless => Err(keeping(nameless(&folder, Role::Service))),
            Life::Gone => {
                let port = choose(&spec, &folder.sweep(self.surroundings, self.subject)?)?;
                let launched = self.launch(&folder, &spec, &planned, port).await;
                launched.map_err(|failure| failure.into_error(&spec))
            }
            Life::Running(old) if attribute(&planned, "pid").is_unknown() => {
                self.take_over(&folder, prior, &spec, &planned, &old).await
            }
            Life::Running(old) => {
                folder.keep(self.subject, &known(&planned), &self.ty).map_err(keeping)?;
                Ok(with(&planned, of_process(&folder, spec.host, &old)))
            }
        }
    }

    /// Puts a server of `spec` in the place of the one that runs.
    async fn take_over(
        &self,
        folder: &Folder,
        prior: &Value,
        spec: &Spec,
        planned: &Value,
        old: &RunFile,
    ) -> Result<Value, ProviderError> {
        let keeping = |error: ProviderError| error.keeping(prior.clone());
        let before = Spec::of(prior, &self.surroundings.project).map_err(keeping)?;
        let port = if spec.port == Some(old.port) && spec.host == before.host {
            Port::Exactly(old.port)
        } else {
            folder
                .sweep(self.surroundings, self.subject)
                .and_then(|ports| choose(spec, &ports))
                .map_err(keeping)?
        };
        let trial = Launch { spec, folder, port: Port::Any, instance: folder.trial(), role: Role::Trial };
        end_trial(folder).await.map_err(keeping)?;
        if let Err(failure) = trial.run(self.surroundings).await {
            return Err(rolled_back(failure, spec, &before, prior.clone()));
        }
        process::stop(old).await.map_err(|error| keeping(not_stopped(&error, old)))?;
        let failure = match self.launch(folder, spec, planned, port).await {
            Ok(object) => return Ok(object),
            Err(failure) => failure,
        };
        // On another port rather than not at all.
        match self.launch(folder, &before, prior, Port::Rather(old.port)).await {
            Ok(object) => Err(rolled_back(failure, spec, &before, object)),
            Err(second) => {
                let second = second.into_error(&before);
                let error = failure.into_error(spec);
                let detail = format!(
                    "{}\nThe one before could not be put back: {second}\n{}",
                    error.detail, second.detail
                );
                Err(error
                    .detail(detail)
                    .help("nothing runs now; `mlo apply` starts it when the cause is mended"))
            }
        }
    }

    /// Ends a service and removes its folder.
    ///
    /// # Errors
    /// If its process does not end, or cannot be told.
    async fn delete(&self) -> Result<(), ProviderError> {
        let Some(folder) = Folder::find(self.surroundings, self.subject)? else { return Ok(()) };
        match settled(&folder, Role::Service).await {
            Life::Gone => {}
            Life::Running(run) => process::stop(&run).await.map_err(|error| not_stopped(&error, &run))?,
            Life::Nameless => return Err(nameless(&folder, Role::Service)),
        }
        end_trial(&folder).await?;
        folder.remove()
    }

    /// The arguments, and the planned object with the digest that the model must have, and with what it takes and gives.
    async fn specify(&self, planned: &Value) -> Result<(Spec, Value), ProviderError> {
        let mut spec = Spec::of(planned, &self.surroundings.project)?;
        let signature = if spec.digest.is_none() {
            let facts = facts_of(spec.model.clone()).await?;
            spec.digest = Some(facts.digest.clone());
            facts.signature()
        } else if spec.model.is_file() {
            signature_of(spec.model.clone()).await?
        } else {
            let error = ProviderError::permanent(format!("there is no model at {}", spec.model.display()));
            let help = "check the path; it is relative to the project's folder";
            return Err(error.code(&MODEL).help(help).at(ValuePath::root().name("model")));
        };
        agrees(&attribute(planned, "signature"), &signature)?;
        let digest = text_or_null(spec.digest.as_deref());
        Ok((spec, with(planned, [("digest", digest), ("signature", Value::string(signature))])))
    }

    /// The service that an earlier attempt started as it is planned; another one of this token is ended.
    async fn earlier(&self, planned: &Value) -> Result<Option<Value>, ProviderError> {
        let Some(folder) = Folder::find(self.surroundings, self.subject)? else { return Ok(None) };
        match settled(&folder, Role::Service).await {
            Life::Gone => Ok(None),
            Life::Nameless => Err(nameless(&folder, Role::Service)),
            Life::Running(run) => {
                if folder.kept_object(&self.ty).is_some_and(|kept| fulfils(&kept, planned)) {
                    let found = find(self.surroundings, self.subject).await?;
                    if let Some(found) = found.filter(|found| text(found, "status") == Some(READY)) {
                        return Ok(Some(found));
                    }
                }
                process::stop(&run).await.map_err(|error| not_stopped(&error, &run))?;
                Ok(None)
            }
        }
    }

    /// Starts the server of a service and gives the object that it is then.
    async fn launch(
        &self,
        folder: &Folder,
        spec: &Spec,
        object: &Value,
        port: Port,
    ) -> Result<Value, Failure> {
        let instance = folder.keep(self.subject, &known(object), &self.ty).map_err(Failure::Refused)?;
        let launch = Launch { spec, folder, port, instance, role: Role::Service };
        let Running { run, digest } = launch.run(self.surroundings).await?;
        let object = with(object, of_process(folder, spec.host, &run));
        let object = with(&object, [("digest", text_or_null(digest)), ("status", Value::string(READY))]);
        // For the port, which others leave alone then. The service is ready whether or not this is written.
        let _ = folder.keep(self.subject, &object, &self.ty);
        Ok(object)
    }
}

/// Ends the trial of a command that died in the middle of an update.
async fn end_trial(folder: &Folder) -> Result<(), ProviderError> {
    match settled(folder, Role::Trial).await {
        Life::Gone => Ok(()),
        Life::Running(run) => process::stop(&run).await.map_err(|error| not_stopped(&error, &run)),
        Life::Nameless => Err(nameless(folder, Role::Trial)),
    }
}

/// Whether an object is what was planned, as far as that was known.
fn fulfils(object: &Value, planned: &Value) -> bool {
    let planned = planned.as_entries().into_iter().flatten();
    planned
        .filter(|(_, value)| value.is_wholly_known())
        .all(|(name, value)| same(&attribute(object, name), value))
}

/// An object with null for what is unknown: what can be kept before the server says the rest.
fn known(object: &Value) -> Value {
    let attributes = object.as_entries().into_iter().flatten().map(|(name, value)| {
        let value = if value.is_wholly_known() { value.clone() } else { Value::null_of(value.ty()) };
        (name.clone(), value)
    });
    Value::object(attributes)
}

fn rolled_back(failure: Failure, spec: &Spec, before: &Spec, object: Value) -> ProviderError {
    let refused = matches!(failure, Failure::Refused(_));
    let error = failure.into_error(spec);
    let class = if refused { error.class } else { ErrorClass::RolledBack };
    ProviderError { class, ..error }
        .help(format!("{} still serves as before", before.title()))
        .keeping(object)
}

fn not_stopped(error: &std::io::Error, run: &RunFile) -> ProviderError {
    ProviderError::permanent(format!("cannot end the server, which is process {}", run.pid))
        .code(&PROCESS)
        .detail(error.to_string())
        .help(format!("end process {} by hand and apply again", run.pid))
}

fn nameless(folder: &Folder, role: Role) -> ProviderError {
    let run_file = folder.run_file(role);
    ProviderError::permanent(format!("a server of {} runs, but its run file is missing", folder.id()))
        .code(&PROCESS)
        .detail(format!("Without {} it cannot be told which process it is.", run_file.display()))
        .help(format!("end the process that has {} on its command line, and apply again", run_file.display()))
}
