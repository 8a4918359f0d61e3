output "name" {
  value       = local.name
  description = "The name of the Deployment, the Service and what belongs to them"
}

output "namespace" {
  value       = local.namespace
  description = "The namespace that they are in"
}

output "url" {
  value       = var.host == null ? "http://${local.name}.${local.namespace}.svc" : "https://${var.host}"
  description = "Where the model answers: the Ingress's host, or the Service within the cluster"
}

output "endpoints" {
  value = { for name in ["health", "ready", "predict", "metrics"] : name => join("/", [
    var.host == null ? "http://${local.name}.${local.namespace}.svc" : "https://${var.host}", name,
  ]) }
  description = "URLs of the model"
}

output "image" {
  value       = var.image
  description = "The image that runs"
}

output "replicas" {
  value       = local.replicas
  description = "Replicas that it begins with"
}

output "rules" {
  value       = local.rule_groups
  description = "Groups of recording and alerting rules, for a Prometheus without the operator"
}
