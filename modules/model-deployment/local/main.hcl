# One model, served on this machine by a process that outlives the command.

variable "model" {
  type        = any
  description = "One value of `manifest`"
}

variable "host" {
  type        = string
  default     = null
  description = "IP address to listen on; 127.0.0.1 if not given"
}

variable "port" {
  type        = number
  default     = null
  description = "Port to listen on; one that is free if not given"
}

variable "ready_timeout" {
  type        = string
  default     = null
  description = "How long the server may take to be ready; 60s if not given"
}

variable "environment" {
  type        = map(string)
  default     = null
  description = "Variables for the server, besides those that it needs to find its libraries"
}

resource "local_inference_service" "this" {
  name          = var.model.metadata.name
  model_version = var.model.spec.model.version
  model         = var.model.artifact.path
  digest        = "sha256:${var.model.artifact.sha256}"
  labels        = try(var.model.spec.inference.labels, null)

  # What callers rely on, such as `x: float[?,4] -> label: int64[?]`: the policies compare it with what serves now.
  signature = join(" -> ", [
    for ports in [var.model.artifact.inputs, var.model.artifact.outputs] : join(", ", [
      for port in ports : join("", [
        "${port.name}: ${port.dtype}",
        port.shape == null ? "" : "[${join(",", [for size in port.shape : size == "" ? "?" : size])}]",
      ])
    ])
  ])

  # Whether these are there and make sense is for the policies to say; what makes no sense is not served.
  framework = try(tostring(var.model.spec.model.framework), null)
  metrics   = try({ for name, value in var.model.spec.metrics : name => value + 0 if can(value + 0) }, null)

  host          = var.host
  port          = var.port
  ready_timeout = var.ready_timeout
  environment   = var.environment
}

output "url" {
  value       = local_inference_service.this.url
  description = "Where the model answers"
}

output "endpoints" {
  value = {
    url     = local_inference_service.this.url
    health  = local_inference_service.this.endpoints.health
    ready   = local_inference_service.this.endpoints.ready
    predict = local_inference_service.this.endpoints.predict
    metrics = local_inference_service.this.endpoints.metrics
  }
  description = "URLs of the model"
}
