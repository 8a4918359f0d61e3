# What the manifest, the environment and the variables come to.

locals {
  # An environment of another name has the most, as the policies demand the most of it.
  environments = {
    dev     = { replicas = 1, replicas_max = 3, cpu = "500m", memory = "512Mi", zones = "ScheduleAnyway" }
    staging = { replicas = 2, replicas_max = 10, cpu = "1000m", memory = "1Gi", zones = "ScheduleAnyway" }
    prod    = { replicas = 3, replicas_max = 50, cpu = "2000m", memory = "4Gi", zones = "DoNotSchedule" }
  }
  environment = coalesce(var.environment, mlo.environment)
  default     = lookup(local.environments, local.environment, local.environments.prod)

  name      = var.model.metadata.name
  namespace = coalesce(var.namespace, var.model.metadata.namespace)
  version   = var.model.spec.model.version

  # Blocks that a manifest may leave out.
  inference = var.model.spec.inference
  requests  = try(local.inference.resources.requests, null)
  limits    = try(local.inference.resources.limits, null)
  scaling   = try(local.inference.autoscaling, null)
  health    = try(local.inference.healthCheck, null)
  readiness = try(local.inference.readinessCheck, null)
  logging   = try(var.model.spec.observability.logging, null)
  monitored = try(tobool(var.model.spec.monitoring.enabled), false) == true
}

locals {
  device = coalesce(try(local.inference.device, null), "cpu")
  gpus = coalesce(
    try(tonumber(local.limits["nvidia.com/gpu"]), null),
    try(tonumber(local.requests["nvidia.com/gpu"]), null),
    local.device == "cuda" ? 1 : 0,
  )

  # Of requests and limits one stands for the other where it is left out.
  cpu_request    = coalesce(try(local.requests.cpu, null), try(local.limits.cpu, null), local.default.cpu)
  cpu_limit      = coalesce(try(local.limits.cpu, null), try(local.requests.cpu, null), local.default.cpu)
  memory_request = coalesce(try(local.requests.memory, null), try(local.limits.memory, null), local.default.memory)
  memory_limit   = coalesce(try(local.limits.memory, null), try(local.requests.memory, null), local.default.memory)
  devices        = local.gpus > 0 ? { "nvidia.com/gpu" = tostring(local.gpus) } : {}

  # One manifest goes through all environments: of what it says of replicas, the environment's number is the least.
  least        = local.default.replicas
  wanted       = coalesce(var.replicas, max(coalesce(try(local.inference.replicas, null), local.least), local.least))
  replicas_min = coalesce(var.replicas, max(coalesce(try(local.scaling.minReplicas, null), local.wanted), local.least))
  replicas_max = max(coalesce(try(local.scaling.maxReplicas, null), local.default.replicas_max), local.replicas_min)
  replicas     = min(max(local.wanted, local.replicas_min), local.replicas_max)
}

locals {
  # What the server is told. Values are texts; what is not known of a model is left out.
  is_remote = can(regex("^(s3|https|oci|models):", var.model.spec.model.uri))
  settings = { for name, value in {
    MODEL_NAME                    = local.name
    MODEL_VERSION                 = local.version
    MODEL_URI                     = coalesce(var.model_uri, local.is_remote ? var.model.spec.model.uri : "/model")
    MODEL_FRAMEWORK               = try(tostring(var.model.spec.model.framework), null)
    MODEL_SHA256                  = try("sha256:${var.model.artifact.sha256}", var.model.spec.model.sha256)
    MODEL_LABELS                  = try(join("\n", local.inference.labels), null)
    MODEL_METRICS_JSON            = try(jsonencode({ for name, value in var.model.spec.metrics : name => value + 0 if can(value + 0) }), null)
    MLO_RUNTIME_HOST              = "0.0.0.0"
    MLO_RUNTIME_PORT              = tostring(local.port)
    MLO_RUNTIME_PROVIDER          = local.device
    MLO_RUNTIME_BATCH_ROWS        = try(tostring(local.inference.batching.max_batch_size), null)
    MLO_RUNTIME_BATCH_DELAY_US    = try(tostring(floor(local.inference.batching.max_delay_ms * 1000)), null)
    MLO_RUNTIME_LAME_DUCK_SECONDS = tostring(local.lame_duck)
    MLO_RUNTIME_DRAIN_SECONDS     = tostring(local.drain)
    MLO_RUNTIME_LOG_FORMAT        = try(local.logging.format, null) == "text" ? "plain" : "json"
    LOG_LEVEL                     = lower(coalesce(try(local.logging.level, null), "info"))
    HOME                          = "/tmp"
    XDG_CACHE_HOME                = "/tmp"
  } : name => value if value != null }

  # The server listens here; the Service on port 80.
  port = 8080

  # A pod that goes is taken off the Service while it sleeps, then says on each connection that it closes, then finishes
  # what it has: together less than its grace, so that no request is lost.
  sleep     = 5
  lame_duck = 5
  drain     = 15
  grace     = 30
}

locals {
  # Those by which pods are found never change.
  pods  = { "app.kubernetes.io/name" = local.name }
  track = merge(local.pods, { "mlifecycle.io/track" = "stable" })
  labels = merge(
    {
      app                            = local.name
      version                        = local.version
      team                           = "ml"
      environment                    = local.environment
      "app.kubernetes.io/component"  = "inference"
      "app.kubernetes.io/version"    = local.version
      "app.kubernetes.io/managed-by" = "mlo"
    },
    try({ for name, value in var.model.metadata.labels : name => value }, {}),
    local.pods,
  )
  annotations = try({ for name, value in var.model.metadata.annotations : name => value }, {})
  scraped = local.monitored ? {
    "prometheus.io/scrape" = "true"
    "prometheus.io/port"   = tostring(local.port)
    "prometheus.io/path"   = "/metrics"
  } : {}
}
