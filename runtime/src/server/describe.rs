//! What the server and its model say about themselves.

use std::sync::atomic::Ordering;

use hyper::header::HeaderValue;
use serde_json::json;

use super::app::{App, RequestId, served};
use super::reply::Reply;
use super::routes::Named;
use crate::clock;
use crate::config::Compat;
use crate::host::Hosted;
use crate::metrics::{Gauges, ModelGauges};
use crate::model::Stage;
use crate::protocol::{self, Code, Refusal, merged};
use crate::tensor;

const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub(super) fn root(app: &App) -> Reply {
    if app.settings.compat == Compat::P {
        return Reply::value(&json!({
            "message": "MLOps API is running",
            "endpoints": ["/health", "/predict", "/metrics", "/model-info", "/drift-status", "/docs"],
        }));
    }
    Reply::value(&json!({
        "name": "mlo-runtime",
        "version": env!("CARGO_PKG_VERSION"),
        "message": "mlo inference server is running",
        "endpoints": [
            "/health", "/ready", "/predict", "/model/info", "/model-info", "/metrics", "/drift-status", "/v2", "/docs",
        ],
    }))
}

/// Alive, whatever became of the model.
pub(super) fn health(app: &App) -> Reply {
    let usage = app.meter.usage();
    let used = json!({
        "memory_rss_bytes": usage.memory_rss_bytes,
        "cpu_percent": usage.cpu_percent,
        "thread_count": usage.thread_count,
    });
    let (ready, hosted) = (app.is_ready(), app.host.default_model());
    let figures = &hosted.spec.figures;
    Reply::value(&match app.settings.compat {
        Compat::M => json!({
            "status": "healthy",
            "ready": ready,
            "uptime_seconds": app.uptime_seconds(),
            "resources": used,
            "instance": app.settings.instance,
        }),
        Compat::C => json!({
            "status": "ok",
            "ready": ready,
            "details": {
                "metrics": (!figures.is_empty()).then(|| protocol::figures(figures)),
                "mlflow": {"status": if ready { "available" } else { "unavailable" }, "model_uri": null},
            },
        }),
        Compat::P => json!({
            "status": if ready { "ok" } else { "degraded" },
            "model_ready": ready,
            "model_path": null,
            "uptime_seconds": app.uptime_seconds(),
            "resource_usage": used,
        }),
    })
}

pub(super) fn ready(app: &App, id: &RequestId) -> Reply {
    let hosted = app.host.default_model();
    // Each model of several has to answer; the first that does not is the reason.
    let blocking = app.host.models.iter().find(|hosted| served(hosted).is_err());
    match (served(blocking.unwrap_or(hosted)), app.is_ready()) {
        (Ok(first), true) => Reply::value(&json!({
            "status": "ready",
            "model": hosted.spec.name,
            "version": hosted.version(Some(&first)),
            "digest": first.facts.digest,
            "instance": app.settings.instance,
        })),
        (outcome, _) => not_ready(app, blocking.unwrap_or(hosted), outcome.err(), id),
    }
}

/// An error's body, with the status and reason of readiness.
fn not_ready(app: &App, hosted: &Hosted, refusal: Option<Refusal>, id: &RequestId) -> Reply {
    let draining = app.draining.load(Ordering::Relaxed);
    let loading = matches!(hosted.stage(), Stage::Loading);
    let (status, refusal) = match refusal {
        Some(refusal) if !draining => (if loading { "loading" } else { "not_ready" }, refusal),
        _ => ("draining", Refusal::new(Code::ModelNotLoaded, "the server is being stopped")),
    };
    let readiness = json!({
        "status": status,
        "reason": refusal.message,
        "model": hosted.spec.name,
        "version": hosted.spec.version,
        "instance": app.settings.instance,
    });
    Reply::value(&merged(readiness, refusal.body(id.text()))).with_status(refusal.code.status())
}

pub(super) fn model_info(app: &App) -> Reply {
    let hosted = app.host.default_model();
    let model = served(hosted);
    let identity = json!({
        "name": hosted.spec.name,
        "version": hosted.version(model.as_deref().ok()),
        "framework": hosted.spec.framework,
        "loaded": model.is_ok(),
        "metrics": protocol::figures(&hosted.spec.figures),
        "max_batch_size": tensor::ROWS_MAX,
    });
    Reply::value(&match model {
        Ok(served) => merged(identity, protocol::model_facts(&served)),
        Err(refusal) => merged(identity, json!({"reason": refusal.message})),
    })
}

