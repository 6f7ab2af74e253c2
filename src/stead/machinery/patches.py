"""The three patch types of the API, as pure functions on plain JSON: nothing given is changed, what is equal is shared.

`json_patch(obj, operations)`         RFC 6902
`merge_patch(obj, patch)`             RFC 7386, nulls pruned as the API prunes them
`strategic_merge(obj, patch, shape)`  lists merged by key, with directives

All raise `PatchError`, a ValueError with the HTTP code the API answers.
"""

from stead.machinery.jsonpatch import MAX_OPERATIONS, PatchError, json_patch, merge_patch
from stead.machinery.strategic import strategic_merge

__all__ = ["MAX_OPERATIONS", "PatchError", "json_patch", "merge_patch", "strategic_merge"]
