"""Plans and reports as text, JSON, Markdown and CI annotations. Pure."""
