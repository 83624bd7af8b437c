"""The pages that a person sees: server-rendered, no scripts, nothing loaded from elsewhere."""
