// The calls of the host: what runs inside of one, and how it ends.

import { WAITS_FOR_PROMISES } from "./engine.js";
import { toContract } from "./errors.js";
import { isThenable } from "./text.js";

let called = false;

/**
 * Refuses what would run while the plugin is built. The build runs the top level of every module and
 * freezes what it leaves behind into the component: a random number drawn there is the same for ever.
 */
export function duringCall(what) {
  if (called) return;
  throw new Error(
    `${what} works only inside of the plugin's functions. The top level of a module runs once, while the plugin is ` +
      "built, and its values are frozen into the component",
  );
}

/**
 * Runs an author's function: `run` calls it, `convert` makes what the contract wants of its answer. Whatever either
 * throws becomes one of the contract's errors.
 */
export function answer(name, run, convert) {
  return guarded(toContract, name, run, convert);
}

/** The same, with another form of errors. */
export function guarded(convertError, name, run, convert) {
  called = true;
  try {
    const value = run();
    if (!isThenable(value)) return convert(value);
    if (!WAITS_FOR_PROMISES) throw new TypeError(noPromises(name));
    return value.then(convert).catch((error) => {
      throw convertError(error);
    });
  } catch (error) {
    throw convertError(error);
  }
}

function noPromises(name) {
  return (
    `${name} returned a Promise, and nothing would wait for it: take \`async\` and \`await\` away. Every function of ` +
    "the chancery modules answers directly"
  );
}
