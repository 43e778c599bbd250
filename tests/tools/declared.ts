// The declarations beside the client's modules say what these modules are, no less and no more. Each module
// stands here under another name, since TypeScript takes the declarations for it under its own.
import type * as client from "./modules/client.js";
import type * as clientModule from "./modules/client-module.js";
import type * as mock from "./modules/mock.js";
import type * as mockModule from "./modules/mock-module.js";
import type * as session from "./modules/session.js";
import type * as sessionModule from "./modules/session-module.js";
import type * as signin from "./modules/signin.js";
import type * as signinModule from "./modules/signin-module.js";
import type * as warm from "./modules/warm.js";
import type * as warmModule from "./modules/warm-module.js";

type Same<A, B> = [A, B] extends [B, A] ? true : false;
type Declared = typeof client;
type Module = typeof clientModule;
type Names<T> = T extends unknown ? keyof T : never; // of all members of a union

// What is exported, but for mere types.
true satisfies Same<keyof Declared, keyof Module>;
true satisfies Same<keyof typeof signin, keyof typeof signinModule>;
true satisfies Same<keyof typeof session, keyof typeof sessionModule>;
true satisfies Same<keyof typeof warm, keyof typeof warmModule>;

true satisfies Same<Declared["DEFAULT_TIMEOUT"], Module["DEFAULT_TIMEOUT"]>;
true satisfies Same<Declared["embed"], Module["embed"]>;
true satisfies Same<typeof session.openSession, typeof sessionModule.openSession>;
true satisfies Same<typeof signin.finishSignIn, typeof signinModule.finishSignIn>;
true satisfies Same<typeof warm.warm, typeof warmModule.warm>;
true satisfies Same<keyof typeof mock, keyof typeof mockModule>;
true satisfies Same<typeof mock.mockBus, typeof mockModule.mockBus>;
true satisfies Same<typeof mock.mockClock, typeof mockModule.mockClock>;

// One function with two ways to call it: the options of both.
type Options = Parameters<typeof signinModule.startSignIn>[0];
true satisfies Same<keyof Options, keyof signin.PopupOptions>;
true satisfies Same<Omit<Options, "popup">, signin.SignInOptions & Partial<Omit<signin.PopupOptions, "popup">>>;

// One class; the declarations tell by its code what an error has.
true satisfies Same<Names<client.BusError>, keyof clientModule.BusError>;
true satisfies Same<client.BusError["code"], clientModule.BusError["code"]>;
true satisfies Same<ConstructorParameters<Declared["BusError"]>, ConstructorParameters<Module["BusError"]>>;
