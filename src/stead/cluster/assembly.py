"""The list of controllers of this stead, their indexes, and the kernel around them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from msgspec import Struct, field
from msgspec.structs import replace

from stead.api.server import Api
from stead.cluster.config import CONTROLLERS, Config
from stead.cluster.kernel import Cluster
from stead.cluster.members import Aboard, Member
from stead.cluster.routes import Routes
from stead.cluster.tokens import PodTokens
from stead.cluster.ways import Ways
from stead.controllers import garbage, protection
from stead.controllers.accounts import RootCertificates, ServiceAccounts
from stead.controllers.binder.controller import Binder
from stead.controllers.binder.shelves import Shelves
from stead.controllers.disruption import Budgets, Disruption
from stead.controllers.endpoints.controller import Endpoints
from stead.controllers.endpoints.rolls import Rolls
from stead.controllers.kubelet.observed import Residents
from stead.controllers.kubelet.reconcile import Kubelet
from stead.controllers.kubelet.settings import Settings
from stead.controllers.kubelet.tenants import Tenants
from stead.controllers.namespaces import Namespaces
from stead.controllers.nodelife import Census, NodeLife
from stead.controllers.nodes import Cordons, Facts, Nodes
from stead.controllers.podgc import Finished, PodGarbage
from stead.controllers.provisioner import Provisioner
from stead.controllers.scheduler.controller import Scheduler
from stead.controllers.scheduler.line import Line
from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import PROFILES, Profile
from stead.controllers.statefulset.slots import Slots
from stead.controllers.tainteviction import Patience, TaintEviction
from stead.dns.names import NameIndex
from stead.kinds import statefulset
from stead.kinds.placed import Placed
from stead.kinds.registry import BUILT_IN, Registry
from stead.machinery.cache import Index
from stead.machinery.plan import AnyController
from stead.machinery.times import Now
from stead.store.log import Store


class Surroundings(Struct, frozen=True):
    """What only a shell knows.

    `facts`: what each node is, by its name. `address`: where the API listens, as clients are told. `authority`: the CA
    in PEM. `clock` dates the tokens of pods, which get none without it. `token_key` signs them; without one, they last
    as long as this process. `ways`: how containers find the API.
    """

    facts: Mapping[str, Facts] = field(default_factory=dict)
    address: str = ""
    authority: str = ""
    clock: Callable[[], Now] | None = None
    token_key: bytes = b""
    admin_token: str = ""
    ways: Ways = Ways()


def cluster(
    config: Config, store: Store, members: Sequence[Member], chance: Random, *, around: Surroundings | None = None
) -> Cluster:
    """The kernel with the controllers that `config` names, those of a node once for each of `members`."""
    around = around or Surroundings()
    api = Api(
        store,
        _kinds(PROFILES[config.profile]),
        chance,
        cluster_domain=config.cluster_domain,
        service_cidr=config.service_cidr,
        server_address=around.address or f"{config.host}:{config.port}",
        token_key=around.token_key,
        admin_token=around.admin_token,
        not_ready_seconds=config.not_ready_toleration_seconds,
        unreachable_seconds=config.unreachable_toleration_seconds,
    )
    settings = Settings(
        config.cluster_domain,
        environment=around.ways.every,
        host_environment=around.ways.host,
        make_token=PodTokens(api, around.clock) if around.clock else None,
    )
    makers = _makers(config, around.authority)
    controllers: list[AnyController] = []
    for name in CONTROLLERS:
        if name in makers and name in config.controllers:
            controllers.append(makers[name]())
        elif name in config.controllers:
            controllers += _aboard(name, config, members, (settings, around))
    return Cluster(store, api, controllers=controllers, indexes=indexes(config), members=members)


def _aboard(
    name: str, config: Config, members: Sequence[Member], known: tuple[Settings, Surroundings]
) -> Iterator[Aboard]:
    """A controller of every node."""
    settings, around = known
    for number, member in enumerate(members):
        facts = around.facts.get(member.name) or _told(config, member.name)
        made = Kubelet(member.name, settings) if name == "kubelet" else Nodes(facts, renews_after=config.renew_seconds)
        yield Aboard(made, member, is_first=number == 0)


def _kinds(profile: Profile) -> Registry:
    """What is served; a profile that knows maxUnavailable takes it in."""
    return BUILT_IN.extended(statefulset.WITH_MAX_UNAVAILABLE) if profile.has_max_unavailable else BUILT_IN


def _told(config: Config, name: str) -> Facts:
    """A node that no machine stands behind."""
    facts = Facts(name, labels=config.labels_of(name), pod_cidr=config.pod_cidr_of(name))
    return replace(facts, capacity={**facts.capacity, **config.capacity_of(name)})


def _makers(config: Config, authority: str) -> dict[str, Callable[[], AnyController]]:
    """By name, those of the whole cluster."""
    return {
        "statefulset": lambda: StatefulSetController(PROFILES[config.profile]),
        "scheduler": Scheduler,
        "binder": Binder,
        "provisioner": lambda: Provisioner(str(config.volumes_path)),
        "endpoints": Endpoints,
        "garbage": garbage.Garbage,
        "namespace": Namespaces,
        "serviceaccount": ServiceAccounts,
        "root-ca": lambda: RootCertificates(authority),
        "podgc": PodGarbage,
        "protection": protection.Protection,
        "disruption": Disruption,
        "nodelife": lambda: NodeLife(config.node_monitor_grace_seconds),
        "tainteviction": TaintEviction,
    }


def indexes(config: Config) -> list[Index]:
    """All that is folded forward, for the rounds of controllers and for the shells."""
    return [
        Slots(PROFILES[config.profile]),
        Residents(),
        Tenants(),
        garbage.Uids(),
        Line(),
        Rolls(),
        Shelves(),
        Placed(),
        Finished(),
        Patience(),
        Census(),
        Cordons(),
        Budgets(),
        protection.Users(),
        NameIndex(),
        Routes(),
    ]
