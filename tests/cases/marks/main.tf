resource "terraform_data" "u" { input = 1 }
locals {
  # Not known yet.
  u  = terraform_data.u.output
  us = tostring(local.u)
  un = tonumber(local.u)
  ul = tolist([local.us])
  # Templates.
  t  = "b $${name}"
  st = sensitive(local.t)
}
