/** The name of a session: bytes in no particular encoding, without the NUL that ends them. */
export class SessionName {
  /** One character a byte: equal exactly when the bytes are. */
  readonly key: string;

  constructor(readonly bytes: Uint8Array) {
    this.key = String.fromCharCode(...bytes);
  }

  /** The bytes before the first NUL, or all of them where there is none. */
  static before(field: Uint8Array): SessionName {
    const end = field.indexOf(0);
    return new SessionName(field.slice(0, end < 0 ? field.length : end));
  }

  /** In quotes, for messages. What is not plain ASCII is written `\xNN`. */
  toString(): string {
    const plain = this.key.replace(/[^ -~]|["\\]/g, (character) => `\\x${hex(character)}`);
    return `"${plain}"`;
  }
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, '0');
}
