# One model, served by a Kubernetes cluster.

variable "model" {
  type        = any
  description = "One value of `manifest`"
}

variable "image" {
  type        = string
  description = "The server's image by its digest, as in `registry/mlo-runtime@sha256:…`"
}

variable "environment" {
  type        = string
  default     = null
  description = "Whose defaults hold: `dev`, `staging` or `prod`; the run's environment if not given. Another name has those of prod"
}

variable "namespace" {
  type        = string
  default     = null
  description = "The manifest's if not given, which is `ml-inference` if it names none"
}

variable "create_namespace" {
  type        = bool
  default     = false
  description = "Whether the namespace is made too. Of several models in one namespace, one makes it, or the caller does"
}

variable "replicas" {
  type        = number
  default     = null
  description = "The least replicas; if not given the manifest's, and no fewer than the environment's. The autoscaler decides how many more"
}

variable "model_uri" {
  type        = string
  default     = null
  description = "Where the server finds the model. If not given: the manifest's address, or `/model` in the image for a local file"
}

variable "env" {
  type        = map(string)
  default     = {}
  description = "Variables for the server, besides those that the manifest comes to"
}

variable "secret_env" {
  type        = map(object({ secret = string, key = string }))
  default     = {}
  description = "Variables for the server whose values are in a Secret: `{ API_KEY = { secret = \"keys\", key = \"api\" } }`"
}

variable "role_arn" {
  type        = string
  default     = null
  description = "The AWS role that the pods take by IRSA. With Pod Identity an association names the ServiceAccount, and nothing stands here"
}

variable "pod_annotations" {
  type        = map(string)
  default     = {}
  description = "Annotations of the pods"
}

variable "node_selector" {
  type        = map(string)
  default     = null
  description = "Labels that nodes must have"
}

variable "tolerations" {
  type        = any
  default     = []
  description = "Taints that are put up with, besides that of GPU nodes"
}

variable "host" {
  type        = string
  default     = null
  description = "The host name of an Ingress; none is made without it"
}

variable "ingress" {
  type = object({
    class_name  = optional(string)
    tls_secret  = optional(string)
    annotations = optional(map(string), {})
  })
  default     = {}
  description = "The Ingress: its class, the Secret of its certificate (`NAME-tls` if not given), its annotations"
}

variable "callers" {
  type        = list(string)
  default     = ["ingress-nginx"]
  description = "Namespaces whose pods may ask the model, besides its own"
}

variable "monitoring_namespace" {
  type        = string
  default     = "monitoring"
  description = "The namespace of Prometheus, which may read metrics"
}

variable "egress_ports" {
  type        = list(number)
  default     = [443]
  description = "TCP ports that the server may reach anywhere: those of buckets and registries"
}

variable "prometheus_operator" {
  type        = bool
  default     = null
  description = "Whether a ServiceMonitor and a PrometheusRule are made where the manifest has monitoring. If not given: where the cluster has these kinds. Give it where the cluster or the operator is made in the same plan"
}

variable "ready_timeout" {
  type        = string
  default     = "10m"
  description = "How long a rollout may take until it has failed"
}
