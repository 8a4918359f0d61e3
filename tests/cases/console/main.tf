variable "secret" {
  default   = "hunter2"
  sensitive = true
}
variable "unset" {}
variable "unset_s" { type = string }
variable "unset_o" { type = object({ a = string }) }
variable "eph" {
  default   = "e"
  ephemeral = true
}
variable "objs" {
  type    = list(object({ a = optional(string), b = number }))
  default = [{ b = 1 }]
}
locals { x = 1 }
