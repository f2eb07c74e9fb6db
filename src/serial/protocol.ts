/** What is said to the holder of a port: one request a connection, in JSON, and one answer. */

export type HoldRequest =
  | { readonly request: 'status' }
  /** The descriptor of the port comes with the answer. The lock is held until the connection ends. */
  | { readonly request: 'open'; readonly lock: boolean }
  /** The port is closed, and the holder ends: then the connection ends. */
  | { readonly request: 'release' };

export type HoldAnswer =
  | { readonly status: HoldStatus }
  | { readonly opened: true }
  | { readonly released: true }
  | { readonly error: string };

/** What a holder tells of its port. */
export interface HoldStatus {
  readonly path: string;
  /** Undefined while the device is unplugged. */
  readonly dtr?: boolean;
  readonly rts?: boolean;
  /** Whether programs are refused that do not ask the holder. */
  readonly exclusive: boolean;
}

/** Undefined for what is no request: anything may connect and say anything. */
export function parseRequest(text: string): HoldRequest | undefined {
  const message = parse(text);
  if (typeof message !== 'object' || message === null || !('request' in message)) return undefined;
  switch (message.request) {
    case 'status':
      return { request: 'status' };
    case 'release':
      return { request: 'release' };
    case 'open':
      return { request: 'open', lock: 'lock' in message && message.lock === true };
    default:
      return undefined;
  }
}

/** Undefined for what is no JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
