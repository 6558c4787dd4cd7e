/**
 * Secrets that the operator granted by name, as handles without a value.
 *
 * Needs `import chancery:host/secrets@0.1.0;` in `wit/world.wit` and `[grants.secrets]` in the grant file. To read a
 * value, see `chancery/reveal`; a header that the grant injects, or a key that signs in the host, needs neither.
 */

/** One secret. Holding it does not show its value. */
export interface Secret {
  /** The name that it was asked for by. */
  readonly name: string;
}

/** A handle to the named secret. Throws `Misconfigured` or `Unavailable` where there is none. */
export function get(name: string): Secret;
