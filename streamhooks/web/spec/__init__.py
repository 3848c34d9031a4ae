"""The OpenAPI document, made from the calls and the shapes of their answers."""
