"""The Accounts page: what `status` knows, for people with a browser, and the way for them to consent (extra `web`)."""
