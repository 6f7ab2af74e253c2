"""What a pod may not say of where it runs: affinity, tolerations, spread and gates."""

from collections.abc import Callable

from stead.kinds.checks import POSITIVE, Errors, faults, known
from stead.kinds.labelselector import validate_selector
from stead.kinds.syntax import label_faults, label_value_faults, qualified_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.objects import Json

TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NOT_AN_OPERATOR = "not a valid selector operator"


def validate_affinity(affinity: Json, path: str) -> Errors:
    errors = _node_affinity_errors(affinity.get("nodeAffinity") or {}, f"{path}.nodeAffinity")
    for member in ("podAffinity", "podAntiAffinity"):
        errors += _pod_affinity_errors(affinity.get(member) or {}, f"{path}.{member}")
    return errors


def _node_affinity_errors(affinity: Json, path: str) -> Errors:
    errors: Errors = []
    if affinity.get(_REQUIRED) is not None:
        errors += validate_node_selector(affinity[_REQUIRED], f"{path}.{_REQUIRED}")
    for index, preferred in enumerate(affinity.get(_PREFERRED) or []):
        at = f"{path}.{_PREFERRED}[{index}]"
        errors += _weight_errors(preferred, at)
        errors += _term_errors(preferred.get("preference") or {}, f"{at}.preference", checks_values=False)
    return errors


