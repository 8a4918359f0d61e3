# One configuration, and what differs between development, staging and production.

variable "replicas" {
  type    = number
  default = 1
}

variable "title" {
  type    = string
  default = "Classifier"
}

environment "dev" {}

environment "staging" {
  variables = {
    replicas = 2
  }
}

environment "prod" {
  variables = {
    replicas = 3
    title    = "The classifier"
  }
}

resource "local_file" "card" {
  filename = "${mlo.environment}.txt"
  content  = "${var.title}: ${var.replicas} in ${mlo.environment}"
}

output "card" {
  value = local_file.card.content
}
