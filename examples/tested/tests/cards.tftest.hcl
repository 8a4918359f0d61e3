variables {
  models = { iris = "https://models.example/iris" }
}

run "each_model_has_a_card" {
  command = plan

  assert {
    condition     = jsondecode(local_file.card["iris"].content).name == "iris"
    error_message = "The card does not name its model."
  }
}

run "a_card_is_written" {
  assert {
    condition     = fileexists(local_file.card["iris"].filename)
    error_message = "There is no file."
  }
  assert {
    condition     = output.cards.iris == sha256(local_file.card["iris"].content)
    error_message = "The digest is another one."
  }
}

run "plain_http_is_refused" {
  command = plan

  variables {
    models = { iris = "http://models.example/iris" }
  }
  expect_failures = [var.models]
}