/// `GET /drift-status`
pub(super) fn drift_status(app: &App) -> Reply {
    let Some(report) = app.beside.observer.drift() else {
        return Reply::value(&json!({
            "status": "no_report", "drift_detected": false, "drifted_features": [], "report_path": null,
        }));
    };
    let status = match (report.decided, report.detected) {
        (false, _) => "collecting",
        (true, true) => "drift_detected",
        (true, false) => "no_drift",
    };
    let drifted: Vec<&str> = report.drifted().map(|column| column.name.as_str()).collect();
    Reply::value(&json!({
        "status": status,
        "drift_detected": report.detected,
        "drifted_features": drifted,
        "features": report.columns,
        "prediction": report.prediction,
        "prediction_psi": report.prediction_psi,
        "window_rows": report.window_rows,
        "reference_rows": report.reference_rows,
        "evaluated_at": report.evaluated_at.map(clock::rfc3339),
        "report_path": null,
    }))
}

pub(super) fn metrics_text(app: &App) -> Reply {
    let quality = app.beside.observer.quality();
    let gauges = |hosted: &'_ Hosted| {
        let served = hosted.served();
        ModelGauges {
            name: hosted.spec.name.clone(),
            version: hosted.version(served.as_deref()).unwrap_or_default().to_owned(),
            loaded: served.is_some(),
            accuracy: quality
                .filter(|_| hosted.index == 0)
                .map(|quality| quality.accuracy)
                .or_else(|| hosted.spec.figures.get("accuracy").copied()),
            rows_queued: served.as_ref().map_or(0, |served| served.queue.rows_queued()),
            providers: served.map(|served| served.placement.names()).unwrap_or_default(),
        }
    };
    let text = app.metrics.text(&Gauges {
        models: app.host.models.iter().map(gauges).collect(),
        usage: app.meter.usage(),
        uptime_seconds: app.uptime_seconds(),
        inflight: app.inflight(),
        inflight_bytes: app.budget.used(),
        log_lines_dropped: app.log.dropped(),
        observations_dropped: app.beside.observer.dropped(),
        spans_dropped: app.beside.tracer.dropped(),
        drift: app.beside.observer.drift(),
        quality,
    });
    Reply::new(PROMETHEUS, text.into_bytes())
}

/// `GET /v2`
pub(super) fn v2_server() -> Reply {
    Reply::value(&json!({
        "name": "mlo-runtime",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "model_repository"],
    }))
}

/// `GET /v2/health/live`
pub(super) fn v2_live() -> Reply {
    Reply::value(&json!({"live": true}))
}

/// `GET /v2/health/ready`
pub(super) fn v2_ready(app: &App) -> Reply {
    let ready = app.is_ready();
    Reply::value(&json!({"ready": ready})).with_status(if ready { 200 } else { 503 })
}

/// `GET /v2/models/{model}`
pub(super) fn v2_model(app: &App, named: &Named) -> Result<Reply, Refusal> {
    let (hosted, served) = app.asked(named)?;
    let versions: Vec<&str> = hosted.version(Some(&served)).into_iter().collect();
    Ok(Reply::value(&json!({
        "name": hosted.spec.name,
        "versions": versions,
        "platform": "onnxruntime_onnx",
        "inputs": protocol::ports(&served.taking.inputs),
        "outputs": protocol::ports(&served.outputs),
    })))
}

/// `GET /v2/models/{model}/ready`
pub(super) fn v2_model_ready(app: &App, named: &Named) -> Result<Reply, Refusal> {
    let hosted = app.hosted(named)?;
    let ready = app.answers(hosted);
    let body = json!({"name": hosted.spec.name, "ready": ready});
    Ok(Reply::value(&body).with_status(if ready { 200 } else { 503 }))
}

/// `POST /v2/repository/index`
pub(super) fn v2_index(app: &App) -> Reply {
    let entry = |hosted: &Hosted| {
        let (state, reason) = match hosted.stage() {
            Stage::Ready(_) => ("READY", ""),
            Stage::Loading => ("LOADING", ""),
            Stage::Failed(reason) => ("UNAVAILABLE", reason),
        };
        let version = hosted.version(hosted.served().as_deref()).unwrap_or_default().to_owned();
        json!({"name": hosted.spec.name, "version": version, "state": state, "reason": reason})
    };
    Reply::value(&app.host.models.iter().map(entry).collect())
}
