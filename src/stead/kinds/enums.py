"""Fields that take one of a few words: what `kubectl explain` lists under ENUM, by type and field.

Only the words that upstream publishes so: some fields take few words and are not published as such.
"""

from collections.abc import Mapping

_PROTOCOL = "SCTP TCP UDP"
_FAMILY = " IPv4 IPv6"
_MODE = "Block Filesystem"
_ACCESS = "ReadOnlyMany ReadWriteMany ReadWriteOnce ReadWriteOncePod"
_RECLAIM = "Delete Recycle Retain"
_SELECTS = "DoesNotExist Exists Gt In Lt NotIn"
_EFFECT = "NoExecute NoSchedule PreferNoSchedule"
_INCLUSION = "Honor Ignore"
_PULL = "Always IfNotPresent Never"
_ENDING = "FallbackToLogsOnError File"
_SCOPES = "BestEffort CrossNamespacePodAffinity NotBestEffort NotTerminating PriorityClass Terminating"

_WORDS: Mapping[str, str] = {
    "apps.v1.StatefulSetSpec.podManagementPolicy": "OrderedReady Parallel",
    "apps.v1.StatefulSetUpdateStrategy.type": "OnDelete RollingUpdate",
    "core.v1.AppArmorProfile.type": "Localhost RuntimeDefault Unconfined",
    "core.v1.AzureDiskVolumeSource.cachingMode": "None ReadOnly ReadWrite",
    "core.v1.AzureDiskVolumeSource.kind": "Dedicated Managed Shared",
    "core.v1.Container.imagePullPolicy": _PULL,
    "core.v1.Container.terminationMessagePolicy": _ENDING,
    "core.v1.ContainerPort.protocol": _PROTOCOL,
    "core.v1.EndpointPort.protocol": _PROTOCOL,
    "core.v1.EphemeralContainer.imagePullPolicy": _PULL,
    "core.v1.EphemeralContainer.terminationMessagePolicy": _ENDING,
    "core.v1.HTTPGetAction.scheme": "HTTP HTTPS",
    "core.v1.HostPathVolumeSource.type": (
        " BlockDevice CharDevice Directory DirectoryOrCreate File FileOrCreate Socket"
    ),
    "core.v1.ImageVolumeSource.pullPolicy": _PULL,
    "core.v1.ModifyVolumeStatus.status": "InProgress Infeasible Pending",
    "core.v1.NamespaceStatus.phase": "Active Terminating",
    "core.v1.NodeSelectorRequirement.operator": _SELECTS,
    "core.v1.NodeStatus.phase": "Pending Running Terminated",
    "core.v1.PersistentVolumeClaimSpec.accessModes": _ACCESS,
    "core.v1.PersistentVolumeClaimSpec.volumeMode": _MODE,
    "core.v1.PersistentVolumeClaimStatus.accessModes": _ACCESS,
    "core.v1.PersistentVolumeClaimStatus.phase": "Bound Lost Pending",
    "core.v1.PersistentVolumeSpec.accessModes": _ACCESS,
    "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy": _RECLAIM,
    "core.v1.PersistentVolumeSpec.volumeMode": _MODE,
    "core.v1.PersistentVolumeStatus.phase": "Available Bound Failed Pending Released",
    "core.v1.PodSecurityContext.fsGroupChangePolicy": "Always OnRootMismatch",
    "core.v1.PodSecurityContext.supplementalGroupsPolicy": "Merge Strict",
    "core.v1.PodSpec.dnsPolicy": "ClusterFirst ClusterFirstWithHostNet Default None",
    "core.v1.PodSpec.preemptionPolicy": "Never PreemptLowerPriority",
    "core.v1.PodSpec.restartPolicy": "Always Never OnFailure",
    "core.v1.PodStatus.phase": "Failed Pending Running Succeeded Unknown",
    "core.v1.PodStatus.qosClass": "BestEffort Burstable Guaranteed",
    "core.v1.PortStatus.protocol": _PROTOCOL,
    "core.v1.ResourceQuotaSpec.scopes": f"{_SCOPES} VolumeAttributesClass",
    "core.v1.ScopedResourceSelectorRequirement.operator": "DoesNotExist Exists In NotIn",
    "core.v1.ScopedResourceSelectorRequirement.scopeName": f"{_SCOPES} VolumeAttributesClass",
    "core.v1.SeccompProfile.type": "Localhost RuntimeDefault Unconfined",
    "core.v1.SecurityContext.procMount": "Default Unmasked",
    "core.v1.ServicePort.protocol": _PROTOCOL,
    "core.v1.ServiceSpec.externalTrafficPolicy": "Cluster Local",
    "core.v1.ServiceSpec.internalTrafficPolicy": "Cluster Local",
    "core.v1.ServiceSpec.ipFamilies": _FAMILY,
    "core.v1.ServiceSpec.ipFamilyPolicy": "PreferDualStack RequireDualStack SingleStack",
    "core.v1.ServiceSpec.sessionAffinity": "ClientIP None",
    "core.v1.ServiceSpec.type": "ClusterIP ExternalName LoadBalancer NodePort",
    "core.v1.Taint.effect": _EFFECT,
    "core.v1.Toleration.effect": _EFFECT,
    "core.v1.Toleration.operator": "Equal Exists Gt Lt",
    "core.v1.TopologySpreadConstraint.nodeAffinityPolicy": _INCLUSION,
    "core.v1.TopologySpreadConstraint.nodeTaintsPolicy": _INCLUSION,
    "core.v1.TopologySpreadConstraint.whenUnsatisfiable": "DoNotSchedule ScheduleAnyway",
    "core.v1.VolumeMount.mountPropagation": "Bidirectional HostToContainer None",
    "discovery.v1.EndpointPort.protocol": _PROTOCOL,
    "discovery.v1.EndpointSlice.addressType": "FQDN IPv4 IPv6",
    "policy.v1.PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": "AlwaysAllow IfHealthyBudget",
    "storage.v1.StorageClass.reclaimPolicy": _RECLAIM,
    "storage.v1.StorageClass.volumeBindingMode": "Immediate WaitForFirstConsumer",
}


def words_of(type_name: str, field: str) -> list[str]:
    """The words a field takes, in the order of the alphabet; none where any will do."""
    listed = _WORDS.get(f"{type_name}.{field}")
    return listed.split(" ") if listed is not None else []


def places() -> list[str]:
    """Every field there are words for."""
    return list(_WORDS)
