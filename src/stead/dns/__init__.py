"""Names: a question and the cache make an answer. No socket."""
