// @kubernetes/client-node: typed reading and writing, watches, an informer.

import assert from "node:assert";

export const CLIENT = "@kubernetes/client-node";

const labels = { by: "test" };

function aSet(name) {
  const containers = [{ name: "db", image: "registry.example/db:1" }];
  return {
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 0, containers } },
    },
  };
}

function aMap(name, data) {
  return { metadata: { name, labels }, data };
}

async function can_create_scale_and_delete_a_set({ k8s, config, namespace, until }) {
  const apps = config.makeApiClient(k8s.AppsV1Api);
  const core = config.makeApiClient(k8s.CoreV1Api);
  const made = await apps.createNamespacedStatefulSet({ namespace, body: aSet("node") });
  assert.equal(made.spec.podManagementPolicy, "OrderedReady");
  const ready = async () => (await apps.readNamespacedStatefulSet({ name: "node", namespace })).status.readyReplicas;
  await until(async () => (await ready()) === 2);
  const pods = await core.listNamespacedPod({ namespace, labelSelector: "app=node" });
  assert.deepEqual(pods.items.map((pod) => pod.metadata.name), ["node-0", "node-1"]);
  const scale = await apps.readNamespacedStatefulSetScale({ name: "node", namespace });
  scale.spec.replicas = 1;
  await apps.replaceNamespacedStatefulSetScale({ name: "node", namespace, body: scale });
  await until(async () => (await ready()) === 1);
  await apps.deleteNamespacedStatefulSet({ name: "node", namespace, propagationPolicy: "Foreground" });
  await until(async () => (await core.listNamespacedPod({ namespace, labelSelector: "app=node" })).items.length === 0);
}

async function can_patch_in_each_way({ k8s, config, namespace }) {
  const core = config.makeApiClient(k8s.CoreV1Api);
  await core.createNamespacedConfigMap({ namespace, body: aMap("patched", { a: "1" }) });
  const patch = (body, strategy) =>
    core.patchNamespacedConfigMap({ name: "patched", namespace, body, fieldManager: "node" }, k8s.setHeaderOptions("Content-Type", strategy));
  await patch([{ op: "add", path: "/data/b", value: "2" }], k8s.PatchStrategy.JsonPatch);
  await patch({ data: { c: "3" } }, k8s.PatchStrategy.MergePatch);
  await patch({ data: { a: null } }, k8s.PatchStrategy.StrategicMergePatch);
  const applied = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "patched" }, data: { d: "4" } };
  const found = await patch(applied, k8s.PatchStrategy.ServerSideApply);
  assert.deepEqual(found.data, { b: "2", c: "3", d: "4" });
}

async function can_tell_refusals({ k8s, config, namespace }) {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const refused = async (deed, code) =>
    assert.rejects(deed, (error) => error.code === code && JSON.parse(error.body).kind === "Status");
  await refused(core.readNamespacedConfigMap({ name: "none", namespace }), 404);
  await refused(core.createNamespacedConfigMap({ namespace, body: aMap("patched") }), 409);
  await refused(core.createNamespacedConfigMap({ namespace, body: aMap("A") }), 422);
}

async function can_watch({ k8s, config, namespace }) {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const revision = (await core.listNamespacedConfigMap({ namespace })).metadata.resourceVersion;
  const seen = [];
  const options = { resourceVersion: revision, labelSelector: "by=test" };
  await new Promise((done, fail) => {
    const watching = new k8s.Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      options,
      (type, found) => {
        seen.push([type, found.data.a]);
        if (type === "DELETED") watching.then((controller) => controller.abort());
      },
      (error) => (seen.length === 3 ? done() : fail(error ?? new Error(`ended: ${seen}`))),
    );
    watching
      .then(() => core.createNamespacedConfigMap({ namespace, body: aMap("watched", { a: "1" }) }))
      .then((made) => core.replaceNamespacedConfigMap({ name: "watched", namespace, body: { ...made, data: { a: "2" } } }))
      .then(() => core.deleteNamespacedConfigMap({ name: "watched", namespace }))
      .catch(fail);
  });
  assert.deepEqual(seen, [["ADDED", "1"], ["MODIFIED", "2"], ["DELETED", "2"]]);
}

async function can_keep_an_informer({ k8s, config, namespace, until }) {
  const core = config.makeApiClient(k8s.CoreV1Api);
  await core.createNamespacedConfigMap({ namespace, body: aMap("before", {}) });
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: "by=test" });
  const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, list, "by=test");
  const seen = [];
  for (const what of ["add", "update", "delete"]) informer.on(what, (found) => seen.push(`${what} ${found.metadata.name}`));
  informer.on("error", (error) => seen.push(`error ${error}`));
  await informer.start();
  await until(() => seen.includes("add before"));
  const made = await core.createNamespacedConfigMap({ namespace, body: aMap("after", {}) });
  await until(() => seen.includes("add after"));
  await core.replaceNamespacedConfigMap({ name: "after", namespace, body: { ...made, data: { a: "1" } } });
  await until(() => seen.includes("update after"));
  assert.equal(informer.get("after", namespace).data.a, "1");
  await core.deleteNamespacedConfigMap({ name: "after", namespace });
  await until(() => seen.includes("delete after"));
  assert.equal(informer.get("after", namespace), undefined);
  await informer.stop();
  assert.ok(!seen.some((told) => told.startsWith("error")), seen.join());
}

async function can_use_kinds_it_does_not_know({ k8s, config, namespace }) {
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "mine", namespace } };
  await objects.create({ ...lease, spec: { holderIdentity: "me" } });
  const found = await objects.read(lease);
  assert.equal(found.spec.holderIdentity, "me");
  const custom = config.makeApiClient(k8s.CustomObjectsApi);
  const place = { group: "apps", version: "v1", namespace, plural: "statefulsets" };
  assert.deepEqual((await custom.listNamespacedCustomObject(place)).items, []);
  await objects.delete(lease);
}

export const FEATURES = [
  can_create_scale_and_delete_a_set,
  can_patch_in_each_way,
  can_tell_refusals,
  can_watch,
  can_keep_an_informer,
  can_use_kinds_it_does_not_know,
];
