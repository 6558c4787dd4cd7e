// A secret's handle, which nothing shows by mistake.

export class Secret {
  #handle;

  constructor(name, handle) {
    this.name = name;
    this.#handle = handle;
  }

  /** What other interfaces of the host take. */
  static handle(secret) {
    if (secret instanceof Secret) return secret.#handle;
    throw new TypeError("this is no secret: get one by `get` of chancery/secrets");
  }
}
