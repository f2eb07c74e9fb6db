/*
 * Writes down what a real Linux handed over through a kexec, from the RAM of a QEMU machine that waits in `handover 2`:
 *
 *   node record-handover.mjs CONSOLE QMP_SOCKET >linux-7.3-handover.json
 *
 * CONSOLE is what the machine printed. The machine ends.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PAGE_SIZE = 4096;
const [, , consolePath, socketPath] = process.argv;
const khoTree = Buffer.from(/^handover: fdt ([0-9a-f]+)/m.exec(readFileSync(consolePath, 'utf8'))[1], 'hex');
const ram = await readRam(socketPath);
const pages = new Map();

// After the node's name, the property blob-size of 20 bytes, and the header of the property preserved-data.
const luo = Number(khoTree.readBigUInt64LE(khoTree.indexOf('LUO\0') + 36));
record(luo);
record(u64(luo + 24));
for (const session of entries(u64(luo + 16), 80)) {
  for (const file of entries(u64(session + 64), 64)) recordMemfd(u64(file + 48));
}
const sorted = [...pages].sort(([a], [b]) => a - b);
const recorded = Object.fromEntries(
  sorted.map(([address, bytes]) => [`0x${address.toString(16)}`, bytes.toString('hex')]),
);
console.log(JSON.stringify({ ram: ram.length, khoTree: khoTree.toString('hex'), pages: recorded }, null, 1));

/** The addresses of the entries of a chain of blocks, whose pages are recorded. */
function entries(head, size) {
  const found = [];
  for (let block = head; block !== 0; block = u64(block)) {
    record(block);
    for (let i = 0; i < u64(block + 8); i += 1) found.push(block + 16 + i * size);
  }
  return found;
}

/** The structure, and the array of folios. Not what is in the file. */
function recordMemfd(address) {
  record(address);
  for (let chunk = u64(address + 32); chunk !== 0; chunk = u64(chunk)) {
    record(chunk);
    for (let at = chunk + 8; at < chunk + PAGE_SIZE && u64(at) !== 0; at += 8) record(u64(at));
  }
}

/** Without the zeros at its end. */
function record(address) {
  const page = ram.subarray(address, address + PAGE_SIZE);
  pages.set(address, page.subarray(0, page.findLastIndex((byte) => byte !== 0) + 1));
}

function u64(address) {
  return Number(ram.readBigUInt64LE(address));
}

async function readRam(path) {
  const directory = mkdtempSync(join(tmpdir(), 'handover-'));
  const socket = connect(path);
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const call = async (execute, given) => {
    socket.write(`${JSON.stringify({ execute, arguments: given })}\n`);
    for (;;) {
      const { value, done } = await answers.next();
      if (done) throw new Error(`${execute}: the machine is gone`);
      const answer = JSON.parse(value);
      if (answer.error) throw new Error(`${execute}: ${answer.error.desc}`);
      if ('return' in answer) return answer.return;
    }
  };
  try {
    await call('qmp_capabilities');
    await call('stop');
    const { 'base-memory': size } = await call('query-memory-size-summary');
    const file = join(directory, 'ram');
    await call('pmemsave', { val: 0, size, filename: file });
    await call('quit');
    return readFileSync(file);
  } finally {
    socket.destroy();
    rmSync(directory, { recursive: true });
  }
}
