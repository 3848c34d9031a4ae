"""The OpenAPI document, built from the calls and the schemas of their answers."""
