/**
 * The rules of Pod Security `restricted` (those of `baseline` included), as the Kubernetes documentation lists them, for the fields of a
 * pod that its author writes. The API server enforces the same; this finds a breach without one.
 */

type Fields = Readonly<Record<string, unknown>>;

const VOLUMES = [
  ...["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"],
];

const SECCOMP = ["RuntimeDefault", "Localhost"];

/** Every breach in a pod's spec, each by the field's path; none means that it is let in. */
export function breaches(spec: Fields): string[] {
  const pod = fields(spec["securityContext"]);
  const containers = ["containers", "initContainers", "ephemeralContainers"].flatMap((key) =>
    list(spec[key]).map((container) => [`${key}.${String(container["name"])}`, container] as const),
  );
  return [
    ...["hostNetwork", "hostPID", "hostIPC"].filter((key) => spec[key] === true),
    ...list(spec["volumes"]).flatMap((volume) =>
      Object.keys(volume)
        .filter((kind) => kind !== "name" && !VOLUMES.includes(kind))
        .map((kind) => `volumes.${kind}`),
    ),
    ...contextBreaches(pod).map((breach) => `securityContext.${breach}`),
    // Some sysctls are safe; ours set none.
    ...(list(pod["sysctls"]).length > 0 ? ["securityContext.sysctls"] : []),
    ...(containers.length === 0 ? ["containers"] : []),
    ...containers.flatMap(([path, container]) =>
      containerBreaches(container, pod).map((breach) => `${path}.${breach}`),
    ),
  ];
}

function containerBreaches(container: Fields, pod: Fields): string[] {
  const own = fields(container["securityContext"]);
  const capabilities = fields(own["capabilities"]);
  const added = words(capabilities["add"]).filter((name) => name !== "NET_BIND_SERVICE");
  const seccomp = fields(own["seccompProfile"] ?? pod["seccompProfile"])["type"];
  const ports = list(container["ports"]);
  return [
    ...(own["privileged"] === true ? ["privileged"] : []),
    ...(own["allowPrivilegeEscalation"] === false ? [] : ["allowPrivilegeEscalation"]),
    ...((own["runAsNonRoot"] ?? pod["runAsNonRoot"]) === true ? [] : ["runAsNonRoot"]),
    ...contextBreaches(own),
    ...(typeof seccomp === "string" && SECCOMP.includes(seccomp) ? [] : ["seccompProfile"]),
    ...(words(capabilities["drop"]).includes("ALL") ? [] : ["capabilities.drop"]),
    ...added.map((name) => `capabilities.add.${name}`),
    ...(ports.some((port) => (port["hostPort"] ?? 0) !== 0) ? ["ports.hostPort"] : []),
    ...((own["procMount"] ?? "Default") === "Default" ? [] : ["procMount"]),
    ...questionsOf(container)
      .filter((question) => "host" in question)
      .map(() => "probe.host"),
  ];
}

const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/** What a pod and a container may both say. */
function contextBreaches(context: Fields): string[] {
  const selinux = fields(context["seLinuxOptions"]);
  return [
    ...(context["runAsUser"] === 0 ? ["runAsUser"] : []),
    ...(fields(context["windowsOptions"])["hostProcess"] === true ? ["windowsOptions.hostProcess"] : []),
    ...(fields(context["appArmorProfile"])["type"] === "Unconfined" ? ["appArmorProfile"] : []),
    ...(SELINUX_TYPES.includes(text(selinux["type"])) ? [] : ["seLinuxOptions.type"]),
    ...["user", "role"].filter((key) => text(selinux[key]) !== "").map((key) => `seLinuxOptions.${key}`),
  ];
}

/** What the kubelet asks of a container, and what it tells it when it starts and ends. */
function questionsOf(container: Fields): Fields[] {
  const lifecycle = fields(container["lifecycle"]);
  const probes = ["startupProbe", "readinessProbe", "livenessProbe"].map((key) => fields(container[key]));
  return [...probes, fields(lifecycle["preStop"]), fields(lifecycle["postStart"])].flatMap((asked) => [
    fields(asked["httpGet"]),
    fields(asked["tcpSocket"]),
  ]);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
