variable "secret" {
  type      = string
  sensitive = true
  default   = "hunter2-secret"
}

variable "names" {
  type    = set(string)
  default = ["x", "y"]
}

variable "size" {
  type        = number
  description = "How much"
  default     = 1
}

locals {
  prefix = "n"
}

resource "terraform_data" "a" {
  input            = { size = var.size, name = "a", list = ["p", "q"], none = null }
  triggers_replace = var.size
}

resource "terraform_data" "n" {
  count = var.size > 1 ? 1 : 2
  input = "${local.prefix}${count.index}"
}

resource "terraform_data" "s" {
  input = { token = var.secret, list = [var.secret, "open"] }
}

module "m" {
  source   = "./m"
  for_each = var.names
  name     = each.key
  extra    = terraform_data.a.id
}

output "a" {
  value = terraform_data.a.output
}

output "m" {
  value = { for key, one in module.m : key => one.id }
}

output "first" {
  value = [terraform_data.n[0].id, terraform_data.n[*].input]
}

output "s" {
  value       = var.secret
  sensitive   = true
  description = "the secret"
}

output "fixed" {
  value = [1, "two"]
}
