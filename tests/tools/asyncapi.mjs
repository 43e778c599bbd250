// Reads an AsyncAPI document with the makers' own parser and prints what it thinks of it, as JSON.
import { Parser, fromFile } from "@asyncapi/parser";

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
const operations = document?.operations().all() ?? [];
console.log(
  JSON.stringify({
    diagnostics: diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity })),
    version: document?.version(),
    operations: Object.fromEntries(
      operations.map((each) => [
        each.id(),
        {
          action: each.action(),
          channel: each.channels().all()[0].id(),
          messages: each
            .messages()
            .all()
            .map((message) => message.name()),
          reply: each
            .reply()
            ?.messages()
            .all()
            .map((message) => message.name()),
          replyChannel: each.reply()?.channel()?.id(),
        },
      ]),
    ),
    payloads: Object.fromEntries(
      (document?.allMessages().all() ?? []).map((message) => [message.name(), message.payload().json().title]),
    ),
  }),
);