def validate_node_selector(selector: Json, path: str) -> Errors:
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        return [fields.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    errors: Errors = []
    for index, term in enumerate(terms):
        errors += _term_errors(term, f"{path}.nodeSelectorTerms[{index}]", checks_values=True)
    return errors


def _term_errors(term: Json, path: str, *, checks_values: bool) -> Errors:
    errors: Errors = []
    for index, expression in enumerate(term.get("matchExpressions") or []):
        at = f"{path}.matchExpressions[{index}]"
        errors += _operator_errors(expression, at)
        errors += faults(f"{at}.key", expression.get("key", ""), qualified_name_faults(expression.get("key", "")))
        errors += _each_value(expression, at, label_value_faults) if checks_values else []
    for index, expression in enumerate(term.get("matchFields") or []):
        errors += _field_errors(expression, f"{path}.matchFields[{index}]")
    return errors


def _operator_errors(expression: Json, path: str) -> Errors:
    operator, values = expression.get("operator", ""), expression.get("values") or []
    if operator in ("In", "NotIn"):
        told = "must be specified when `operator` is 'In' or 'NotIn'"
        return [] if values else [fields.required(f"{path}.values", told)]
    if operator in ("Exists", "DoesNotExist"):
        told = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        return [fields.forbidden(f"{path}.values", told)] if values else []
    if operator in ("Gt", "Lt"):
        told = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        return [] if len(values) == 1 else [fields.required(f"{path}.values", told)]
    return [fields.invalid(f"{path}.operator", operator, _NOT_AN_OPERATOR)]


def _field_errors(expression: Json, path: str) -> Errors:
    operator, values, key = expression.get("operator", ""), expression.get("values") or [], expression.get("key", "")
    errors: Errors = []
    if operator not in ("In", "NotIn"):
        errors.append(fields.invalid(f"{path}.operator", operator, _NOT_AN_OPERATOR))
    elif len(values) != 1:
        told = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        errors.append(fields.required(f"{path}.values", told))
    if key != "metadata.name":
        return [*errors, fields.invalid(f"{path}.key", key, "not a valid field selector key")]
    return [*errors, *_each_value(expression, path, subdomain_faults)]


def _each_value(expression: Json, path: str, rule: Callable[[str], list[str]]) -> Errors:
    errors: Errors = []
    for index, value in enumerate(expression.get("values") or []):
        errors += faults(f"{path}.values[{index}]", value, rule(value))
    return errors


def _weight_errors(weighted: Json, path: str) -> Errors:
    weight = weighted.get("weight", 0)
    return [] if 0 < weight <= 100 else [fields.invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def _pod_affinity_errors(affinity: Json, path: str) -> Errors:
    errors: Errors = []
    for index, term in enumerate(affinity.get(_REQUIRED) or []):
        errors += _pod_term_errors(term, f"{path}.{_REQUIRED}[{index}]")
    for index, weighted in enumerate(affinity.get(_PREFERRED) or []):
        at = f"{path}.{_PREFERRED}[{index}]"
        errors += _weight_errors(weighted, at)
        errors += _pod_term_errors(weighted.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")
    return errors


def _pod_term_errors(term: Json, path: str) -> Errors:
    errors = validate_selector(term.get("labelSelector"), f"{path}.labelSelector")
    errors += validate_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or []:
        errors += faults(f"{path}.namespace", name, label_faults(name))
    errors += _own_key_errors(term, path)
    topology = term.get("topologyKey", "")
    if not topology:
        errors.append(fields.required(f"{path}.topologyKey", "can not be empty"))
    return [*errors, *faults(f"{path}.topologyKey", topology, qualified_name_faults(topology))]


def _own_key_errors(term: Json, path: str) -> Errors:
    """Keys of labels whose values the pod brings itself; a new pod's selectors hold them already."""
    selector = term.get("labelSelector")
    matched, mismatched = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    errors = _label_key_errors(matched, selector, f"{path}.matchLabelKeys")
    errors += _label_key_errors(mismatched, selector, f"{path}.mismatchLabelKeys")
    errors += _selected_twice_errors(matched, selector or {}, path)
    told = "exists in both matchLabelKeys and mismatchLabelKeys"
    both = [(index, key) for index, key in enumerate(matched) if key in mismatched]
    return [*errors, *(fields.invalid(f"{path}.matchLabelKeys[{index}]", key, told) for index, key in both)]


def _label_key_errors(keys: list[str], selector: Json | None, path: str) -> Errors:
    if not keys:
        return []
    if selector is None:
        return [fields.forbidden(path, "must not be specified when labelSelector is not set")]
    errors: Errors = []
    for index, key in enumerate(keys):
        errors += faults(f"{path}[{index}]", key, qualified_name_faults(key))
    return errors


def _selected_twice_errors(keys: list[str], selector: Json, path: str) -> Errors:
    places = {key: index for index, key in enumerate(keys)}
    seen = {*(selector.get("matchLabels") or {})}
    errors: Errors = []
    for expression in selector.get("matchExpressions") or []:
        key = expression.get("key", "")
        if key in places and key in seen:
            told = "exists in both matchLabelKeys and labelSelector"
            errors.append(fields.invalid(f"{path}[{places[key]}]", key, told))
        seen.add(key)
    return errors


def validate_tolerations(tolerations: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, toleration in enumerate(tolerations):
        errors += _toleration_errors(toleration, f"{path}[{index}]")
    return errors


def _toleration_errors(toleration: Json, path: str) -> Errors:
    key, operator, effect = (toleration.get(member) or "" for member in ("key", "operator", "effect"))
    errors = faults(f"{path}.key", key, qualified_name_faults(key)) if key else []
    if not key and operator != "Exists":
        told = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        errors.append(fields.invalid(f"{path}.operator", operator, told))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        told = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        errors.append(fields.invalid(f"{path}.effect", effect, told))
    errors += _toleration_value_errors(toleration.get("value") or "", operator, f"{path}.operator")
    return errors + (known(f"{path}.effect", effect, TAINT_EFFECTS) if effect else [])


def _toleration_value_errors(value: str, operator: str, path: str) -> Errors:
    if operator in ("", "Equal"):
        found = label_value_faults(value)
        return [fields.invalid(path, value, ";".join(found))] if found else []
    if operator == "Exists":
        told = "value must be empty when `operator` is 'Exists'"
        return [fields.invalid(path, value, told)] if value else []
    return [fields.not_supported(path, operator, ["Equal", "Exists"])]


def validate_spread(constraints: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, constraint in enumerate(constraints):
        errors += _spread_errors(constraint, constraints[index + 1 :], f"{path}[{index}]")
    return errors


def _spread_errors(constraint: Json, others: list[Json], path: str) -> Errors:
    skew, topology = constraint.get("maxSkew", 0), constraint.get("topologyKey", "")
    action = constraint.get("whenUnsatisfiable", "")
    errors = [] if skew > 0 else [fields.invalid(f"{path}.maxSkew", skew, POSITIVE)]
    if not topology:
        errors.append(fields.required(f"{path}.topologyKey", "can not be empty"))
    errors += known(f"{path}.whenUnsatisfiable", action, ["DoNotSchedule", "ScheduleAnyway"])
    if any((o.get("topologyKey", ""), o.get("whenUnsatisfiable", "")) == (topology, action) for o in others):
        pair = f"{path}.{{topologyKey, whenUnsatisfiable}}"
        errors.append(fields.duplicate(pair, f"{{{topology}, {action}}}"))
    errors += _min_domain_errors(constraint.get("minDomains"), action, f"{path}.minDomains")
    for member in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        policy = constraint.get(member)
        errors += known(f"{path}.{member}", policy, ["Honor", "Ignore"]) if policy is not None else []
    errors += _own_key_errors(constraint, path)
    return [*errors, *validate_selector(constraint.get("labelSelector"), f"{path}.labelSelector")]


def _min_domain_errors(number: int | None, action: str, path: str) -> Errors:
    if number is None:
        return []
    errors = [] if number > 0 else [fields.invalid(path, number, POSITIVE)]
    if action != "DoNotSchedule":
        told = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        errors.append(fields.invalid(path, number, told))
    return errors


def validate_gates(gates: list[Json], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        name = gate.get("name", "")
        errors += faults(f"{path}[{index}]", name, qualified_name_faults(name))
        if name in seen:
            errors.append(fields.duplicate(f"{path}[{index}]", name))
        seen.add(name)
    return errors
