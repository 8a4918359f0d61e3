variable "secret" {
  type      = string
  sensitive = true
}

variable "name" {}


resource "terraform_data" "inner" {
  count = 2
  input = "${var.name}-${count.index}"
}

resource "terraform_data" "kept" {
  input            = var.secret
  triggers_replace = terraform_data.inner[0].id
}

output "name" {
  value = terraform_data.inner[1].output
}
