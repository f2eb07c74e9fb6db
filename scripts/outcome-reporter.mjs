/** Writes down each test that ran or was skipped, one JSON text a line. */
export default async function* outcomes(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, file = '', skip, details } = data;
    // A file without tests is reported under its own name, and a suite in addition to what it holds.
    if (file.endsWith(name) || (details.type === 'suite' && skip === undefined)) continue;
    // Node 20 counts what --test-name-pattern leaves out as skipped.
    if (skip === 'test name does not match pattern') continue;
    const skipped = skip === undefined ? undefined : skip === true || skip === '' ? 'no reason given' : skip;
    yield `${JSON.stringify({ file, name, skipped })}\n`;
  }
}
