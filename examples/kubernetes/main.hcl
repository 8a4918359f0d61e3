# The models of this folder, each served by a Kubernetes cluster: the one that `kubectl` talks to.

variable "image" {
  type        = string
  description = "The server's image, by its digest"
  default     = "registry.example.com/mlo-runtime@sha256:3f1c0c5d7d3b6f2d0f6b0a3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70"
}

module "model" {
  for_each         = manifest
  source           = "mlo://model-deployment/kubernetes"
  model            = each.value
  image            = var.image
  create_namespace = true
}

output "endpoints" {
  value = { for name, model in module.model : name => model.endpoints }
}
