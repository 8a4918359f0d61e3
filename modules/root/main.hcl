# What a folder means that has manifests and no HCL: every model is served on this machine.

module "model" {
  for_each = manifest
  source   = "mlo://model-deployment/local"
  model    = each.value
}

output "endpoints" {
  value       = { for name, model in module.model : name => model.endpoints }
  description = "URLs of every model, by its name"
}
