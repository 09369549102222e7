import { Readable } from "node:stream";
import { ZipFile } from "yazl";

/** A file of an archive. */
export interface ZipEntry {
  /** Path within the archive. */
  readonly name: string;
  /** Opens it when its turn comes. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Earliest moment that an archive can hold, in local time as it is kept there. */
const NO_TIME = new Date(1980, 0, 1);

/**
 * Writes an archive as it is read: one file after the other, in memory that does not grow with their bytes.
 *
 * Files are stored as they are and bear no time: the same files give the same bytes, whatever zlib, clock or time zone. Beyond 65,535 files
 * or 4 GiB it is a Zip64 archive.
 *
 * @throws what opening or reading a file throws
 */
export function zipStream(entries: Iterable<ZipEntry>): AsyncIterable<Uint8Array> {
  const zip = new ZipFile();
  const options = { mtime: NO_TIME, forceDosTimestamp: true, compress: false, mode: 0o100644 };
  const output = zip.outputStream;
  if (!(output instanceof Readable)) throw new Error("yazl gave no stream of Node's own");
  let current: Readable | undefined;
  zip.on("error", (error: Error) => output.destroy(error));
  // Who stops reading leaves nothing open.
  output.once("close", () => current?.destroy());
  for (const { name, open } of entries) {
    zip.addReadStreamLazy(name, options, (give) => {
      current = Readable.from(open(), { objectMode: false });
      current.once("error", (error) => zip.emit("error", error));
      give(undefined, current);
    });
  }
  zip.end();
  return output;
}
