// What plays tests/scenarios.py in a host page: against a bus, or against the mock.
import { BusError, embed } from "/client.js";
import { mockBus, mockClock } from "/mock.js";
import { mockWorld, seat } from "/pages/player.js";

const LOOK = 20; // milliseconds
const LOOKS = 500; // ten seconds, as in tests/e2e/support/scenes.py

window.take = async (src) => {
  const bus = (window.bus = embed({ src }));
  window.seat = seat(bus, BusError, () => new Promise((done) => setTimeout(done, LOOK)), LOOKS);
  await bus.ready;
};
window.playMock = (options) => {
  window.mocked = mockWorld({ mockBus, mockClock, BusError }, options);
};

// Opens this page once more in a new tab.
window.openTab = async (src) => {
  window.other = open(location.href);
  while (!other.loaded) await new Promise((done) => setTimeout(done, LOOK));
  await other.take(src);
};
window.loaded = true;
