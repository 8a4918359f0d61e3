variable "name" {
  type = string
}

variable "extra" {}

resource "terraform_data" "one" {
  input      = { name = var.name, extra = var.extra, upper = upper(var.name) }
  depends_on = [terraform_data.two]
}

resource "terraform_data" "two" {
  input = "fixed"
}

output "id" {
  value = terraform_data.one.id
}
