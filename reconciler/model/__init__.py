"""VALUES: what is declared and what is stored. No I/O, no clock, no environment, no randomness."""
