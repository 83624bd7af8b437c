"""OAuth2 providers and accounts as code: declared in Git, reconciled by CI, tokens kept in Vault."""

__version__ = "0.1.0"
