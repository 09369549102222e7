import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../toolchain/folders.ts";
import { COMMANDS } from "./command-table.ts";

/** No engine answers: what is refused is refused before one is asked. */
function slipway(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "ops/main.ts"), ...args], {
    env: { ...process.env, DOCKER_HOST: "unix:///nonexistent/docker.sock" },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const NAMES = Object.keys(COMMANDS);

test("every file of a command is in the table", () => {
  const files = readdirSync(join(ROOT, "ops/commands")).map((name) => name.replace(/\.ts$/, ""));
  expect([...NAMES].sort()).toEqual(files.sort());
});

test("without a command it says which there are, as wrong usage; asked for it, as an answer", () => {
  expect(slipway()).toMatchObject({ status: 2, stdout: "" });
  expect(slipway("bakup").stderr).toContain('There is no command "bakup"');
  const help = slipway("--help");
  expect(help.status).toBe(0);
  for (const command of NAMES) expect(help.stdout).toMatch(new RegExp(`^  ${command} `, "m"));
});

test.each(NAMES)("%s --help has options, exit codes and examples", (command) => {
  const { status, stdout } = slipway(command, "--help");
  expect(status).toBe(0);
  for (const part of [`slipway ${command}: `, "--stack name", "Exit codes", "  0 ", "Examples\n  ./slipway "])
    expect(stdout).toContain(part);
});

test.each([
  [["deploy", "--init", "--rollback"], "--init and --rollback do not go together"],
  [["deploy", "--canary", "100"], "the first below 100"],
  [["deploy", "--canary", "10", "--rollback"], "--canary and --rollback do not go together"],
  [["deploy", "--canary", "10", "--blue-green"], "--canary and --blue-green do not go together"],
  [["deploy", "--blue-green", "--stack", "prod"], "--blue-green is for stacks on a Docker engine and in a cluster"],
  [["deploy", "0.1.0"], 'A version goes with --rollback alone, got "0.1.0"'],
  [["rollback", "1", "2"], "at most 1"],
  [["releases", "now"], "takes no word"],
  [["backup", "now"], "takes no word"],
  [["backup", "--fast"], "Unknown option"],
  [["backup", "--stack", "a b"], "The stack's name"],
  [["backup", "--stack", "dev", "--stack", "cluster"], "one stack at a time"],
  [["publish"], "--from is"],
  [["cost", "--jobs-per-month", "many"], "whole number"],
  [["cost", "--stack", "prod"], "slipway:aws.cluster.publicCidrs"],
  [["preview", "--base", "/nonexistent"], "no checkout with its packages"],
  [["preview", "--stack", "dev", "--stack", "a b"], "The stack's name"],
  [["verify", "yesterday"], "no label of a backup"],
  [["restore", "--to", "2026-11-29T02:30:00"], "without a zone"],
  [["restore", "--to", "2999-01-01T00:00:00Z"], "in the future"],
  [["restore", "--forget", "first", "--back"], "--forget goes alone"],
  [["keys"], "export, verify, import"],
  [["keys", "print"], 'got "print"'],
  [["keys", "export"], "--to FILE"],
  [["keys", "export", "--to", join(ROOT, "package.json")], "is there already"],
  [["keys", "verify", "--from", "/nonexistent"], "no such file"],
  [["backups", "--stack", "prod"], "for stacks on a Docker engine. prod stands on AWS"],
])("%j is wrong usage: %s", (args, why) => {
  const { status, stdout, stderr } = slipway(...args);
  expect(stderr).toContain(why);
  expect([status, stdout]).toEqual([2, ""]);
});

test("with --json a failure is a document too", () => {
  const { status, stdout, stderr } = slipway("backups", "--json");
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toEqual({ command: "backups", stack: "dev", exitCode: 1, failure: stderr.trim() });
  expect(stderr).toContain("/nonexistent/docker.sock");
});

describe("with --json, words that are wrong are a document too:", () => {
  test.each([
    // Its codes 0 to 2 are verdicts.
    [["health", "--json", "--no-such"], { command: "health", stack: "dev", exitCode: 64 }, "'--no-such'"],
    [["deploy", "--no-such", "--json"], { command: "deploy", stack: "dev" }, "'--no-such'"],
    [["preview", "--no-such", "--json"], { command: "preview", stacks: ["dev"] }, "'--no-such'"],
    [["backup", "--json", "--stack"], { command: "backup" }, "argument missing"],
    [["backup", "--stack", "--json"], { command: "backup" }, "ambiguous"],
    [["backup", "--stack", "prod", "--json=yes"], { command: "backup", stack: "prod" }, "does not take an argument"],
    [["preview", "--stack", "a,b", "--base", "--json"], { command: "preview", stacks: ["a", "b"] }, "ambiguous"],
    [["rotate", "--json"], { command: "rotate", stack: "dev" }, "got nothing"],
    [["bakup", "--json"], { command: "bakup" }, 'There is no command "bakup".'],
    [["--json"], {}, 'There is no command "--json".'],
  ])("%j", (args, head, why) => {
    const { status, stdout } = slipway(...args);
    const said = { exitCode: 2, ...head, failure: expect.stringContaining(why) as string };
    expect(JSON.parse(stdout)).toEqual(said);
    expect(status).toBe(said.exitCode);
  });

  test("behind -- it is a word like others, and text is not mixed with documents", () => {
    expect(slipway("backup", "--no-such", "--", "--json")).toMatchObject({ status: 2, stdout: "" });
  });
});
