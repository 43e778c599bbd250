"""The demo: a host page, and a stand-in for a company's identity provider and backend."""
