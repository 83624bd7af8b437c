"""Base providers as data: one BaseProvider manifest a file, in the format that users write."""
