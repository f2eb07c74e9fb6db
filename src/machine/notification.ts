/** What a service says of itself to whoever started it: the protocol of sd_notify(3). */

export interface Notification {
  readonly ready: boolean;
  /** For people. */
  readonly status?: string;
  /** How many more milliseconds it asks for, from now on. */
  readonly extension?: number;
}

/** Reads a datagram: `NAME=value` a line. What luo has no use for is left out. */
export function parseNotification(text: string): Notification {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const status = values.get('STATUS');
  const extension = values.get('EXTEND_TIMEOUT_USEC');
  return {
    ready: values.get('READY') === '1',
    ...(status === undefined ? {} : { status }),
    ...(extension !== undefined && /^\d{1,15}$/.test(extension) ? { extension: Number(extension) / 1000 } : {}),
  };
}
