import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../command.ts";
import { DEBIAN_PROGRAMS } from "./components.ts";
import { NETWORK, type Layout } from "./layout.ts";

const IP = DEBIAN_PROGRAMS.ip.path;
const IPTABLES = DEBIAN_PROGRAMS.iptables.path;

/** Chains of what the machine sends itself, and of what it passes on for pods. */
const SENDERS = ["OUTPUT", "FORWARD"] as const;

/** Makes the bridge that pods hang on, with the machine's own address on it, and says how pods get theirs. */
export async function ensureNetwork(layout: Layout): Promise<void> {
  if (!existsSync(`/sys/class/net/${NETWORK.bridge}`)) {
    await runCommand(IP, ["link", "add", NETWORK.bridge, "type", "bridge"]);
  }
  const prefix = NETWORK.pods.split("/")[1] ?? "";
  await runCommand(IP, ["address", "replace", `${NETWORK.machine}/${prefix}`, "dev", NETWORK.bridge]);
  await runCommand(IP, ["link", "set", NETWORK.bridge, "up"]);
  // Between "no endpoints" and the first one the proxy has no rule for a service: what is sent to it then would leave the machine, to
  // whoever answers there.
  await runCommand(IP, ["route", "replace", NETWORK.services, "dev", NETWORK.bridge]);
  for (const chain of SENDERS) await refuseUnserved(chain);
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  writeFileSync(join(layout.cni, "slipway.conflist"), JSON.stringify(cniConfig(layout), null, 2));
}

/**
 * Refuses what still has a service's address when the proxy's rules have seen it: nobody serves that. Were it let through to be lost, the
 * kernel would remember for two minutes that connections of this port go nowhere, those to a service that is there by then included.
 */
async function refuseUnserved(chain: (typeof SENDERS)[number]): Promise<void> {
  const rule = ["--destination", NETWORK.services, "--jump", "REJECT"];
  const isThere = await runCommand(IPTABLES, ["--wait", "--check", chain, ...rule]).then(
    () => true,
    () => false,
  );
  if (!isThere) await runCommand(IPTABLES, ["--wait", "--insert", chain, ...rule]);
}

/** Takes away the bridge, and what pods left among the machine's rules. */
export async function removeNetwork(): Promise<void> {
  if (existsSync(`/sys/class/net/${NETWORK.bridge}`)) await runCommand(IP, ["link", "delete", NETWORK.bridge]);
  for (const table of ["filter", "nat"]) await removeRules(table);
}

/** Rules that name an address of pods or services, then chains that only they led to. */
async function removeRules(table: string): Promise<void> {
  const list = async (start: string) =>
    (await runCommand(IPTABLES, ["--table", table, "--list-rules"]))
      .split("\n")
      .filter((line) => line.startsWith(start));
  const ours = [NETWORK.pods, NETWORK.services].map((range) => range.split(".").slice(0, 2).join("."));
  const rules = (await list("-A ")).filter((rule) => ours.some((start) => rule.includes(` ${start}.`)));
  // They are printed as a shell reads them.
  for (const rule of rules)
    await runCommand("sh", ["-c", `${IPTABLES} --table ${table} -D ${rule.slice("-A ".length)}`]);
  const chains = (await list("-N ")).map((line) => line.slice("-N ".length));
  for (const chain of chains.filter((name) => /^CNI-[0-9a-f]{24}$/.test(name))) {
    await runCommand(IPTABLES, ["--table", table, "--flush", chain]);
    // One that another network's rule still leads to stays.
    await runCommand(IPTABLES, ["--table", table, "--delete-chain", chain]).catch(() => undefined);
  }
}

function cniConfig(layout: Layout) {
  return {
    cniVersion: "0.4.0",
    name: "slipway",
    plugins: [
      {
        type: "bridge",
        bridge: NETWORK.bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: join(layout.cni, "addresses"),
          ranges: [[{ subnet: NETWORK.pods, gateway: NETWORK.machine }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
      // A Docker engine on the same machine drops what is forwarded and not its own.
      { type: "firewall", backend: "iptables" },
    ],
  };
}
