// One bus for the app, outside of every component: strict mode mounts components twice, and a
// component that unmounts would take the iframe along.
import { embed } from "sso-bus-client";
import { settings } from "./settings.js";

export const bus = embed({ src: settings.bus });
