"""A local authorization server and resource server, for the demo and for users' own tests."""
