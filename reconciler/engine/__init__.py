"""Drives decisions against ports. Knows no YAML, no HTTP, no click."""
