"""A number or a share: `maxUnavailable: 1` or `"25%"`, and the two ways to round a share."""

import re

_PERCENT = re.compile(r"-?[0-9]+%", re.ASCII)
_LONGEST = 12


def is_percent(written: object) -> bool:
    """Whether it is a share of something, `25%`."""
    return isinstance(written, str) and len(written) <= _LONGEST and _PERCENT.fullmatch(written) is not None


def scaled(written: int | str, total: int, *, rounds_up: bool) -> int:
    """The number meant, of `total`: the number itself, or the share rounded up or down.

    ValueError in the API's words for text that is no share.
    """
    if isinstance(written, int):
        return written
    if not is_percent(written):
        raise ValueError("invalid value for IntOrString: invalid type: string is not a percentage")
    share = int(written[:-1]) * total
    return -(-share // 100) if rounds_up else share // 100
