"""One technology a module; none imports another, but for the shared http."""
