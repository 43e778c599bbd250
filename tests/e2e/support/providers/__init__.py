"""OpenID Connect providers that the tests install only when asked (`make e2e PROVIDERS=all`)."""
