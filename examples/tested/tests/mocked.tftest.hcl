# Nothing is written here: a mock stands in for the provider.
mock_provider "local" {
  mock_resource "local_file" {
    defaults = {
      content_sha256 = "0000"
    }
  }
}

run "digests_are_told" {
  variables {
    models = { iris = "https://models.example/iris", churn = "https://models.example/churn" }
  }
  assert {
    condition     = output.cards == { churn = "0000", iris = "0000" }
    error_message = "The cards are ${jsonencode(output.cards)}."
  }
}
