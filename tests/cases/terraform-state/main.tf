variable "password" {
  type      = string
  sensitive = true
  default   = "correct-horse-battery"
}

resource "terraform_data" "plain" {
  input = { name = "iris", replicas = 3, tags = ["a", "b"] }
}

resource "terraform_data" "counted" {
  count            = 2
  input            = count.index
  triggers_replace = [terraform_data.plain.id]
}

resource "terraform_data" "named" {
  for_each = { "eu" = 1, "us \"east\" $${x}" = 2 }
  input    = each.value
}

resource "terraform_data" "secret" {
  input = { user = "ada", password = var.password }
}

resource "terraform_data" "empty" {}

module "regions" {
  source   = "./m"
  for_each = toset(["eu", "us"])
  secret   = var.password
  name     = each.key
}

module "numbered" {
  source = "./m"
  count  = 1
  secret = "not-the-same-secret"
  name   = terraform_data.counted[1].output
}

output "name" {
  value = terraform_data.plain.output.name
}

output "all" {
  value = [for region, m in module.regions : m.name]
}

output "numbers" {
  value = { for key, one in terraform_data.named : key => one.output }
}

output "password" {
  value     = var.password
  sensitive = true
}
