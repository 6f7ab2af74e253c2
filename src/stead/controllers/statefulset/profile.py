"""Which Kubernetes this controller behaves like: one switch for each difference between versions (section 0)."""

from msgspec import Struct
from msgspec.structs import replace


class Profile(Struct, frozen=True):
    """The switches. 1.36 is what a `Profile("v1.36")` says; later behaviour is never passed off as 1.36.

    has_max_unavailable               `rollingUpdate.maxUnavailable` counts (RU-5; the gate MaxUnavailableStatefulSet)
    rolls_broken_first                it is spent on broken old pods before healthy ones (RU-8, #137666)
    has_semantic_comparison           a revision that means the same is kept after defaults changed (RV-4)
    promotes_on_delete                an OnDelete set completes when all its pods are updated (ST-6, #136833)
    condemns_before_filling           a parallel set scales down before it fills gaps (SD-8, #141057)
    completes_when_available          completion waits for minReadySeconds too (#139307, open upstream)
    refuses_leading_zeros             `web-01` is no member of `web` (ID-3, #141094, open upstream)
    """

    name: str
    has_max_unavailable: bool = False
    rolls_broken_first: bool = False
    has_semantic_comparison: bool = True
    promotes_on_delete: bool = False
    condemns_before_filling: bool = False
    completes_when_available: bool = False
    refuses_leading_zeros: bool = False


V1_36 = Profile("v1.36")
V1_37 = replace(
    V1_36,
    name="v1.37",
    has_max_unavailable=True,
    rolls_broken_first=True,
    promotes_on_delete=True,
    condemns_before_filling=True,
)

PROFILES = {"v1_36": V1_36, "v1_37": V1_37}
