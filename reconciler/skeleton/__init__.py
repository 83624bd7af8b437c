"""The files that `reconciler init` writes: a repository of manifests that works at once.

The manifests and what CI runs are the examples of this repository, byte for byte but for the manifests' first line,
which says where the schema is; a test holds them together. They are carried here because a wheel has no examples.
"""
