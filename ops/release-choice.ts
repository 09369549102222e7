import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { releases, type DeploymentRecord, type ReleaseImages } from "../toolchain/deployment/deployments-log.ts";
import type { Look } from "../toolchain/deployment/operate.ts";
import { stackOption } from "./restore-run.ts";

export type KnownRelease = DeploymentRecord & { readonly images: ReleaseImages };

export interface ChoiceArgs {
  readonly stack: string;
  readonly records: readonly DeploymentRecord[];
  /** What serves; nothing where nothing does. */
  readonly serving: ReleaseImages | undefined;
  /** A version, the beginning of one, or the number of a deployment. @default the release before the one that serves */
  readonly wanted: string | undefined;
}

/**
 * The release to go back to.
 *
 * @throws UserError where there is none, or several are meant
 */
export function chooseRelease({ stack, records, serving, wanted }: ChoiceArgs): KnownRelease {
  const known = releases(records);
  const list = `See: ./slipway releases${stackOption(stack)}`;
  if (wanted === undefined) {
    const before = releaseBefore(records, serving);
    if (before !== undefined) return before;
    throw new UserError(`${stack} has no release before the one that serves. ${list}`, EXIT.usage);
  }
  const byNumber = /^#?\d+$/.test(wanted)
    ? records.find(({ number }) => number === Number(wanted.replace("#", "")))
    : undefined;
  const found = byNumber
    ? known.filter(({ images }) => images.api === byNumber.images?.api && images.worker === byNumber.images.worker)
    : matching(known, wanted);
  const [one, another] = found;
  if (one === undefined)
    throw new UserError(`${stack} has no release ${JSON.stringify(wanted)} that was deployed. ${list}`, EXIT.usage);
  if (another === undefined) return one;
  const names = found.map(({ number, version, endedAt }) => `  ${number}  ${version}  ${endedAt ?? ""}`).join("\n");
  throw new UserError(
    `${JSON.stringify(wanted)} may mean ${found.length} releases of ${stack}; name one by its number:\n${names}`,
    EXIT.usage,
  );
}

/** A command that goes back: what was left by it is not gone back to. */
const GOING_BACK = /^slipway (rollback|deploy .*--rollback)\b/;

/**
 * What was deployed before the release that serves. After A, B, C and a rollback to B that is A: C was left, and a second rollback does not bring it
 * again.
 */
function releaseBefore(
  records: readonly DeploymentRecord[],
  serving: ReleaseImages | undefined,
): KnownRelease | undefined {
  const line: KnownRelease[] = [];
  for (const record of records) {
    const { images, outcome, command } = record;
    if (images === undefined || outcome !== "succeeded") continue;
    const at = line.findLastIndex((one) => one.images.api === images.api && one.images.worker === images.worker);
    if (at !== -1 && (at === line.length - 1 || GOING_BACK.test(command))) line.length = at;
    line.push({ ...record, images });
  }
  const isServing = ({ images }: KnownRelease) => images.api === serving?.api && sameWorker(images, serving);
  const at = line.findLastIndex(isServing);
  // What serves was brought past the log: the newest on it is before that.
  return at === -1 ? line.at(-1) : line.slice(0, at).findLast((one) => !isServing(one));
}

/** Of workers that are scaled to none, nothing can be told. */
function sameWorker({ worker }: ReleaseImages, serving: ReleaseImages | undefined): boolean {
  return serving?.worker === "none" || worker === serving?.worker;
}

function matching(known: readonly KnownRelease[], wanted: string): readonly KnownRelease[] {
  const exact = known.filter(({ version }) => version === wanted);
  return exact.length > 0 ? exact : known.filter(({ version }) => version.startsWith(wanted));
}

/** A migration that a database has, or will have. */
export type Applied = Pick<Look["applied"][number], "version" | "file" | "phase">;

/** Those of a checkout that a database does not have yet. */
export function pendingOf<T extends Applied>(migrations: readonly T[], applied: readonly Applied[]): readonly T[] {
  return migrations.filter(({ version }) => !applied.some((one) => one.version === version));
}

/** A migration that a release cannot run behind. */
export interface Barrier {
  readonly version: number;
  readonly file: string;
  readonly phase: string;
}

/**
 * Applied migrations that a release knows nothing of and cannot live with: those that break every release before, and those that took away
 * what it still uses.
 *
 * @param needs the migration that its code needs; nothing where nobody knows, which may be any
 */
export function barriers(applied: readonly Applied[], needs = 0): readonly Barrier[] {
  return applied.flatMap(({ version, file, phase }) => {
    if (version <= needs) return [];
    if (phase === "incompatible") return [{ version, file, phase }];
    const settled = applied.findLast((one) => one.version < version && one.phase !== "contract")?.version ?? 0;
    return phase === "contract" && needs < settled ? [{ version, file, phase }] : [];
  });
}

/** @throws UserError with the way out, where the database has gone where a release cannot follow */
export function refuseBarriers(
  stack: string,
  target: KnownRelease,
  applied: readonly Applied[],
  records: readonly DeploymentRecord[],
): void {
  const [first] = barriers(applied, target.schemaNeeds);
  if (first === undefined) return;
  const { version, number, images } = target;
  const needs = target.schemaNeeds === undefined ? "an unknown migration" : `migration ${target.schemaNeeds}`;
  const at = records.find(
    ({ schemaBefore, schemaAfter }) => (schemaBefore ?? 0) < first.version && (schemaAfter ?? 0) >= first.version,
  );
  const moment = at?.backup ?? at?.startedAt ?? "MOMENT";
  throw new UserError(
    `${version} (deployment ${number}) was made for ${needs}, and the database of ${stack} has ${first.file}, which is ${first.phase}: that release cannot work behind it. ` +
      `Nothing was changed.\nThe way back is the data of before it${at === undefined ? "" : ` (deployment ${at.number}, ${at.startedAt})`}, together with the release; what was written since is lost:\n` +
      `  pulumi config set-all --stack ${stack} --path --plaintext slipway:release.api=${images.api} --plaintext slipway:release.worker=${images.worker}\n` +
      `  ./slipway restore --to ${moment}${stackOption(stack)}        # says what would be lost; then with --yes`,
    EXIT.usage,
  );
}
