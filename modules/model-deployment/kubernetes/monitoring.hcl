# What Prometheus reads of the model, and when it calls somebody. The kinds are those of the Prometheus Operator.

data "kubernetes_kind" "rules" {
  count       = local.monitored && var.prometheus_operator == null ? 1 : 0
  api_version = "monitoring.coreos.com/v1"
  kind        = "PrometheusRule"
}

locals {
  # Without a cluster to ask, they are planned: a plan shows rather too much than too little.
  has_operator = coalesce(var.prometheus_operator, try(data.kubernetes_kind.rules[0].exists, null), true)
  operated     = local.monitored && local.has_operator ? 1 : 0

  # The series of this model's pods, as the operator labels them.
  series = "namespace=\"${local.namespace}\",service=\"${local.name}\""

  error_rate  = "sum(rate(inference_errors_total{${local.series}}[5m])) / sum(rate(inference_requests_total{${local.series}}[5m]))"
  latency_p95 = "histogram_quantile(0.95, sum by (le) (rate(inference_latency_seconds_bucket{${local.series}}[5m])))"
  latency_p99 = "histogram_quantile(0.99, sum by (le) (rate(inference_latency_seconds_bucket{${local.series}}[5m])))"

  alert_labels = { model = local.name, team = local.labels.team, environment = local.environment }
}

resource "kubernetes_object" "service_monitor" {
  count = local.operated
  manifest = {
    apiVersion = "monitoring.coreos.com/v1"
    kind       = "ServiceMonitor"
    metadata   = { name = local.name, namespace = local.namespace, labels = local.labels }
    spec = {
      selector          = { matchLabels = local.pods }
      namespaceSelector = { matchNames = [local.namespace] }
      endpoints         = [{ port = "http", path = "/metrics", interval = "30s", scrapeTimeout = "10s" }]
    }
  }
  depends_on = [kubernetes_object.service]
}

resource "kubernetes_object" "rules" {
  count = local.operated
  manifest = {
    apiVersion = "monitoring.coreos.com/v1"
    kind       = "PrometheusRule"
    metadata   = { name = local.name, namespace = local.namespace, labels = local.labels }
    spec       = { groups = local.rule_groups }
  }
  depends_on = [kubernetes_object.namespace]
}

locals {
  rule_groups = [for group in [
    { name = "${local.name}.records", rules = local.records },
    { name = "${local.name}.alerts", rules = local.alerts },
    { name = "${local.name}.own", rules = local.own_alerts },
  ] : group if length(group.rules) > 0]

  records = [
    { record = "job:ml_error_rate:ratio", expr = local.error_rate, labels = { model = local.name } },
    { record = "job:ml_p95_latency_seconds", expr = local.latency_p95, labels = { model = local.name } },
  ]

  alerts = [for alert in [
    {
      name     = "InferenceHighErrorRate"
      expr     = "${local.error_rate} > 0.05"
      for      = "5m"
      severity = "warning"
      summary  = "More than 5 % of the requests to ${local.name} fail"
    },
    {
      name     = "InferenceHighLatency"
      expr     = "${local.latency_p99} > 1"
      for      = "5m"
      severity = "warning"
      summary  = "One request in a hundred to ${local.name} takes more than a second"
    },
    {
      name     = "InferenceServiceDown"
      expr     = "absent(up{${local.series}} == 1)"
      for      = "2m"
      severity = "critical"
      summary  = "No server of ${local.name} answers"
    },
    {
      name     = "InferenceLowReplicaCount"
      expr     = "kube_deployment_status_replicas_available{namespace=\"${local.namespace}\",deployment=\"${local.name}\"} < ${local.replicas_min}"
      for      = "5m"
      severity = "warning"
      summary  = "Fewer than ${local.replicas_min} replicas of ${local.name} are available"
    },
    {
      name     = "DataDriftDetected"
      expr     = "max(evidently_data_drift_status{${local.series}}) == 1"
      for      = "10m"
      severity = "warning"
      summary  = "What ${local.name} is asked is not what it was trained on"
    },
    {
      name     = "HighPredictionPSI"
      expr     = "max(evidently_prediction_psi_score{${local.series}}) > 0.2"
      for      = "15m"
      severity = "critical"
      summary  = "What ${local.name} answers is not what it used to answer"
    },
    ] : {
    alert       = alert.name
    expr        = alert.expr
    for         = alert.for
    labels      = merge(local.alert_labels, { severity = alert.severity })
    annotations = { summary = alert.summary }
  }]

  # The manifest's own. What a condition names is measured so; the rest of it is PromQL.
  measured = {
    error_rate  = "(${local.error_rate})"
    latency_p95 = local.latency_p95
    latency_p99 = local.latency_p99
    drift_score = "max(evidently_data_drift_share{${local.series}})"
    accuracy    = "min(ml_model_accuracy{${local.series}})"
  }
  own_alerts = [for rule in try([for rule in var.model.spec.monitoring.alerting.rules : rule], []) : {
    alert       = rule.name
    expr        = join("", [for word in regexall("[A-Za-z0-9_]+|[^A-Za-z0-9_]+", rule.condition) : lookup(local.measured, word, word)])
    for         = "5m"
    labels      = merge(local.alert_labels, { severity = coalesce(rule.severity, "warning") })
    annotations = { summary = "${local.name}: ${rule.condition}" }
  } if try(var.model.spec.monitoring.alerting.enabled, null) != false]
}
