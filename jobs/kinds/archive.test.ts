import { mkdtempSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { expect, it } from "vitest";
import { openPromise } from "yauzl";
import type { Member } from "../kind.ts";
import { artifactOf, createTestContext, memberOf } from "../../test/servers/job-context.ts";
import archive from "./archive.ts";
import speech from "./speech.ts";

/** A batch of recordings, its second member dead and its third without a file. */
function batch(): { members: Member[]; files: Map<string, Buffer> } {
  const files = new Map<string, Buffer>();
  const members = Array.from({ length: 12 }, (_, position): Member => {
    if (position === 1)
      return memberOf(1, { state: "dead", error: { code: "unknown-voice", message: "no such voice" } });
    if (position === 2) return memberOf(2, { result: { sum: 1 } });
    const content = Buffer.from(`recording ${position} `.repeat(50_000));
    const key = `artifacts/ab/${100 + position}-1.wav`;
    files.set(key, content);
    const result = { durationSeconds: position + 0.5 };
    return memberOf(position, { kind: "speech", result, artifact: artifactOf(key, content, "audio/wav") });
  });
  return { members, files };
}

async function pack(options: ReturnType<typeof batch>) {
  const context = createTestContext(options);
  const result = await archive.perform(context, {});
  const [saved] = context.saved;
  if (!saved) throw new Error("nothing was saved");
  return { result, ...saved };
}

async function unpack(content: Buffer): Promise<Map<string, Buffer>> {
  const path = join(mkdtempSync(join(tmpdir(), "slipway-archive-")), "a.zip");
  writeFileSync(path, content);
  const zip = await openPromise(path);
  const files = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    files.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return files;
}

it("holds a manifest and every file that a member made", async () => {
  const { members, files } = batch();
  const made = await pack({ members, files });
  expect(made).toMatchObject({ mediaType: "application/zip", extension: "zip" });
  const found = await unpack(made.content);
  expect([...found.keys()].slice(0, 3)).toEqual(["manifest.json", "00000.wav", "00003.wav"]);
  expect(found.get("00011.wav")).toEqual(files.get("artifacts/ab/111-1.wav"));
  expect(made.result).toEqual({
    members: 12,
    files: 10,
    bytes: [...files.values()].reduce((all, f) => all + f.length, 0),
  });
  const manifest = JSON.parse(String(found.get("manifest.json"))) as { members: Record<string, unknown>[] };
  expect(manifest.members).toHaveLength(12);
  expect(manifest.members[3]).toEqual({
    ...{ position: 3, jobId: "103", kind: "speech", state: "succeeded", file: "00003.wav", mediaType: "audio/wav" },
    ...{ bytes: found.get("00003.wav")?.length, durationSeconds: 3.5, error: null },
    sha256: createHash("sha256")
      .update(found.get("00003.wav") ?? "")
      .digest("hex"),
  });
  expect(manifest.members[1]).toMatchObject({ state: "dead", file: null, error: { code: "unknown-voice" } });
  expect(manifest.members[2]).toMatchObject({ state: "succeeded", file: null, durationSeconds: null });
  expect(speech.aggregate).toBe(archive.name);
});

it("is the same bytes for the same members", async () => {
  expect((await pack(batch())).content.equals((await pack(batch())).content)).toBe(true);
});

it("is not made of a file that is damaged or gone", async () => {
  const damaged = batch();
  damaged.files.set("artifacts/ab/104-1.wav", Buffer.from("recording 4 "));
  await expect(pack(damaged)).rejects.toThrow("artifacts/ab/104-1.wav has SHA-256");
  const gone = batch();
  gone.files.delete("artifacts/ab/104-1.wav");
  await expect(pack(gone)).rejects.toThrow("artifact artifacts/ab/104-1.wav is not in the object store");
});

it("stops when it is told to", async () => {
  const { members, files } = batch();
  const signal = AbortSignal.abort(new Error("the worker stops"));
  await expect(archive.perform(createTestContext({ members, files, signal }), {})).rejects.toThrow("the worker stops");
});
