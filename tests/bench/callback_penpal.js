// A host page with a frame in JavaScript, which does what the bus does for `json`, back from the provider.
import { connect, WindowMessenger } from "/far/penpal.mjs";

const { src, code, redirectUrl } = query;
const frame = document.createElement("iframe");
frame.hidden = true;
frame.src = `${src}#${location.origin}`;
document.body.append(frame);
const messenger = new WindowMessenger({ remoteWindow: frame.contentWindow, allowedOrigins: [new URL(src).origin] });
report(connect({ messenger }).promise.then((remote) => remote.exchange({ code, redirectUrl })));
