// Plays scenarios against the mock in Node: one line of JSON in for each step, one out for its result.
// A line {"world": options} starts over. Arguments: the addresses of mock.js, client.js and player.js.
import { createInterface } from "node:readline";

const [mock, client, player] = await Promise.all(process.argv.slice(2).map((address) => import(address)));
let world;
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  if (step.world) world = player.mockWorld({ ...mock, ...client }, step.world);
  console.log(JSON.stringify(step.world ? null : await world.do(step)));
}
