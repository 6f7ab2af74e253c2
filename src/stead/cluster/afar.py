"""The StatefulSet controller alone, seen from afar: what it watches, and its engine.

The remote shell and the simulation of it share this, so that what the simulation proves is what runs.
"""

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.slots import Slots
from stead.engine.rounds import Engine
from stead.machinery.cache import Cache
from stead.machinery.plan import Action, AnyController, Outcome
from stead.machinery.times import Now

NEEDED = ("StatefulSet", "Pod", "PersistentVolumeClaim", "ControllerRevision")
FOR_REASONS = ("Service", "Node", "StorageClass", "Namespace", "ResourceQuota")  # only to say why something waits
WATCHED = NEEDED + FOR_REASONS
RESTS_ON = NEEDED  # Q-7; upstream rests on all but revisions, and asks the API for one that it has met


def engine(controller: StatefulSetController) -> Engine:
    """Whoever turns it carries the actions out himself, for they take time (`begin`, `end`)."""
    return Engine([controller], Cache([Slots(controller.profile)]), _no_door, rests_on=RESTS_ON)


def _no_door(controller: AnyController, action: Action, now: Now) -> Outcome:
    raise AssertionError("rounds from afar are begun and ended, and not turned")
