// Runs a program of this folder: `node running.mjs with_client_node NAMESPACE`; see running.py, whose twin this is.
// Packages are looked for from CLIENTS_HOME, because modules do not look into NODE_PATH.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const home = createRequire(join(process.env.CLIENTS_HOME, "package.json"));
const k8s = await import(home.resolve("@kubernetes/client-node"));
const [name, namespace] = process.argv.slice(2);
const program = await import(`./${name}.mjs`);
const version = JSON.parse(readFileSync(join(process.env.CLIENTS_HOME, "package.json"))).dependencies[program.CLIENT];

function say(told) {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

export async function until(what, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not after ${seconds} s: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

say({ client: `${program.CLIENT} ${version.replace(/^[^0-9]*/, "")}` });
const config = new k8s.KubeConfig();
config.loadFromDefault();
for (const feature of program.FEATURES) {
  let told = "ok";
  try {
    await feature({ k8s, config, namespace, until });
  } catch (error) {
    told = String(error.stack ?? error);
  }
  say({ feature: feature.name, told });
}
process.exit(0);
