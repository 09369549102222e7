/** Answers everything with 429: takes the attacks of the rounds without one, so that the attacker costs the machine as much. */
import { createServer } from "node:http";

createServer((request, response) => {
  if (request.url === "/health/ready") response.end();
  else request.resume().once("end", () => response.writeHead(429).end());
}).listen(Number(process.env["PORT"]), "127.0.0.1");
