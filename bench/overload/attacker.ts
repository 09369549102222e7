/** An attack in a process of its own. */
import { UserError } from "../../toolchain/command.ts";
import { ATTACKS } from "./attacks.ts";

const { ATTACK = "", PORT = "", TOKEN = "" } = process.env;
const attack = ATTACKS[ATTACK];
if (!attack)
  throw new UserError(`ATTACK is ${JSON.stringify(ATTACK)}, must be one of ${Object.keys(ATTACKS).join("; ")}`);
attack({ port: Number(PORT), token: TOKEN });
