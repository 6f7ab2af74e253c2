"""Containers as Linux namespaces, with nothing installed.

Two halves that never mix. The calm half (`runtime`, `pods`, `handlers`, `sessions`, `addresses`, `recipes`, `facts`
in `probe`) is asyncio and lives in stead. The small half (`keeper`, `shim`, `container`, `rootfs`, `network`,
`linux`, `wire`) is synchronous, single-threaded and imports the standard library only: it runs as `python3 -I -S` and
outlives stead. Isolation for convenience, not a security boundary.
"""
