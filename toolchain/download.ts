import { createWriteStream } from "node:fs";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { pipeline } from "node:stream/promises";
import { UserError } from "./command.ts";

/** Seconds in which an official server must begin to answer, all redirects together. */
export const ANSWER_SECONDS = 10;

/** Seconds without a byte after which a download is given up. */
const STALL_SECONDS = 10;

/** A server that did not answer, or not with the file. */
export class DownloadError extends UserError {}

/**
 * Downloads a file, through HTTPS_PROXY where that is set.
 *
 * @param onBytes is told how much has come so far
 * @throws DownloadError when nothing answers within {@link ANSWER_SECONDS}, the answer is not 200, or it stalls
 */
export async function download(url: string, to: string, onBytes: (bytes: number) => void): Promise<void> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => {
    giveUp.abort();
  }, ANSWER_SECONDS * 1000);
  const response = await answer(url, giveUp.signal, 5).finally(() => {
    clearTimeout(timer);
  });
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    onBytes(bytes);
  });
  response.setTimeout(STALL_SECONDS * 1000, () => response.destroy(new Error(`no byte for ${STALL_SECONDS} s`)));
  try {
    await pipeline(response, createWriteStream(to));
  } catch (error) {
    throw new DownloadError(`${url} broke off after ${bytes} bytes: ${String(error)}`);
  }
}

async function answer(url: string, signal: AbortSignal, redirects: number): Promise<IncomingMessage> {
  const { get, Agent } = url.startsWith("http:") ? http : https;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(url, { signal, agent: new Agent({ proxyEnv: process.env }) }, resolve);
    request.on("error", (error) => {
      reject(new DownloadError(`${url} did not answer: ${error.message}`));
    });
  });
  const { statusCode = 0, headers } = response;
  if (statusCode === 200) return response;
  response.resume();
  if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined && redirects > 0) {
    return answer(new URL(headers.location, url).href, signal, redirects - 1);
  }
  throw new DownloadError(`${url} answered ${statusCode}.`);
}
