"""DECISIONS: pure functions of (desired, observed, now)."""
