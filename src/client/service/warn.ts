const said: Set<string> = new Set();

/** A warning of the process, once. */
export function warnOnce(message: string): void {
  if (said.has(message)) return;
  said.add(message);
  process.emitWarning(message, { code: 'LUO_SERVICE' });
}
