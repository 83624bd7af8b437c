"""The OAuth endpoints, on Authlib's server side. Only this package knows Authlib."""
