# A configuration with tests: `mlo test examples/tested`.

variable "models" {
  description = "Where models answer, by their names."
  type        = map(string)

  validation {
    condition     = alltrue([for url in values(var.models) : startswith(url, "https://")])
    error_message = "Every model answers by https."
  }
}

resource "local_file" "card" {
  for_each = var.models
  filename = "${each.key}.json"
  content  = jsonencode({ name = each.key, url = each.value })
}

output "cards" {
  description = "The digest of each model's card."
  value       = { for name, card in local_file.card : name => card.content_sha256 }
}
