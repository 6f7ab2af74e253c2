"""What a label may be called and what it may say, with the API's words for what is wrong."""

import re

_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_NAME})?"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LONGEST_NAME = 63
_LONGEST_PREFIX = 253

_ALPHANUMERIC = (
    "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_WRONG_NAME = (
    f"must {_ALPHANUMERIC} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"
)
_WRONG_VALUE = (
    f"a valid label must be an empty string or {_ALPHANUMERIC} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)
_WRONG_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    f"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)

_is_name = re.compile(_NAME, re.ASCII).fullmatch
_is_value = re.compile(_VALUE, re.ASCII).fullmatch
_is_subdomain = re.compile(_SUBDOMAIN, re.ASCII).fullmatch


def key_errors(key: str) -> list[str]:
    """What is wrong with a label or annotation key (`app`, `example.com/app`); empty if nothing."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [
            f"a qualified name {_WRONG_NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    return (_prefix_errors(prefix) if slash else []) + _name_errors(name)


def value_errors(value: str) -> list[str]:
    """What is wrong with a label's value; empty if nothing."""
    errors = [_too_long(_LONGEST_NAME)] if len(value) > _LONGEST_NAME else []
    return errors if _is_value(value) else [*errors, _WRONG_VALUE]


def _name_errors(name: str) -> list[str]:
    errors = [] if name else ["name part must be non-empty"]
    if len(name) > _LONGEST_NAME:
        errors.append(f"name part {_too_long(_LONGEST_NAME)}")
    return errors if _is_name(name) else [*errors, f"name part {_WRONG_NAME}"]


def _prefix_errors(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    errors = [f"prefix part {_too_long(_LONGEST_PREFIX)}"] if len(prefix) > _LONGEST_PREFIX else []
    return errors if _is_subdomain(prefix) else [*errors, f"prefix part {_WRONG_SUBDOMAIN}"]


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"
