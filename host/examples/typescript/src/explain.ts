// What to tell the user about a sign-in that failed.
import { BusError } from "sso-bus-client";

/** Returns a sentence for the user. Any other error than a BusError is a defect, and is thrown again. */
export function explain(reason: unknown): string {
  if (!(reason instanceof BusError)) throw reason;
  switch (reason.code) {
    case "REJECTED": // the backend's own JSON, whose form host and backend agree on
      return `The service refused the sign-in: ${JSON.stringify(reason.error)} (status ${reason.meta.status})`;
    case "PROVIDER_ERROR":
      return `The identity provider refused the sign-in: ${reason.error.error_description ?? reason.error.error}`;
    case "INVALID_PAYLOAD": // a mistake in this page
      return `The request was invalid: ${(reason.error.details ?? []).map(({ loc, message }) => `${loc.join(".")} ${message}`).join(", ")}`;
    case "BACKEND_TIMEOUT":
    case "BACKEND_UNREACHABLE":
    case "TIMEOUT":
      return "That took too long. Please sign in again.";
    case "BUS_UNREACHABLE":
    case "NOT_ALLOWED":
    case "MISCONFIGURED":
      return `Sign-in is not set up for this page: ${reason.evidence.join("; ")}`;
    default:
      return `${reason.message} See ${reason.help}`;
  }
}
