// One bus and one session for the app, outside of every component, so that both outlive them.
import { embed } from "sso-bus-client";
import { openSession } from "sso-bus-client/session";
import * as signin from "sso-bus-client/signin";
import { settings } from "./settings.js";

export const session = openSession({
  bus: embed({ src: settings.bus }),
  appName: "CRM",
  release: "1",
  origins: [settings.api],
  signin,
});

export const signIn = () =>
  session.signIn({
    authorizeUrl: settings.authorizeUrl,
    clientId: settings.clientId,
    redirectUrl: location.origin + location.pathname,
  });
